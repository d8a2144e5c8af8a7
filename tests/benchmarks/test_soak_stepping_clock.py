"""Tests of benchmarks.soak.stepping_clock."""

import pytest

from benchmarks.soak.stepping_clock import SteppingClock

CLOCK = SteppingClock(1_000.0, 0.5)


def test_seconds_pass_and_hours_step() -> None:
    """Within a step time goes on as everywhere; at its end an hour passes at once."""
    assert CLOCK.at(1_000.0) == 1_000.0
    assert CLOCK.at(1_000.25) == 1_000.25
    assert CLOCK.at(1_000.5) == 1_000.5 + 3600
    assert CLOCK.at(1_012.0) == 1_012.0 + 24 * 3600


def test_another_process_computes_the_same_time() -> None:
    """The clock written as text and read is the same clock."""
    assert SteppingClock.from_text(CLOCK.to_text()) == CLOCK


def test_days_and_seconds_are_each_others_inverse() -> None:
    """How long days take is how many days pass in that time."""
    assert CLOCK.days(CLOCK.seconds(45.0)) == pytest.approx(45.0)
