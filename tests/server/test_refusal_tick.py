"""Tests of hushpost_server.refusal_tick: a loop made by hand, no sleeping."""

from __future__ import annotations

from collections.abc import Callable

from hushpost_proof.harness.device import NOW, envelope_for
from hushpost_server.metrics import Counter
from hushpost_server.refusal_tick import RefusalTick
from hushpost_wire.control import Registration, Role
from hushpost_wire.frames import RefusalReason, Refused, Submit, decode_to_client, encode_submit
from hushpost_wire.host import Host
from hushpost_wire.identifiers import RelayPublicKey
from hushpost_wire.relay_protocol import RelayProtocol
from hushpost_wire.terms import Terms

TERMS = Terms(Host("relay.test"), RelayPublicKey(bytes(32)), Registration.OPEN)


class Loop:
    """Time and timers, moved by hand."""

    def __init__(self) -> None:
        self.time = 100.013
        self.timers: list[tuple[float, Callable[[], None]]] = []

    def call_at(self, when: float, callback: Callable[[], None]) -> None:
        """Note a timer."""
        self.timers.append((when, callback))

    def run_until(self, when: float) -> None:
        """Run what is due, at its time."""
        while self.timers and min(self.timers)[0] <= when:
            timer = min(self.timers)
            self.timers.remove(timer)
            self.time = timer[0]
            timer[1]()
        self.time = when


class Answerer:
    """A post connection whose answers are noted with their time."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.machine = RelayProtocol(TERMS, Role.POST, nonce=bytes(32), now=NOW)
        self.machine.data_to_send()
        self.answers: list[tuple[float, bytes]] = []

    def offer(self, request: int) -> None:
        """Have the machine receive a submission."""
        self.machine.receive_data(encode_submit(offered(request)), NOW)

    def send_soon(self) -> None:
        """Note what would be sent."""
        for message in self.machine.data_to_send():
            assert isinstance(message, bytes)
            self.answers.append((self.loop.time, message))


def offered(request: int) -> Submit:
    """Make a well-formed submission."""
    return envelope_for(bytes(16), bytes(32), request=request)


class Stand:
    """A tick of a tenth of a second, and the store's probes, answered when told."""

    def __init__(self) -> None:
        self.loop = Loop()
        self.submitted = Counter()
        self.charged: list[Answerer] = []
        self.probes: list[Callable[[], None]] = []
        self.probes_wait = False
        self.tick = RefusalTick(
            0.1,
            now=lambda: self.loop.time,
            call_at=self.loop.call_at,
            submitted=self.submitted,
            probe=self._probe,
            charge=self.charged.append,
        )

    def _probe(self, tell: Callable[[], None]) -> None:
        self.probes.append(tell)
        if not self.probes_wait:
            self.answer_probes()

    def answer_probes(self) -> None:
        """Say that everything is decided."""
        probes, self.probes = self.probes, []
        for tell in probes:
            tell()

    def offer(self, answerer: Answerer, request: int = 1) -> tuple[float, int]:
        """Submit; return the number and the period, which the refusal must name."""
        self.submitted.value += 1
        if not self.tick.is_running:
            self.tick.begin()
        answerer.offer(request)
        return self.submitted.value, self.tick.period


def test_a_decision_at_once_and_a_slow_one_leave_together() -> None:
    """Two that arrived together leave at the same time, decided from memory or from disk."""
    stand = Stand()
    quick, slow = Answerer(stand.loop), Answerer(stand.loop)
    of_quick, of_slow = stand.offer(quick), stand.offer(slow)
    stand.tick.refuse(quick, 1, *of_quick)
    stand.loop.run_until(stand.loop.time + 0.05)
    stand.tick.refuse(slow, 1, *of_slow)
    stand.loop.run_until(stand.loop.time + 1)
    assert quick.answers == slow.answers
    assert len(quick.answers) == 1


def test_a_busy_disk_keeps_back_what_needed_none() -> None:
    """While the store has not decided all that arrived in a period, none of it is refused."""
    stand = Stand()
    stand.probes_wait = True
    quick, slow = Answerer(stand.loop), Answerer(stand.loop)
    of_quick, of_slow = stand.offer(quick), stand.offer(slow)
    stand.tick.refuse(quick, 1, *of_quick)
    stand.loop.run_until(stand.loop.time + 0.9)
    assert quick.answers == []
    stand.tick.refuse(slow, 1, *of_slow)
    stand.answer_probes()
    stand.loop.run_until(stand.loop.time + 0.3)
    assert quick.answers == slow.answers
    assert len(quick.answers) == 1


def test_refusals_leave_in_the_order_of_arrival() -> None:
    """The order of the answers on one connection does not tell which was decided from disk."""
    stand = Stand()
    answerer = Answerer(stand.loop)
    first, second = stand.offer(answerer, 1), stand.offer(answerer, 2)
    stand.tick.refuse(answerer, 2, *second)
    stand.tick.refuse(answerer, 1, *first)
    stand.loop.run_until(stand.loop.time + 1)
    refused = [decode_to_client(message) for _, message in answerer.answers]
    assert refused == [Refused(RefusalReason.NO_DROP, n, 0) for n in (1, 2)]


def test_no_refusal_leaves_before_a_whole_tick() -> None:
    """Every refusal waits at least one tick, and is not held much longer."""
    stand = Stand()
    for step in range(10):
        answerer = Answerer(stand.loop)
        place = stand.offer(answerer)
        arrived = stand.loop.time
        stand.tick.refuse(answerer, 1, *place)
        stand.loop.run_until(arrived + 0.5 + step * 0.0173)
        waited = answerer.answers[0][0] - arrived
        assert 0.1 - 1e-9 <= waited <= 0.3 + 1e-9


def test_a_timer_that_comes_early_cuts_no_tick_short() -> None:
    """Event loops round: a tick that fires just before its time is not repeated at it."""
    stand = Stand()
    answerer = Answerer(stand.loop)
    place = stand.offer(answerer)
    stand.tick.refuse(answerer, 1, *place)
    arrived = stand.loop.time
    for _ in range(4):
        ((when, callback),) = stand.loop.timers
        stand.loop.timers.clear()
        stand.loop.time = when - 0.0004
        callback()
        if answerer.answers:
            break
    assert answerer.answers[0][0] - arrived >= 0.1 - 0.0004


def test_a_refusal_costs_its_sender_when_it_is_told_and_not_when_it_is_decided() -> None:
    """Until the tick the rate that is left is the same, decided or not."""
    stand = Stand()
    answerer = Answerer(stand.loop)
    stand.tick.refuse(answerer, 1, *stand.offer(answerer))
    stand.loop.run_until(stand.loop.time + 0.05)
    assert stand.charged == []
    stand.loop.run_until(stand.loop.time + 1)
    assert stand.charged == [answerer]


def test_the_answer_is_no_drop() -> None:
    """What leaves is the one NO_DROP refusal, with no hint."""
    stand = Stand()
    answerer = Answerer(stand.loop)
    stand.tick.refuse(answerer, 7, *stand.offer(answerer, 7))
    stand.loop.run_until(stand.loop.time + 1)
    assert decode_to_client(answerer.answers[0][1]) == Refused(RefusalReason.NO_DROP, 7, 0)


def test_nothing_runs_while_nothing_arrives() -> None:
    """The tick stops when the last answer left, and starts again with the next arrival."""
    stand = Stand()
    answerer = Answerer(stand.loop)
    stand.tick.refuse(answerer, 1, *stand.offer(answerer))
    stand.loop.run_until(stand.loop.time + 1)
    assert stand.loop.timers == []
    assert len(stand.tick) == 0
    stand.offer(answerer, 2)
    assert len(stand.loop.timers) == 1
    stand.loop.run_until(stand.loop.time + 1)
    assert stand.loop.timers == []


def test_a_refusal_that_comes_after_all_ticks_starts_them_again() -> None:
    """A decision that no probe waited for (another store's) is answered all the same."""
    stand = Stand()
    answerer = Answerer(stand.loop)
    place = stand.offer(answerer)
    stand.loop.run_until(stand.loop.time + 1)
    stand.tick.refuse(answerer, 1, *place)
    stand.loop.run_until(stand.loop.time + 0.3)
    assert len(answerer.answers) == 1


def test_a_drain_answers_at_once() -> None:
    """`flush` sends what waits, so that a stopping relay leaves nobody without an answer."""
    stand = Stand()
    answerer = Answerer(stand.loop)
    stand.tick.refuse(answerer, 1, *stand.offer(answerer))
    stand.tick.flush()
    assert len(answerer.answers) == 1
