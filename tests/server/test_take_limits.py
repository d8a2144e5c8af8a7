"""Tests of hushpost_server.take_limits."""

from __future__ import annotations

from hushpost_server.rate_limits import Rate
from hushpost_server.take_limits import TakeLimits


def limits(accounts_max: int = 10) -> TakeLimits:
    """Make limits of two takes in a burst and one in ten seconds."""
    return TakeLimits(Rate(0.1, 2), random=bytes, accounts_max=accounts_max)


def test_takes_of_one_account_are_limited_and_others_are_not() -> None:
    """A stranger who empties one account's allowance leaves another's alone."""
    takes = limits()
    assert [takes.take(b"a" * 32, 0.0) for _ in range(3)][:2] == [0, 0]
    assert takes.take(b"a" * 32, 0.0) >= 10
    assert takes.take(b"b" * 32, 0.0) == 0
    assert takes.take(b"a" * 32, 20.0) == 0


def test_the_table_is_bounded() -> None:
    """Asking for many accounts keeps only the bound."""
    takes = limits(accounts_max=3)
    for number in range(20):
        takes.take(number.to_bytes(32), 0.0)
    assert len(takes) == 3


def test_no_account_id_is_held() -> None:
    """The table's keys are hashes under a random key, not account ids."""
    takes = limits()
    takes.take(b"a" * 32, 0.0)
    assert b"aaaa" not in b"".join(takes.keys())
