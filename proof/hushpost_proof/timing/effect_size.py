"""How far two distributions lie apart: Cliff's delta, and the worst pair among many.

Delta is the chance that a value of one is above a value of the other, less the chance that it is
below: 0 where they are alike, 1 or -1 where they do not overlap. It asks nothing of their shape.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import sqrt


@dataclass(frozen=True, slots=True)
class Difference:
    """Two cases and how far apart they lie in one respect."""

    respect: str
    one: str
    other: str
    delta: float

    def __str__(self) -> str:
        return f"{self.delta:+.3f} in {self.respect} ({self.one} against {self.other})"


def cliffs_delta(ones: Sequence[float], others: Sequence[float]) -> float:
    """Return the delta of two samples, neither of them empty."""
    ordered = sorted(others)
    size = len(ordered)
    above = sum(bisect_left(ordered, one) - (size - bisect_right(ordered, one)) for one in ones)
    return above / (len(ones) * size)


def worst_difference(respect: str, cases: Mapping[str, Sequence[float]]) -> Difference:
    """Return the pair of cases that lie furthest apart; there are at least two."""
    differences = [
        Difference(respect, one, other, cliffs_delta(cases[one], cases[other]))
        for one, other in combinations(cases, 2)
    ]
    return max(differences, key=lambda difference: abs(difference.delta))


def chance_bound(ones: int, others: int, deviations: float = 4.0) -> float:
    """Return how large a delta chance alone makes of two samples of one distribution."""
    return deviations * sqrt((ones + others + 1) / (3 * ones * others))
