"""What an attacker's figures show: delays, order and bytes that were planted are found."""

import random
from collections.abc import Callable

import pytest
from hushpost_proof.timing.answers import Answer, bursts, differences, shapes

TICK_NS = 250_000_000


def answers(late: Callable[[str, int], int], *, order: str = "sent") -> list[Answer]:
    """Make 200 ticks with four answers each, two a case, twelve microseconds apart or so."""
    chance = random.Random(3)
    made: list[Answer] = []
    for tick in range(200):
        cases = ["there", "away"] * 2
        chance.shuffle(cases)
        answered = sorted(cases) if order == "decided" else cases
        sent = {place: tick * TICK_NS - 300_000_000 + place * 1000 for place in range(4)}
        waiting = list(enumerate(cases))
        now = tick * TICK_NS + chance.randrange(40_000)
        for case in answered:
            now += 12_000 + chance.randrange(4_000) + late(case, tick)
            place = next(pair for pair in waiting if pair[1] == case)
            waiting.remove(place)
            made.append(Answer(case, sent[place[0]], now, b"ok", 2))
    return made


def nobody(case: str, tick: int) -> int:
    """Keep no answer back."""
    del case, tick
    return 0


def worst(made: list[Answer]) -> dict[str, float]:
    """Return the worst delta in each respect."""
    return {one.respect: abs(one.delta) for one in differences(made, 0.25)}


def test_equal_cases_lie_together() -> None:
    """Without a leak no respect shows one."""
    assert max(worst(answers(nobody)).values()) < 0.15


def test_fifty_microseconds_within_a_tick_are_found() -> None:
    """A delay far below what a wait shows drives the gaps apart."""
    found = worst(answers(lambda case, _: 50_000 if case == "away" else 0))
    assert found["gap"] > 0.5


def test_an_order_of_decision_is_found() -> None:
    """Answers that leave in another order than they were asked for show it by their place."""
    assert worst(answers(nobody, order="decided"))["place"] > 0.5


def test_a_moved_tick_is_found() -> None:
    """A tick that comes later for one case shows in its phase."""
    made = [
        Answer(case, tick * TICK_NS - 10**8, tick * TICK_NS + shift, b"ok", 2)
        for tick in range(1, 200)
        for case, shift in (("there", 0), ("away", 400_000))
        if (tick % 2 == 0) == (case == "there")
    ]
    assert worst(made)["phase"] > 0.9


def test_bursts_are_cut_where_a_tick_ends() -> None:
    """Answers milliseconds apart belong together, others do not."""
    made = [Answer("a", 0, came, b"", 0) for came in (0, 10**6, 2 * 10**8)]
    assert [len(burst) for burst in bursts(made)] == [2, 1]


def test_a_byte_more_is_found() -> None:
    """Bytes and segment sizes are gathered by case."""
    seen = shapes([Answer("a", 0, 0, b"no", 2), Answer("b", 0, 0, b"no\0", 3)])
    assert seen["a"] != seen["b"]


@pytest.mark.parametrize("empty", [[]])
def test_no_answers_are_no_bursts(empty: list[Answer]) -> None:
    """Nothing comes of nothing."""
    assert bursts(empty) == []
