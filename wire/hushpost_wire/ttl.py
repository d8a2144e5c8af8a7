"""TTL classes and `not_after` (docs/spec/delivery.md, section 6). Times are seconds since 1970.

On the wire `not_after` counts whole hours, and for the day classes it lies on a whole day, so that
it never tells when an envelope was made more finely than its class.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from hushpost_wire.errors import FieldOutOfRange
from hushpost_wire.limits import CLOCK_SKEW_UNITS_MAX

HOUR_SECONDS: Final = 3600
DAY_HOURS: Final = 24
NOT_AFTER_MAX: Final = 2**32 - 1


class TtlClass(IntEnum):
    """How long an envelope may wait at a relay."""

    EPHEMERAL = 0
    HOUR = 1
    DAY = 2
    WEEK = 3
    FORTNIGHT = 4


DEFAULT_TTL: Final = TtlClass.FORTNIGHT

LIFETIME_HOURS: Final[dict[TtlClass, int]] = {
    TtlClass.EPHEMERAL: 1,
    TtlClass.HOUR: 1,
    TtlClass.DAY: DAY_HOURS,
    TtlClass.WEEK: 7 * DAY_HOURS,
    TtlClass.FORTNIGHT: 14 * DAY_HOURS,
}


def unit_hours(ttl_class: TtlClass) -> int:
    """Give the unit that `not_after` of this class is a multiple of, in hours."""
    return DAY_HOURS if LIFETIME_HOURS[ttl_class] >= DAY_HOURS else 1


def not_after(ttl_class: TtlClass, now: float) -> int:
    """Give the `not_after` hour of an envelope sealed at `now`: its lifetime, rounded up."""
    unit = unit_hours(ttl_class)
    ends = now / HOUR_SECONDS + LIFETIME_HOURS[ttl_class]
    hour = int(-(-ends // unit)) * unit
    if not 0 <= hour <= NOT_AFTER_MAX:
        raise FieldOutOfRange("the clock is outside the years that not_after can name; set it")
    return hour


def has_passed(hour: int, now: float) -> bool:
    """Say whether an envelope with this `not_after` is dead at `now`."""
    return hour * HOUR_SECONDS <= now


@dataclass(frozen=True, slots=True)
class TtlWindow:
    """The `not_after` hours a relay admits during one hour of its clock, class by class.

    Made once an hour, so that a check in the hot path is two comparisons and a remainder.
    """

    hour: int
    bounds: tuple[tuple[int, int], ...]

    @classmethod
    def at(cls, now: float) -> "TtlWindow":
        """Make the window of the hour that `now` lies in."""
        hour = int(now // HOUR_SECONDS)
        latest = tuple(
            (
                not_after(ttl_class, hour * HOUR_SECONDS + HOUR_SECONDS)
                + CLOCK_SKEW_UNITS_MAX * unit_hours(ttl_class),
                unit_hours(ttl_class),
            )
            for ttl_class in TtlClass
        )
        return cls(hour, latest)

    def admits(self, ttl_class: int, hour: int) -> bool:
        """Say whether the class is known and the hour not past, not too far and on its unit."""
        if ttl_class >= len(self.bounds):
            return False
        latest, unit = self.bounds[ttl_class]
        return self.hour < hour <= latest and hour % unit == 0
