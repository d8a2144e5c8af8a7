"""Tests of hushpost_server.clock."""

from __future__ import annotations

import time

from hushpost_server.clock import ManualClock, SystemClock, day_of


def test_a_manual_clock_moves_only_when_told() -> None:
    """A manual clock stands still until `advance`, in either direction."""
    clock = ManualClock(100.0)
    assert clock.now() == 100.0
    clock.advance(5)
    clock.advance(-10)
    assert clock.now() == 95.0


def test_the_system_clock_is_the_machines() -> None:
    """The system clock tells the machine's wall time."""
    before = time.time()
    assert before <= SystemClock().now() <= time.time()


def test_a_day_ends_at_midnight_utc() -> None:
    """The day of a time is counted in whole days since 1970, UTC."""
    assert day_of(86_400 - 1) == 0
    assert day_of(86_400) == 1
