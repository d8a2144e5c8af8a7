"""Cliff's delta finds what is planted, and finds nothing in one distribution."""

import random

import pytest
from hushpost_proof.timing.effect_size import chance_bound, cliffs_delta, worst_difference


@pytest.mark.parametrize(
    ("ones", "others", "delta"),
    [
        ([1, 2, 3], [1, 2, 3], 0.0),
        ([4, 5], [1, 2, 3], 1.0),
        ([1], [2, 3], -1.0),
        ([1, 2], [2, 3], -0.75),
        ([5, 5], [5, 5, 5], 0.0),
    ],
)
def test_delta_is_the_share_above_less_the_share_below(
    ones: list[float], others: list[float], delta: float
) -> None:
    """Against the definition, pair by pair, ties counting for neither."""
    assert cliffs_delta(ones, others) == delta
    above = sum((one > other) - (one < other) for one in ones for other in others)
    assert delta == above / (len(ones) * len(others))


def test_a_planted_shift_is_found_and_chance_is_not() -> None:
    """A shift of a third of the spread shows; two samples of one distribution stay in bounds."""
    chance = random.Random(7)
    ones, others = ([chance.gauss(0, 1) for _ in range(2000)] for _ in range(2))
    assert abs(cliffs_delta(ones, others)) < chance_bound(2000, 2000) < 0.08
    assert cliffs_delta([one + 0.33 for one in ones], others) > 0.1


def test_the_worst_pair_is_named() -> None:
    """Of all pairs the one that lies furthest apart, with both names."""
    worst = worst_difference("gap", {"a": [1, 2], "b": [1, 2], "c": [2, 3]})
    assert {worst.one, worst.other} == {"a", "c"}
    assert "gap" in str(worst)
