"""NO_DROP answers leave on a tick, so that time tells their reasons apart no more than bytes do.

docs/spec/delivery.md section 4: a route that does not exist, a secret that was never registered and
a drop that was revoked are refused with the same bytes at the same time. Deciding takes a cache hit
in one case and a read from disk in another; so no such answer leaves before a whole tick has passed
since its envelope arrived, and then on the next tick of the relay, with all others that are due.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from hushpost_wire.frames import RefusalReason
from hushpost_wire.relay_protocol import RelayProtocol


class Answerer(Protocol):
    """Who answers a submission."""

    machine: RelayProtocol

    def send_soon(self) -> None:
        """Send the machine's output at the end of this turn of the loop."""


class _Waiting(NamedTuple):
    not_before: float
    answerer: Answerer
    request: int


class RefusalTick:
    """Holds refusals back. `call_at` is the event loop's; nothing runs while nothing waits."""

    __slots__ = ("_call_at", "_now", "_running", "_seconds", "_waiting")

    def __init__(
        self,
        seconds: float,
        *,
        now: Callable[[], float],
        call_at: Callable[[float, Callable[[], None]], object],
    ) -> None:
        self._seconds = seconds
        self._now = now
        self._call_at = call_at
        self._waiting: list[_Waiting] = []
        self._running = False

    def __len__(self) -> int:
        return len(self._waiting)

    def refuse(self, answerer: Answerer, request: int, arrived: float) -> None:
        """Have `answerer` refuse `request`, at least a tick after `arrived`."""
        self._waiting.append(_Waiting(arrived + self._seconds, answerer, request))
        if not self._running:
            self._running = True
            self._call_at(self._next_tick(), self._tick)

    def flush(self) -> None:
        """Answer everything now: the relay is draining."""
        waiting, self._waiting = self._waiting, []
        for item in waiting:
            _answer(item)

    def _next_tick(self) -> float:
        now = self._now()
        index = int(now / self._seconds) + 1
        when = index * self._seconds
        # Rounding can put the next tick at this very moment, where it would repeat for ever.
        return when if when > now else (index + 1) * self._seconds

    def _tick(self) -> None:
        now = self._now()
        due = [item for item in self._waiting if item.not_before <= now]
        self._waiting = [item for item in self._waiting if item.not_before > now]
        for item in due:
            _answer(item)
        self._running = bool(self._waiting)
        if self._running:
            self._call_at(self._next_tick(), self._tick)


def _answer(item: _Waiting) -> None:
    item.answerer.machine.refuse(item.request, RefusalReason.NO_DROP)
    item.answerer.send_soon()
