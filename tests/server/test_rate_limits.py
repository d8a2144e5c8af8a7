"""Tests of hushpost_server.rate_limits."""

from __future__ import annotations

import itertools
from dataclasses import replace

from hushpost_server.configuration import Configuration
from hushpost_server.rate_limits import (
    ROTATION_SECONDS,
    PrefixTable,
    Rate,
    Rates,
    TokenBucket,
    configured_rates,
    prefix_of,
)
from hypothesis import given
from hypothesis import strategies as st

OPEN = Rate(0, 1)
RATES = Rates(
    connection_submits=OPEN,
    connection_controls=OPEN,
    prefix_submits=Rate(10, 20),
    prefix_connects=Rate(1, 3),
    prefix_accounts=OPEN,
    prefix_logins=OPEN,
    prefix_takes=OPEN,
    account_takes=OPEN,
    prefix_connections_max=2,
    connects=OPEN,
    accounts=OPEN,
)


def counting_random() -> itertools.count[int]:
    """Give numbers to make keys of."""
    return itertools.count()


def table(rates: Rates = RATES, entries_max: int = 100) -> PrefixTable:
    """Make a table whose keys are distinct and known."""
    numbers = counting_random()
    return PrefixTable(
        rates,
        now=0.0,
        random=lambda length: next(numbers).to_bytes(length),
        entries_max=entries_max,
    )


def test_a_bucket_grants_its_burst_and_then_its_rate() -> None:
    """A full bucket gives the burst, then as many as time brought back."""
    bucket = TokenBucket(Rate(2, 5), 0.0)
    assert bucket.take(9, 0.0) == 5
    assert bucket.take(1, 0.4) == 0
    assert bucket.take(9, 1.5) == 3


def test_a_rate_of_zero_is_no_limit() -> None:
    """Rate 0 turns a bucket off, as the configuration promises."""
    bucket = TokenBucket(Rate(0, 1), 0.0)
    assert bucket.take(10_000, 0.0) == 10_000
    assert bucket.retry_after() == 0


def test_a_clock_that_goes_back_gives_nothing_and_takes_nothing() -> None:
    """A step back in time neither refills nor drains."""
    bucket = TokenBucket(Rate(1, 1), 100.0)
    assert bucket.take(1, 100.0) == 1
    assert bucket.take(1, 50.0) == 0
    assert bucket.take(1, 51.5) == 1


def test_tokens_given_back_can_be_taken_again() -> None:
    """What another bucket refused is not lost, and never exceeds the burst."""
    bucket = TokenBucket(Rate(1, 5), 0.0)
    bucket.take(4, 0.0)
    bucket.give_back(9)
    assert bucket.take(9, 0.0) == 5


@given(st.lists(st.tuples(st.floats(0, 10), st.integers(1, 50)), max_size=30))
def test_a_bucket_never_grants_more_than_burst_and_rate(steps: list[tuple[float, int]]) -> None:
    """Whatever is asked and when, the sum stays within burst plus rate times time."""
    bucket = TokenBucket(Rate(3, 7), 0.0)
    now = granted = 0.0
    for seconds, wanted in steps:
        now += seconds
        granted += bucket.take(wanted, now)
    assert granted <= 7 + 3 * now + 1e-6


def test_retry_after_is_the_wait_for_one_token() -> None:
    """The hint is in whole seconds, at least one, and after it a token is there."""
    bucket = TokenBucket(Rate(0.1, 1), 0.0)
    assert bucket.take(1, 0.0) == 1
    wait = bucket.retry_after()
    assert 10 <= wait <= 11
    assert bucket.take(1, float(wait)) == 1


def test_addresses_of_one_prefix_share_an_allowance() -> None:
    """IPv4 /24 and IPv6 /56 are one prefix each; a mapped IPv4 address is its IPv4 self."""
    entries = table()
    same = entries.allowance("192.0.2.1", 0.0)
    assert entries.allowance("192.0.2.250", 0.0) is same
    assert entries.allowance("::ffff:192.0.2.9", 0.0) is same
    assert entries.allowance("192.0.3.1", 0.0) is not same
    six = entries.allowance("2001:db8:0:ff00::1", 0.0)
    assert entries.allowance("2001:db8:0:ffaa::2", 0.0) is six
    assert entries.allowance("2001:db8:0:fe00::1", 0.0) is not six


def test_what_is_no_address_shares_one_prefix() -> None:
    """A proxy that sends nonsense gets one common allowance, not a fresh one each time."""
    assert prefix_of("nonsense") == prefix_of("") == b"unknown"
    assert prefix_of("fe80::1%eth0") == prefix_of("fe80::2")


def test_no_address_is_held() -> None:
    """What the table holds contains neither the address nor its prefix."""
    entries = table()
    entries.allowance("192.0.2.1", 0.0)
    held = b"".join(entries.keys())
    assert b"\xc0\x00\x02" not in held
    assert len(held) == 16


def test_the_key_rotates_and_forgets() -> None:
    """After an hour the same address gets another key and a fresh allowance."""
    entries = table()
    first = entries.allowance("192.0.2.1", 0.0)
    before = set(entries.keys())
    second = entries.allowance("192.0.2.1", ROTATION_SECONDS)
    assert second is not first
    assert before.isdisjoint(entries.keys())


def test_the_table_is_bounded() -> None:
    """A thousand prefixes leave at most the bound; the one used last stays."""
    entries = table(entries_max=10)
    for number in range(1000):
        entries.allowance(f"10.{number // 256}.{number % 256}.1", 0.0)
    assert len(entries) == 10


def test_connections_of_a_prefix_are_bounded_at_once_and_in_time() -> None:
    """A third connection at once is refused, a fourth in a burst too; leaving makes room."""
    entries = table()
    entry = entries.allowance("192.0.2.1", 0.0)
    assert entries.admit_connection(entry, 0.0)
    assert entries.admit_connection(entry, 0.0)
    assert not entries.admit_connection(entry, 0.0)
    entries.connection_lost(entry)
    assert entries.admit_connection(entry, 0.0)
    entries.connection_lost(entry)
    assert not entries.admit_connection(entry, 0.0)
    assert entries.admit_connection(entry, 1.0)


def test_a_connection_limit_of_zero_is_none() -> None:
    """`prefix_connections_max = 0` turns the bound off."""
    entries = table(replace(RATES, prefix_connections_max=0, prefix_connects=OPEN))
    entry = entries.allowance("192.0.2.1", 0.0)
    assert all(entries.admit_connection(entry, 0.0) for _ in range(50))


def test_rates_are_per_second() -> None:
    """Keys in minutes and hours arrive as rates a second."""
    chosen = Configuration(prefix_takes_per_minute=60, account_takes_per_hour=7200)
    rates = configured_rates(chosen)
    assert rates.prefix_takes.per_second == 1
    assert rates.account_takes.per_second == 2


def test_prefixes_are_forgotten_within_the_hour_also_when_nobody_connects() -> None:
    """An idle relay must not remember who came last."""
    table = PrefixTable(RATES, now=0.0, random=bytes)
    table.allowance("192.0.2.1", 1.0)
    table.forget(3599.0)
    assert len(table) == 1
    table.forget(3600.0)
    assert len(table) == 0


def test_what_is_modest_follows_from_what_a_connection_may_submit() -> None:
    """A sixteenth of the rate and a small burst; where there is no limit, everything is modest."""
    limited = replace(RATES, connection_submits=Rate(160, 640)).modest
    assert (limited.per_second, limited.burst) == (10, 10)
    assert TokenBucket(RATES.modest, 0.0).take(1_000, 0.0) == 1_000
