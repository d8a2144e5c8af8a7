"""The tick of the quiet profile: what arrived in one tick is committed and answered together.

docs/spec/delivery.md, section 13. A cohort on its way, with ticks of 250 ms::

    arrives            closed   cut, committed   answered
    |------ a tick ------|---------- 150 ms -|---- 100 ms ----|
                     ^^^ hush                            ^^^ hush

In the hush before a tick nothing is judged or pushed, so that no work of the relay's can move the
moment at which answers leave, nor the border between two cohorts: what the relay has to do for a
recipient depends on whether that recipient is connected. The answers are made ready, and then the
event loop itself is held until the moment has come.

Refuses to know: who posts, to whom, and what the answers say.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from hushpost_store.errors import StoreFault
from hushpost_store.interface import CommitHold

from hushpost_server.metrics import Counter

TICK_SECONDS: Final = 0.25
# From the end of a cohort's tick to its commit: how long a device has at least to acknowledge.
HOLD_SECONDS: Final = 0.15
# What a burst leaves unread when it begins is read in it: about a thousand envelopes.
HUSH_SECONDS: Final = 0.02
# Held still at the end of the hush: longer than reading one socket's buffer takes.
STILL_SECONDS: Final = 0.004
# Too late for its moment, a tick takes another, and lateness is told in these steps alone. Four of
# them: who keeps the relay busier than that shall not keep everybody's answers back.
STEP_SECONDS: Final = 0.025
STEPS_MAX: Final = 4
# Work that waited in the hush is done so much at a time, and sockets are read in between.
CATCH_UP_AT_ONCE: Final = 32
# What an answer that is owed keeps in memory beside the envelope; an envelope's own objects too.
OWED_BYTES: Final = 1024


class Answerer(Protocol):
    """A connection that is owed answers."""

    gone: bool

    def collect(self) -> list[str | bytes]:
        """Return the messages to send, in their order."""
        ...

    def transmit(self, messages: list[str | bytes]) -> None:
        """Send them now."""


class Ticket:
    """One answer that is owed. Call `settle` once, with what gives it to the machine."""

    __slots__ = ("_cohort", "answer", "answerer")

    def __init__(self, answerer: Answerer, cohort: Cohort | None) -> None:
        self.answerer = answerer
        self.answer: Callable[[], None] | None = None
        self._cohort = cohort

    def settle(self, answer: Callable[[], None]) -> None:
        """Say what the answer is; it leaves on the tick."""
        self.answer = answer
        cohort, self._cohort = self._cohort, None
        if cohort is not None:
            cohort.unsettled -= 1


@dataclass(slots=True, eq=False)
class Cohort:
    """What arrived in one tick."""

    tickets: list[Ticket] = field(default_factory=list[Ticket])
    unsettled: int = 0
    counted_bytes: int = 0
    is_committed: bool = False

    @property
    def is_ready(self) -> bool:
        """Whether its answers may leave."""
        return self.is_committed and not self.unsettled


class Bound(Protocol):
    """Who reads from connections that post."""

    def stop_posts(self) -> None:
        """Read from none of them; the memory bound is reached."""

    def resume_posts(self) -> None:
        """Read again."""


@dataclass(frozen=True, slots=True)
class TickClock:
    """Time as the tick needs it. `now` is that of the loop's timers."""

    now: Callable[[], float]
    call_at: Callable[[float, Callable[[], None]], object]
    pause: Callable[[float], None] = time.sleep


class AnswerTick:
    """Beats for as long as the relay runs. `start` on the event loop, and `stop` at the end."""

    def __init__(
        self,
        hold: CommitHold,
        bound: Bound,
        *,
        clock: TickClock,
        bytes_max: int,
        late: Counter,
        stops: Counter,
        on_fault: Callable[[Any, Exception], None],
    ) -> None:
        self._hold = hold
        self._bound = bound
        self._clock = clock
        self._bytes_max = bytes_max
        self._late = late
        self._stops = stops
        self._on_fault = on_fault
        self._arriving = Cohort()
        self._line: deque[Cohort] = deque()
        self._waiting: deque[Callable[[], None]] = deque()
        self._commits: set[asyncio.Task[None]] = set()
        self._is_hushed = False
        self._is_stopped = False
        self._moment = 0.0
        self._steps = 0
        self.is_full = False
        self.counted_bytes = 0

    def start(self) -> None:
        """Hold the store's commits and begin to beat."""
        self._hold.begin()
        self._moment = self._clock.now()
        self._await_next()

    async def stop(self) -> None:
        """Beat no more; who is still owed an answer does not get it. The store commits the rest."""
        self._is_stopped = True
        for task in self._commits:
            task.cancel()
        await asyncio.gather(*self._commits, return_exceptions=True)

    # -- what arrives ----------------------------------------------------------------------------

    def owe(self, answerer: Answerer, envelope_bytes: int) -> Ticket:
        """Owe an answer to a submission; its cohort waits for it."""
        cohort = self._arriving
        ticket = Ticket(answerer, cohort)
        cohort.unsettled += 1
        cohort.tickets.append(ticket)
        size = envelope_bytes + OWED_BYTES
        cohort.counted_bytes += size
        self.counted_bytes += size
        if self.counted_bytes > self._bytes_max and not self.is_full:
            self.is_full = True
            self._stops.add()
            self._bound.stop_posts()
        return ticket

    def owe_loosely(self, answerer: Answerer) -> Ticket:
        """Owe an answer that leaves when it is ready, not before its cohort's; nobody waits."""
        ticket = Ticket(answerer, None)
        self._arriving.tickets.append(ticket)
        return ticket

    def soon(self, work: Callable[[], None]) -> None:
        """Do `work` now or, in the hush, after it; in the order of the calls."""
        if self._is_hushed or self._waiting:
            self._waiting.append(work)
        else:
            work()

    # -- the beat --------------------------------------------------------------------------------

    def _await_next(self) -> None:
        now = self._clock.now()
        self._moment += (int((now - self._moment) / TICK_SECONDS) + 1) * TICK_SECONDS
        self._steps = 0
        self._clock.call_at(self._moment - HUSH_SECONDS, self._hush)

    def _hush(self) -> None:
        self._is_hushed = True
        self._clock.call_at(self._moment - STILL_SECONDS, self._beat)

    def _beat(self) -> None:
        if self._is_stopped:
            return
        moment = self._moment + self._steps * STEP_SECONDS
        if self._clock.now() > moment and self._steps < STEPS_MAX:
            self._steps += 1
            self._clock.call_at(moment + STEP_SECONDS - STILL_SECONDS, self._beat)
            return
        try:
            self._answer(moment)
            self._close()
            if self.is_full and self.counted_bytes <= self._bytes_max // 2:
                self.is_full = False
                self._bound.resume_posts()
        finally:  # whatever failed, the next tick comes: else nobody would be answered any more
            self._is_hushed = False
            self._await_next()
        self._catch_up()

    def _answer(self, moment: float) -> None:
        answered: dict[Answerer, list[str | bytes]] = {}
        for ticket in self._due():
            with self._one_alone(ticket.answerer):
                assert ticket.answer is not None
                ticket.answer()
                answered[ticket.answerer] = []
        for answerer in answered:
            with self._one_alone(answerer):
                answered[answerer] = answerer.collect()
        if answered and (rest := moment - self._clock.now()) > 0:
            self._clock.pause(rest)
        for answerer, messages in answered.items():
            with self._one_alone(answerer):
                answerer.transmit(messages)

    def _due(self) -> list[Ticket]:
        """Take what is ready out of the line, in the order of arrival."""
        due: list[Ticket] = []
        while self._line and self._line[0].is_ready:
            cohort = self._line.popleft()
            self.counted_bytes -= cohort.counted_bytes
            for ticket in cohort.tickets:
                if ticket.answer is not None:
                    due.append(ticket)
                elif not ticket.answerer.gone:
                    self._arriving.tickets.append(ticket)
        if self._line:
            self._late.add()
        return due

    @contextlib.contextmanager
    def _one_alone(self, answerer: Answerer) -> Generator[None]:
        """Let a fault of one connection end that one: the tick is everybody's."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - as at a task's edge: the beat must go on
            self._on_fault(answerer, error)

    def _close(self) -> None:
        """End a cohort; its commit is asked for behind what waited in the hush."""
        closed, self._arriving = self._arriving, Cohort()
        if closed.tickets:
            self._line.append(closed)
        commit_at = self._moment + HOLD_SECONDS
        self._waiting.append(lambda: self._commit_soon(closed, commit_at))

    def _catch_up(self) -> None:
        if self._is_hushed:
            return  # the beat goes on with it
        for _ in range(min(CATCH_UP_AT_ONCE, len(self._waiting))):
            self._waiting.popleft()()
        if self._waiting:
            self._clock.call_at(self._clock.now(), self._catch_up)

    # -- commits ---------------------------------------------------------------------------------

    def _commit_soon(self, cohort: Cohort, commit_at: float) -> None:
        if not cohort.tickets and self._hold.is_empty:
            return
        task = asyncio.get_running_loop().create_task(self._commit(cohort, commit_at))
        self._commits.add(task)
        task.add_done_callback(self._commits.discard)

    async def _commit(self, cohort: Cohort, commit_at: float) -> None:
        try:
            # A fault was told to each envelope, and shows in health; the answers go out as ever.
            with contextlib.suppress(StoreFault):
                await self._hold.decided()
            self._hold.cut()
            await asyncio.sleep(max(0.0, commit_at - self._clock.now()))
            with contextlib.suppress(StoreFault):
                await self._hold.commit()
        finally:
            cohort.is_committed = True
