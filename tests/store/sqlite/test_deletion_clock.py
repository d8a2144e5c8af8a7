"""The deletion clock: never forgets a deletion that is not finished."""

from __future__ import annotations

from hushpost_store.sqlite.deletion_clock import DeletionClock


def test_the_lag_runs_from_the_request_to_the_truncation() -> None:
    """A deletion counts while asked for, being committed and in the log."""
    clock = DeletionClock()
    assert (clock.lag(100.0), clock.pending()) == (0.0, False)
    clock.asked(100.0)
    clock.asked(101.0)
    assert clock.lag(103.0) == 3.0
    clock.writing(100.0, None)
    assert clock.lag(104.0) == 4.0
    clock.written()
    assert (clock.lag(105.0), clock.pending()) == (5.0, True)
    clock.truncated()
    assert (clock.lag(106.0), clock.pending()) == (0.0, False)


def test_a_failed_commit_and_a_waiting_request_stay_counted() -> None:
    """Neither a failure nor a truncation in between lets a deletion out of sight."""
    clock = DeletionClock()
    clock.asked(100.0)
    clock.writing(100.0, still_asked=102.0)
    clock.truncated()
    assert clock.lag(110.0) == 10.0
    clock.failed()
    assert clock.lag(110.0) == 10.0
    clock.writing(100.0, still_asked=102.0)
    clock.written()
    clock.truncated()
    assert clock.lag(110.0) == 8.0
