"""Whether a figure grows: the slope of Theil and Sen, and a tolerance that is stated.

The slope is the median of the slopes between all pairs of samples. A step at one moment, a peak
or a collector's sawtooth moves it little; what grows all the time moves it by just that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

HOUR_SECONDS = 3600.0
# Beyond this every pair would cost seconds; neighbours are then merged to their median.
SAMPLES_MAX = 400


class TooFewSamples(Exception):
    """A slope of fewer than two moments."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What a figure was at a moment, in seconds since the run began."""

    second: float
    value: float


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How much a flat figure may grow: within the span that is judged, or an hour if that is more.

    `within_span` is what allocators and caches were seen to move by themselves in a short run.
    """

    within_span: float
    an_hour: float

    def over(self, span_seconds: float) -> float:
        """Give the growth that is still flat over a span."""
        return max(self.within_span, self.an_hour * span_seconds / HOUR_SECONDS)


@dataclass(frozen=True, slots=True)
class Trend:
    """How a figure went on over a span. `growth` is the slope times the span."""

    span_seconds: float
    middle: float
    growth: float

    def is_flat(self, tolerance: Tolerance) -> bool:
        """Say whether it grew by no more than the tolerance; to shrink is flat."""
        return self.growth <= tolerance.over(self.span_seconds)


def trend(samples: Sequence[Sample]) -> Trend:
    """Judge samples of one figure, in order of time."""
    merged = _merged(samples)
    if len(merged) < 2:
        raise TooFewSamples(f"{len(samples)} samples tell no slope")
    span = merged[-1].second - merged[0].second
    middle = median(sample.value for sample in merged)
    return Trend(span, middle, theil_sen(merged) * span)


def theil_sen(samples: Sequence[Sample]) -> float:
    """Give the median slope over all pairs, a second."""
    return median(
        (later.value - earlier.value) / (later.second - earlier.second)
        for index, earlier in enumerate(samples)
        for later in samples[index + 1 :]
        if later.second > earlier.second
    )


def _merged(samples: Sequence[Sample]) -> list[Sample]:
    size = -(-len(samples) // SAMPLES_MAX)
    groups = [samples[start : start + size] for start in range(0, len(samples), size or 1)]
    return [
        Sample(median(one.second for one in group), median(one.value for one in group))
        for group in groups
    ]
