"""Tests of benchmarks.soak.slope: what grows is found, what only moves is not."""

import random

import pytest

from benchmarks.soak.slope import (
    SAMPLES_MAX,
    Sample,
    Tolerance,
    TooFewSamples,
    theil_sen,
    trend,
)

TOLERANCE = Tolerance(within_span=2.0, an_hour=4.0)


def samples(*values: float, every: float = 1.0) -> list[Sample]:
    """Give samples at equal distances."""
    return [Sample(index * every, value) for index, value in enumerate(values)]


def test_a_straight_line_has_its_own_slope() -> None:
    """The slope of a line is the line's, and its growth the slope times the span."""
    line = samples(*(3.0 + 0.5 * n for n in range(21)))
    assert theil_sen(line) == 0.5
    assert trend(line).growth == pytest.approx(10.0)
    assert not trend(line).is_flat(TOLERANCE)


def test_a_single_peak_or_step_is_no_growth() -> None:
    """One outlier, or one step late in the run, moves the slope too little to count."""
    assert trend(samples(*[5.0] * 30, 900.0, *[5.0] * 30)).is_flat(TOLERANCE)
    assert trend(samples(*[5.0] * 50, *[12.0] * 10)).is_flat(TOLERANCE)


def test_a_sawtooth_is_no_growth_and_a_leak_beneath_it_is() -> None:
    """What rises and is emptied is flat; the same with a leak of a tenth a second is not."""
    teeth = [float(n % 10) for n in range(300)]
    assert trend(samples(*teeth)).is_flat(TOLERANCE)
    assert not trend(samples(*(tooth + 0.1 * n for n, tooth in enumerate(teeth)))).is_flat(
        TOLERANCE
    )


def test_noise_hides_no_leak() -> None:
    """Noise ten times a minute's leak leaves an hour's leak in sight."""
    chance = random.Random(7)
    noisy = [chance.gauss(50.0, 1.0) + 0.1 * n / 60 for n in range(3600)]
    found = trend(samples(*noisy))
    assert found.growth == pytest.approx(6.0, abs=0.5)
    assert not found.is_flat(TOLERANCE)


def test_the_tolerance_is_the_larger_of_span_and_hours() -> None:
    """A short run may move by the span's figure, a long one by so much an hour."""
    assert TOLERANCE.over(60.0) == 2.0
    assert TOLERANCE.over(2 * 3600.0) == 8.0


def test_shrinking_is_flat_and_nothing_is_no_slope() -> None:
    """To shrink is no leak; a single sample tells nothing and says so."""
    assert trend(samples(9.0, 7.0, 5.0, 1.0)).is_flat(TOLERANCE)
    with pytest.raises(TooFewSamples):
        trend(samples(1.0))
    with pytest.raises(TooFewSamples):
        trend([])


def test_many_samples_are_merged_and_keep_their_slope() -> None:
    """However long a run, no more than so many samples are paired."""
    line = samples(*(0.01 * n for n in range(SAMPLES_MAX * 5)))
    assert trend(line).growth == pytest.approx(20.0, rel=0.01)
