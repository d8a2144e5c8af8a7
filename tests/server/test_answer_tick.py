"""Tests of hushpost_server.answer_tick: a clock by hand, a store that commits when told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hushpost_server import answer_tick
from hushpost_server.answer_tick import AnswerTick, TickClock
from hushpost_server.metrics import Counter
from hushpost_store.errors import StorageFull

TICK = answer_tick.TICK_SECONDS


class Answerer:
    """A connection whose answers are noted with the moment at which they left."""

    def __init__(self, stand: Stand) -> None:
        self.gone = False
        self.stand = stand
        self.said: list[str | bytes] = []
        self.left: list[tuple[float, str | bytes]] = []

    def say(self, text: str) -> Callable[[], None]:
        """Return what gives an answer to the machine."""
        return lambda: self.said.append(text)

    def collect(self) -> list[str | bytes]:
        """See `Answerer`."""
        said, self.said = self.said, []
        return said

    def transmit(self, messages: list[str | bytes]) -> None:
        """See `Answerer`."""
        self.left += [(self.stand.time, message) for message in messages]
        self.stand.transmitted.append(self)


@dataclass
class Stand:
    """A tick with its surroundings: time, timers, a store and a reception, all by hand."""

    time: float = 1000.0
    bytes_max: int = 1 << 20
    steps: list[str] = field(default_factory=list[str])
    timers: list[tuple[float, Callable[[], None]]] = field(
        default_factory=list[tuple[float, Callable[[], None]]]
    )
    transmitted: list[Answerer] = field(default_factory=list[Answerer])
    commit_works: bool = True
    is_empty: bool = True
    faults: list[tuple[Answerer, type[Exception]]] = field(
        default_factory=list[tuple[Answerer, type[Exception]]]
    )
    late: Counter = field(default_factory=Counter)
    stops: Counter = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.decide, self.finish = asyncio.Event(), asyncio.Event()
        self.decide.set()
        self.finish.set()
        self.tick = AnswerTick(
            self,
            self,
            clock=TickClock(lambda: self.time, self.call_at, self.pause),
            bytes_max=self.bytes_max,
            late=self.late,
            stops=self.stops,
            on_fault=lambda answerer, error: self.faults.append((answerer, type(error))),
        )
        self.tick.start()

    def call_at(self, when: float, callback: Callable[[], None]) -> None:
        """Note a timer."""
        self.timers.append((when, callback))

    def pause(self, seconds: float) -> None:
        """Let time pass."""
        self.time += seconds

    def begin(self) -> None:
        """Hold."""
        self.steps.append("begin")

    async def decided(self) -> None:
        """See `CommitHold`."""
        await self.decide.wait()
        self.steps.append("decided")

    def cut(self) -> None:
        """Cut."""
        self.steps.append("cut")

    async def commit(self) -> None:
        """See `CommitHold`."""
        await self.finish.wait()
        self.steps.append("commit")
        if not self.commit_works:
            raise StorageFull("the disk is full")

    def stop_posts(self) -> None:
        """See `Bound`."""
        self.steps.append("stop")

    def resume_posts(self) -> None:
        """See `Bound`."""
        self.steps.append("resume")

    async def run_until(self, when: float) -> None:
        """Run what is due, at its time, and let tasks have their turns."""
        while self.timers and min(timer[0] for timer in self.timers) <= when:
            timer = min(self.timers, key=lambda timer: timer[0])
            self.timers.remove(timer)
            self.time = max(self.time, timer[0])
            timer[1]()
            await turns()
        self.time = max(self.time, when)


async def turns() -> None:
    """Let every task that can run do so."""
    for _ in range(8):
        await asyncio.sleep(0)


@pytest.fixture
def stand(monkeypatch: pytest.MonkeyPatch) -> Stand:
    """Give a stand whose commits wait for nothing but the store."""
    monkeypatch.setattr(answer_tick, "HOLD_SECONDS", -1.0)
    return Stand()


async def test_answers_leave_one_tick_after_that_of_their_arrival(stand: Stand) -> None:
    """Early and late in a tick, known at once or much later: one moment, not a tick before."""
    early, late = Answerer(stand), Answerer(stand)
    stand.tick.owe(early, 4096).settle(early.say("early"))
    await stand.run_until(1000.2)
    ticket = stand.tick.owe(late, 4096)
    await stand.run_until(1000.4)
    assert early.left == []
    ticket.settle(late.say("late"))
    await stand.run_until(1000.6)
    assert early.left == [(1000.5, "early")]
    assert late.left == [(1000.5, "late")]
    assert stand.steps == ["begin", "decided", "cut", "commit"]


async def test_answers_leave_in_the_order_of_arrival(stand: Stand) -> None:
    """Neither connections nor the answers of one are ordered by when they became known."""
    one, other = Answerer(stand), Answerer(stand)
    tickets = [stand.tick.owe(who, 0) for who in (one, other, one)]
    for ticket, who, text in reversed(
        list(zip(tickets, (one, other, one), ("1", "2", "3"), strict=True))
    ):
        ticket.settle(who.say(text))
    await stand.run_until(1000.6)
    assert [text for _, text in one.left] == ["1", "3"]
    assert stand.transmitted == [one, other]


@pytest.mark.parametrize("held_up", ["decide", "finish"])
async def test_a_late_commit_delays_the_whole_tick(stand: Stand, held_up: str) -> None:
    """What needed no commit waits with what did, and later cohorts wait behind both."""
    event: asyncio.Event = getattr(stand, held_up)
    event.clear()
    one, other = Answerer(stand), Answerer(stand)
    stand.tick.owe(one, 0).settle(one.say("a"))
    await stand.run_until(1000.3)
    stand.tick.owe(other, 0).settle(other.say("b"))
    await stand.run_until(1001.1)
    assert one.left == other.left == []
    assert stand.late.value == 3
    event.set()
    await turns()
    await stand.run_until(1001.3)
    assert one.left == [(1001.25, "a")]
    assert other.left == [(1001.25, "b")]


async def test_an_unsettled_answer_delays_the_whole_tick(stand: Stand) -> None:
    """Nobody of a cohort is answered before everybody's answer is known."""
    one, other = Answerer(stand), Answerer(stand)
    stand.tick.owe(one, 0).settle(one.say("a"))
    ticket = stand.tick.owe(other, 0)
    await stand.run_until(1000.9)
    assert one.left == []
    ticket.settle(other.say("b"))
    await stand.run_until(1001.1)
    assert one.left == [(1001.0, "a")]


async def test_a_late_request_waits_alone(stand: Stand) -> None:
    """An answer that is owed loosely leaves on the first tick that finds it, and delays none."""
    one, other = Answerer(stand), Answerer(stand)
    loose = stand.tick.owe_loosely(one)
    stand.tick.owe(other, 0).settle(other.say("b"))
    await stand.run_until(1000.6)
    assert other.left == [(1000.5, "b")]
    loose.settle(one.say("a"))
    await stand.run_until(1001.1)
    assert [text for _, text in one.left] == ["a"]


async def test_a_request_of_who_is_gone_is_forgotten(stand: Stand) -> None:
    """A connection that ended before its answer was known is not carried on for ever."""
    one = Answerer(stand)
    stand.tick.owe_loosely(one)
    one.gone = True
    await stand.run_until(1000.6)
    stand.steps.clear()
    await stand.run_until(1002)
    assert stand.steps == []


async def test_work_in_the_hush_waits_for_its_end_in_order(stand: Stand) -> None:
    """In the last moments of a tick nothing is done; afterwards all of it, as it was asked."""
    done: list[int] = []
    stand.tick.soon(lambda: done.append(0))
    assert done == [0]
    await stand.run_until(1000.25 - answer_tick.HUSH_SECONDS / 2)
    for number in range(1, 100):
        stand.tick.soon(lambda number=number: done.append(number))  # type: ignore[misc]  # a default names the number
    assert done == [0]
    await stand.run_until(1000.26)
    assert done == list(range(100))


async def test_what_arrives_in_the_hush_belongs_to_the_tick_that_ends(stand: Stand) -> None:
    """Its answer leaves one tick later, though it was judged after the border."""
    one = Answerer(stand)
    await stand.run_until(1000.24)
    ticket = stand.tick.owe(one, 0)
    stand.tick.soon(lambda: ticket.settle(one.say("a")))
    await stand.run_until(1000.6)
    assert one.left == [(1000.5, "a")]


async def test_a_beat_that_comes_too_late_takes_a_later_step(stand: Stand) -> None:
    """A busy loop shows in whole steps, and after some of them the answers leave all the same."""
    one = Answerer(stand)
    stand.tick.owe(one, 0).settle(one.say("a"))
    await stand.run_until(1000.45)
    stand.time = 1000.503
    await stand.run_until(1000.6)
    ((moment, text),) = one.left
    assert moment == pytest.approx(1000.525)
    assert text == "a"
    stand.tick.owe(one, 0).settle(one.say("b"))
    await stand.run_until(1000.9)
    for _ in range(answer_tick.STEPS_MAX + 1):
        stand.time += 2 * answer_tick.STEP_SECONDS
        timers, stand.timers = stand.timers, []
        for timer in timers:
            timer[1]()
    assert [text for _, text in one.left] == ["a", "b"]


async def test_at_the_bound_nobody_is_read_until_half_of_it_is_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is counted falls by answers alone, whatever became of the envelopes."""
    monkeypatch.setattr(answer_tick, "HOLD_SECONDS", -1.0)
    stand = Stand(bytes_max=10 * (4096 + answer_tick.OWED_BYTES))
    one = Answerer(stand)
    tickets = [stand.tick.owe(one, 4096) for _ in range(11)]
    assert stand.steps == ["begin", "stop"]
    assert stand.tick.is_full
    for ticket in tickets:
        ticket.settle(one.say("a"))
    await stand.run_until(1000.4)
    assert stand.tick.is_full
    await stand.run_until(1000.6)
    assert not stand.tick.is_full
    assert stand.steps[-1] == "resume"
    assert stand.tick.counted_bytes == 0
    assert stand.stops.value == 1


async def test_a_failed_commit_answers_all_the_same(stand: Stand) -> None:
    """Each envelope was told its end; the tick does not stop with the disk."""
    stand.commit_works = False
    one = Answerer(stand)
    stand.tick.owe(one, 0).settle(one.say("retry"))
    await stand.run_until(1000.6)
    assert one.left == [(1000.5, "retry")]


async def test_a_fault_of_one_connection_stops_nobody_else(stand: Stand) -> None:
    """What a connection raises is told, and the tick answers all others, then and later."""
    broken, sound = Answerer(stand), Answerer(stand)

    def fail() -> None:
        raise LookupError("no such request")

    stand.tick.owe(broken, 0).settle(fail)
    stand.tick.owe(sound, 0).settle(sound.say("a"))
    await stand.run_until(1000.6)
    stand.tick.owe(sound, 0).settle(sound.say("b"))
    await stand.run_until(1001.3)
    assert stand.faults == [(broken, LookupError)]
    assert [text for _, text in sound.left] == ["a", "b"]


async def test_a_fault_of_the_relay_itself_ends_no_ticking(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A beat that fails is told by the loop, and the next one answers."""
    one = Answerer(stand)

    def fail(_: object) -> None:
        raise LookupError("a defect")

    with monkeypatch.context() as patched:
        patched.setattr(stand.tick, "_close", lambda: fail(None))
        with pytest.raises(LookupError):
            await stand.run_until(1000.3)
    stand.tick.owe(one, 0).settle(one.say("a"))
    await stand.run_until(1001.1)
    assert [text for _, text in one.left] == ["a"]


async def test_an_idle_tick_asks_nothing_of_the_store(stand: Stand) -> None:
    """Without posts and without held deletions nothing is written; with deletions it is."""
    await stand.run_until(1002)
    assert stand.steps == ["begin"]
    stand.is_empty = False
    await stand.run_until(1002.3)
    assert "commit" in stand.steps


async def test_a_stopped_tick_beats_no_more(stand: Stand) -> None:
    """After `stop` nothing is answered, and commits that were under way are not waited for."""
    stand.finish.clear()
    one = Answerer(stand)
    stand.tick.owe(one, 0).settle(one.say("a"))
    await stand.run_until(1000.3)
    await stand.tick.stop()
    await stand.run_until(1001)
    assert one.left == []
    assert stand.timers == []
