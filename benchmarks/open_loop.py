"""Latency: messages leave on a fixed schedule, and their time counts from when they were due.

A server that stalls does not slow the sending down, so nothing is omitted for its sake. The loop
polls without sleeping: a timer of libuv has a millisecond's grain, twice the distance between two
messages here. Where a server shares the load's core it rests between two looks at the schedule, and
what has come due meanwhile leaves together. How late the load was stands among the figures.
"""

import asyncio
from collections.abc import Sequence
from time import perf_counter

from benchmarks import real_time
from benchmarks.closed_loop import quiet
from benchmarks.pair import Pair
from benchmarks.recording import Figures, Recording, latency_figures

# Left out of the figures: the first messages meet cold caches.
WARM_UP_SECONDS = 0.3
# Between two looks at the schedule, where the load rests.
REST_SECONDS = 0.001


class _Schedule:
    """Sends message i on pair i modulo their number, at start + i / rate."""

    def __init__(self, pairs: Sequence[Pair], per_second: int, count: int, *, rests: bool) -> None:
        self._loop = asyncio.get_running_loop()
        self._pairs = pairs
        self._interval = 1 / per_second
        self._start = perf_counter()
        self._count = count
        self._sent = 0
        self._rests = rests
        self._pauses = real_time.entered() and not rests
        self.late: list[float] = []
        self.done: asyncio.Future[None] = self._loop.create_future()

    def turn(self) -> None:
        """Send all that is due; once a turn of the event loop."""
        while self._sent < self._count:
            due = self._start + self._sent * self._interval
            late = perf_counter() - due
            if late < 0:
                if self._rests:
                    self._loop.call_later(REST_SECONDS, self.turn)
                else:
                    self._loop.call_soon(self.turn)
                return
            self.late.append(late)
            self._pairs[self._sent % len(self._pairs)].send(1, due)
            self._sent += 1
            if self._pauses:
                real_time.pause()
        self.done.set_result(None)


async def open_loop(
    pairs: Sequence[Pair], *, per_second: int, seconds: float, rests: bool = False
) -> Figures:
    """Run one phase and wait until nothing is under way."""
    await _run(pairs, per_second, WARM_UP_SECONDS, rests=rests)
    recording, late = await _run(pairs, per_second, seconds, rests=rests)
    return recording.figures() | latency_figures("load_late", late)


async def _run(
    pairs: Sequence[Pair], per_second: int, seconds: float, *, rests: bool
) -> tuple[Recording, list[float]]:
    recording = Recording()
    for pair in pairs:
        pair.begin(recording)
    schedule = _Schedule(pairs, per_second, round(per_second * seconds), rests=rests)
    schedule.turn()
    await schedule.done
    await (quiet(pairs) if rests else _quiet_polling(pairs))
    return recording, schedule.late


async def _quiet_polling(pairs: Sequence[Pair]) -> None:
    # The last answers are awaited as closely as the others were.
    until = perf_counter() + 0.1
    while perf_counter() < until and any(pair.outstanding for pair in pairs):  # noqa: ASYNC110 - nothing announces it
        await asyncio.sleep(0)
    await quiet(pairs)
