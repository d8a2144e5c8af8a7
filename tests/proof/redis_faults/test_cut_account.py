"""What a cut may cost is judged by durability; one that loses nothing is no proof."""

from dataclasses import replace

import pytest
from hushpost_proof.redis_faults.cut_account import Account, control

from tests.proof.redis_faults.test_course import LOSSY, WHOLE

LOST_THERE = Account("synced", LOSSY, there=3, there_lost=1, last_there=2.5, others_lost=0)


@pytest.mark.parametrize(
    ("account", "holds"),
    [
        (LOST_THERE, True),
        (replace(LOST_THERE, durability="replicated"), False),
        (replace(LOST_THERE, durability="replicated", figures=WHOLE, there_lost=0), True),
        (replace(LOST_THERE, others_lost=1), False),
        (replace(LOST_THERE, figures=replace(LOSSY, doubled=1)), False),
        (replace(LOST_THERE, figures=replace(LOSSY, recovered=(None,))), False),
        (replace(LOST_THERE, figures=replace(LOSSY, received=0)), False),
    ],
)
def test_only_the_island_loses_and_never_with_replicas(account: Account, *, holds: bool) -> None:
    """With `synced` what was accepted cut off may be lost, nothing else; nothing doubles."""
    assert account.holds is holds


def test_an_account_says_what_the_island_took_and_until_when() -> None:
    """How many were accepted during the cut, until when, and how many of them are lost."""
    assert LOST_THERE.told().endswith(
        "accepted on the island during the cut 3, the last 2.5 s after the cut;"
        " of these lost 1, of all others lost 0"
    )


def test_a_cut_that_loses_nothing_anywhere_is_no_proof() -> None:
    """Where relays wait for no replica a loss must be found, or the experiment finds none."""
    whole = replace(LOST_THERE, there_lost=0)
    replicated = replace(LOST_THERE, durability="replicated")
    assert control([LOST_THERE, whole, replicated]).found == "1 of 6 found lost"
    assert control([LOST_THERE, whole]).holds
    assert not control([whole, replicated]).holds
