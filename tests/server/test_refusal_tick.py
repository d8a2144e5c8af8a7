"""Tests of hushpost_server.refusal_tick: a loop made by hand, no sleeping."""

from __future__ import annotations

from collections.abc import Callable

from hushpost_server.refusal_tick import RefusalTick
from hushpost_wire.control import Registration, Role
from hushpost_wire.frames import RefusalReason, Refused, Submit, decode_to_client, encode_submit
from hushpost_wire.host import Host
from hushpost_wire.identifiers import RelayPublicKey
from hushpost_wire.relay_protocol import RelayProtocol
from hushpost_wire.terms import Terms

from tests.server.device import NOW, envelope_for

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


def tick_of(loop: Loop) -> RefusalTick:
    """Make a tick of a tenth of a second."""
    return RefusalTick(0.1, now=lambda: loop.time, call_at=loop.call_at)


def test_a_decision_at_once_and_a_slow_one_leave_together() -> None:
    """Two that arrived together leave at the same time, decided from memory or from disk."""
    loop = Loop()
    tick, quick, slow = tick_of(loop), Answerer(loop), Answerer(loop)
    quick.offer(1)
    slow.offer(1)
    arrived = loop.time
    tick.refuse(quick, 1, arrived)
    loop.run_until(arrived + 0.05)
    tick.refuse(slow, 1, arrived)
    loop.run_until(arrived + 1)
    assert quick.answers == slow.answers
    assert len(quick.answers) == 1


def test_no_refusal_leaves_before_a_whole_tick() -> None:
    """Every refusal waits at least one tick, and is not held much longer."""
    loop = Loop()
    tick = tick_of(loop)
    for step in range(10):
        answerer = Answerer(loop)
        answerer.offer(1)
        arrived = loop.time
        tick.refuse(answerer, 1, arrived)
        loop.run_until(arrived + 0.5 + step * 0.0173)
        waited = answerer.answers[0][0] - arrived
        assert 0.1 - 1e-9 <= waited <= 0.3 + 1e-9


def test_the_answer_is_no_drop() -> None:
    """What leaves is the one NO_DROP refusal, with no hint."""
    loop = Loop()
    tick, answerer = tick_of(loop), Answerer(loop)
    answerer.offer(7)
    tick.refuse(answerer, 7, loop.time)
    loop.run_until(loop.time + 1)
    assert decode_to_client(answerer.answers[0][1]) == Refused(RefusalReason.NO_DROP, 7, 0)


def test_nothing_runs_while_nothing_waits() -> None:
    """The tick stops when the last answer left, and starts again with the next."""
    loop = Loop()
    tick, answerer = tick_of(loop), Answerer(loop)
    answerer.offer(1)
    tick.refuse(answerer, 1, loop.time)
    loop.run_until(loop.time + 1)
    assert loop.timers == []
    assert len(tick) == 0
    answerer.offer(2)
    tick.refuse(answerer, 2, loop.time)
    assert len(loop.timers) == 1


def test_a_drain_answers_at_once() -> None:
    """`flush` sends what waits, so that a stopping relay leaves nobody without an answer."""
    loop = Loop()
    tick, answerer = tick_of(loop), Answerer(loop)
    answerer.offer(1)
    tick.refuse(answerer, 1, loop.time)
    tick.flush()
    assert len(answerer.answers) == 1
