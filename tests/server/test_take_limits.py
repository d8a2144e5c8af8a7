"""Tests of hushpost_server.take_limits."""

from __future__ import annotations

from hushpost_server.rate_limits import Rate
from hushpost_server.take_limits import TakeLimits


def limits(accounts_max: int = 10) -> TakeLimits:
    """Make limits of two takes in a burst and one in ten seconds."""
    return TakeLimits(Rate(0.1, 2), now=0.0, random=bytes, accounts_max=accounts_max)


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


def test_what_was_asked_for_is_forgotten_within_the_hour() -> None:
    """Names and their key go together, also when nobody takes anything any more."""
    drawn = iter([b"1" * 32, b"2" * 32])
    limits = TakeLimits(Rate(0.1, 2), now=0.0, random=lambda _: next(drawn))
    limits.take(b"account", 1.0)
    before = limits.keys()
    limits.forget(3599.0)
    assert limits.keys() == before
    limits.forget(3600.0)
    assert limits.keys() == ()
    limits.take(b"account", 3601.0)
    assert limits.keys() != before
