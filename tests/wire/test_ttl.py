"""`not_after` is the lifetime rounded up to its unit, and nothing else is admitted."""

import pytest
from hushpost_wire.errors import FieldOutOfRange
from hushpost_wire.ttl import TtlClass, TtlWindow, has_passed, not_after, unit_hours
from hypothesis import given
from hypothesis import strategies as st

HOUR = 3600
DAY = 24
NOW = 480_000 * HOUR  # midnight, since 480000 is 20000 days
times = st.floats(0, 4e9, allow_nan=False)


@pytest.mark.parametrize(
    ("ttl_class", "now", "hour"),
    [
        (TtlClass.EPHEMERAL, NOW, 480_001),
        (TtlClass.HOUR, NOW, 480_001),
        (TtlClass.HOUR, NOW + 1, 480_002),
        (TtlClass.DAY, NOW, 480_024),
        (TtlClass.DAY, NOW + 1, 480_048),
        (TtlClass.WEEK, NOW + 5, 480_000 + 8 * DAY),
        (TtlClass.FORTNIGHT, NOW + 5, 480_000 + 15 * DAY),
    ],
)
def test_expiry_rounds_up_to_the_unit(ttl_class: TtlClass, now: float, hour: int) -> None:
    """An exact lifetime stays; a second more takes the whole next unit."""
    assert not_after(ttl_class, now) == hour


@given(times, st.sampled_from(TtlClass))
def test_what_a_client_makes_the_relay_admits(now: float, ttl_class: TtlClass) -> None:
    """A fresh `not_after` is admitted at the same time and by a relay one unit behind."""
    hour = not_after(ttl_class, now)
    assert TtlWindow.at(now).admits(ttl_class, hour)
    assert TtlWindow.at(max(0, now - unit_hours(ttl_class) * HOUR)).admits(ttl_class, hour)
    assert not has_passed(hour, now)


@given(times, st.sampled_from(TtlClass))
def test_two_units_too_far_are_refused(now: float, ttl_class: TtlClass) -> None:
    """Beyond rounding and one unit of skew nothing waits."""
    hour = not_after(ttl_class, now) + 3 * unit_hours(ttl_class)
    assert not TtlWindow.at(now).admits(ttl_class, hour)


@given(times, st.sampled_from(TtlClass))
def test_the_past_is_refused(now: float, ttl_class: TtlClass) -> None:
    """An hour that has passed, or passes this instant, is not admitted."""
    hour = int(now // HOUR)
    hour -= hour % unit_hours(ttl_class)
    assert has_passed(hour, now)
    assert not TtlWindow.at(now).admits(ttl_class, hour)


@pytest.mark.parametrize("ttl_class", [TtlClass.DAY, TtlClass.WEEK, TtlClass.FORTNIGHT])
def test_a_day_class_lies_on_whole_days(ttl_class: TtlClass) -> None:
    """Any hour of the day but midnight would tell the hour of sealing."""
    window = TtlWindow.at(NOW)
    admitted = [hour for hour in range(480_000, 480_026) if window.admits(ttl_class, hour)]
    assert admitted == [480_024]


@pytest.mark.parametrize("ttl_class", [5, 17, 255])
def test_an_unknown_class_is_refused(ttl_class: int) -> None:
    """Classes end at 4."""
    assert not TtlWindow.at(NOW).admits(ttl_class, 480_024)


def test_a_clock_beyond_the_field_is_the_callers_fault() -> None:
    """u32 hours end in the year 491,936; a clock there is wrong."""
    with pytest.raises(FieldOutOfRange):
        not_after(TtlClass.HOUR, 2**32 * HOUR)


def test_the_years_that_can_be_named_have_two_ends() -> None:
    """The first hour and the last that a u32 holds are given; beyond either, the clock is wrong."""
    assert not_after(TtlClass.HOUR, -HOUR) == 0
    assert not_after(TtlClass.HOUR, (2**32 - 2) * HOUR) == 2**32 - 1
    for now in (-HOUR - 1, (2**32 - 2) * HOUR + 1):
        hours = now / HOUR
        with pytest.raises(FieldOutOfRange):
            not_after(TtlClass.HOUR, now if hours > 0 else now - HOUR)
