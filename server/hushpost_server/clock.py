"""The relay's clock: wall time for everything that is stored or compared with a day.

Expiry, admission and prekey ages read this clock and nothing else, so that a test moves time by
calling `advance`. Input/output deadlines (handshake, ping) use the event loop's monotonic time.
"""

from __future__ import annotations

import time
from typing import Protocol

SECONDS_PER_HOUR = 3600
SECONDS_PER_DAY = 86400


class Clock(Protocol):
    """Seconds since the Unix epoch."""

    def now(self) -> float:
        """Return the current time; may jump when the machine's clock is set."""
        ...


class SystemClock:
    """The machine's own wall clock."""

    __slots__ = ()

    def now(self) -> float:
        """Return the machine's time."""
        return time.time()


class ManualClock:
    """A clock that stands still until it is told to move; for tests and demonstrations."""

    __slots__ = ("_now",)

    def __init__(self, now: float) -> None:
        self._now = now

    def now(self) -> float:
        """Return the time last set."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Move by `seconds`; backwards is what a broken machine does, so it is allowed."""
        self._now += seconds


def day_of(now: float) -> int:
    """Return the day since the epoch: the finest time a stored row may carry (DESIGN 1)."""
    return int(now // SECONDS_PER_DAY)
