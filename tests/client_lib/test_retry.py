"""Back-off with full jitter."""

import pytest
from hushpost.retry import (
    BUSY,
    BUSY_SECONDS_MIN,
    MOVED,
    MOVED_BASE_SECONDS,
    RETRY_BASE_SECONDS,
    RETRY_CAP_SECONDS,
    Backoff,
    fraction,
)
from hypothesis import given
from hypothesis import strategies as st


class Fixed:
    """A source that always draws the same eight bytes."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __call__(self, size: int) -> bytes:
        """Give the value, big-endian."""
        return self.value.to_bytes(size, "big")


def test_bound_doubles_to_the_cap() -> None:
    """The bound starts at the base, doubles with each failure and stops at the cap."""
    backoff = Backoff(base_seconds=0.5, cap_seconds=5.0)
    assert [backoff.bound(failures) for failures in range(1, 7)] == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]


def test_bound_survives_a_year_of_failures() -> None:
    """A failure count of any size neither overflows nor passes the cap."""
    assert Backoff().bound(10**9) == RETRY_CAP_SECONDS


def test_full_jitter_reaches_both_ends() -> None:
    """The lowest draw waits not at all, the highest just less than the bound."""
    backoff = Backoff()
    assert backoff.delay(1, Fixed(0)) == 0.0
    highest = backoff.delay(1, Fixed(2**64 - 1))
    assert RETRY_BASE_SECONDS * 0.999999 < highest < RETRY_BASE_SECONDS


@given(failures=st.integers(1, 500), draw=st.integers(0, 2**64 - 1))
def test_every_delay_lies_under_its_bound(failures: int, draw: int) -> None:
    """No draw ever waits longer than the bound of its failure count."""
    backoff = Backoff()
    assert 0 <= backoff.delay(failures, Fixed(draw)) < backoff.bound(failures)


def test_draws_spread_over_the_bound() -> None:
    """Even draws give even delays: a thousand clients fill every tenth of the bound alike."""
    step = 2**64 // 1000
    tenths = [int(fraction(Fixed(number * step)) * 10) for number in range(1000)]
    assert {tenths.count(tenth) for tenth in range(10)} <= {99, 100, 101}


def test_failure_zero_is_refused() -> None:
    """There is no delay before the first failure, and asking for it is a mistake."""
    with pytest.raises(ValueError, match="number 1"):
        Backoff().bound(0)


@pytest.mark.parametrize(("base", "cap"), [(0.0, 1.0), (-1.0, 1.0), (2.0, 1.0)])
def test_impossible_bounds_are_refused(base: float, cap: float) -> None:
    """A base of nothing, or over the cap, is refused when the back-off is made."""
    with pytest.raises(ValueError, match="base_seconds"):
        Backoff(base_seconds=base, cap_seconds=cap)


def test_who_was_sent_away_spreads_over_two_seconds_from_the_first_try() -> None:
    """After 1012 the bound is 2, 4, 8 ... up to the cap (docs/spec/wire.md, section 9)."""
    highest = Fixed(2**64 - 1)
    waits = [Backoff().delay(failures, highest, MOVED) for failures in (1, 2, 3, 6, 60)]
    assert waits == pytest.approx([2.0, 4.0, 8.0, 60.0, 60.0])
    assert Backoff().delay(1, Fixed(0), MOVED) == 0.0
    assert MOVED_BASE_SECONDS > RETRY_BASE_SECONDS


def test_a_relay_that_is_full_is_left_alone_before_the_jitter() -> None:
    """A minute at least, and then the usual wait."""
    assert Backoff().delay(1, Fixed(0), BUSY) == BUSY_SECONDS_MIN
    assert Backoff().delay(1, Fixed(2**64 - 1), BUSY) == pytest.approx(60.5)
