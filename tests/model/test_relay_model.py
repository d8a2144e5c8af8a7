"""A whole relay keeps the delivery contract, whatever clients do, and what does not is found."""

from __future__ import annotations

import pytest

from tests.model.budget import must_find, must_hold
from tests.model.relay_bugs import BUGS
from tests.model.relay_machine import RelayMachine

EXAMPLES = 40


def test_the_relay_does_what_the_model_does() -> None:
    """No order of posts, logins, acknowledgements, losses and crashes breaks the contract."""
    must_hold(RelayMachine, EXAMPLES)


@pytest.mark.parametrize("bug", BUGS)
def test_a_bug_of_a_relay_is_found(bug: str) -> None:
    """Each bug is found within what CI spends."""
    with BUGS[bug]():
        must_find(RelayMachine, EXAMPLES)
