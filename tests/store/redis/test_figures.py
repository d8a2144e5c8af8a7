"""Sums of what one process has seen come and go."""

import pytest
from hushpost_store.errors import StoreFault
from hushpost_store.redis.command import CommandRefused, ConnectionLost, ServerError
from hushpost_store.redis.figures import Figures, Sums


def test_what_leaves_is_told_as_deleted() -> None:
    """Sums follow, and nothing that left is no deletion."""
    told: list[int] = []
    figures = Figures(on_deleted=told.append)
    figures.count_in(4096)
    figures.count_in(16384)
    figures.count_out(0, 0)
    figures.count_out(1, 4096)
    assert figures.now == Sums(0, 1, 16384)
    assert told == [4096]
    Figures().count_out(1, 1)


def test_sums_are_what_is_known_and_what_is_not_told_yet() -> None:
    """No sum falls below nothing, and known ones are not changed by looking."""
    figures = Figures(known=Sums(2, 3, 300))
    figures.count_accounts(-1)
    figures.count_out(4, 100)
    assert figures.now == figures.now == Sums(1, 0, 200)
    assert figures.known == Sums(2, 3, 300)


def test_damage_is_counted_once_however_often_it_is_met() -> None:
    """And no list of it grows without end."""
    figures = Figures()
    for name in (b"one", b"one", b"other"):
        figures.note_damage(name)
    assert len(figures.damaged) == 2
    for number in range(20_000):
        figures.note_damage(b"%d" % number)
    assert len(figures.damaged) == 10_000


@pytest.mark.parametrize(
    ("fault", "stays"),
    [
        (ConnectionLost("away"), False),
        (ServerError("no server owns the slot"), False),
        (CommandRefused("Redis refused a command: OOM"), True),
    ],
)
def test_a_server_that_answers_again_ends_its_absence_alone(fault: StoreFault, stays: bool) -> None:
    """One that refused may refuse again: only what it takes shows that it takes something."""
    figures = Figures()
    figures.fail(fault)
    assert figures.is_faulty
    figures.reached()
    assert figures.is_faulty is stays
