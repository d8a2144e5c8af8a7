"""What a phase measured: how long each message took, and how much was done meanwhile."""

from collections.abc import Sequence
from dataclasses import dataclass, field

Figures = dict[str, float]


@dataclass(slots=True)
class Recording:
    """Seconds from the moment a message was due, by message; filled by the pairs of a phase."""

    delivered: list[float] = field(default_factory=list[float])
    accepted: list[float] = field(default_factory=list[float])

    def figures(self) -> Figures:
        """Return the percentiles in milliseconds."""
        figures = latency_figures("deliver", self.delivered)
        if self.accepted:
            figures |= latency_figures("accepted", self.accepted)
        return figures


def latency_figures(name: str, seconds: Sequence[float]) -> Figures:
    """Return p50, p99, p99.9 and the most of one kind of latency, in milliseconds."""
    ordered = sorted(seconds)
    return {
        f"{name}_p50_ms": percentile(ordered, 50) * 1000,
        f"{name}_p99_ms": percentile(ordered, 99) * 1000,
        f"{name}_p999_ms": percentile(ordered, 99.9) * 1000,
        f"{name}_max_ms": ordered[-1] * 1000,
    }


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Return the smallest value that at least `percent` of the values do not exceed."""
    if not ordered:
        raise ValueError("a percentile of nothing")
    rank = -(-len(ordered) * percent // 100)  # nearest rank, rounded up
    return ordered[max(0, int(rank) - 1)]


def median(values: Sequence[float]) -> float:
    """Return the middle value, or the mean of the two in the middle."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2


def medians(runs: Sequence[Figures]) -> Figures:
    """Return the median of each figure over runs of the same phase."""
    return {name: median([run[name] for run in runs]) for name in runs[0]}
