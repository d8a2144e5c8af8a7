"""Tests of hushpost_crypto.session: its duties, one test each."""

from collections.abc import Callable

import pytest

from tests.crypto.pairwise_duties import DUTIES


@pytest.mark.parametrize("duty", DUTIES["session"], ids=lambda duty: duty.__name__)
def test_duty(duty: Callable[[], None]) -> None:
    """Each demand of pairwise_duties, whose docstring says it, is met."""
    duty()
