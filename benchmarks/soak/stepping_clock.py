"""A clock that goes on by an hour every moment, so that mail expires and keys age within a soak.

Seconds pass as they do everywhere, so that pings and time limits keep their meaning; now and then
an hour passes at once. Every process of a run computes the same time from the same start.
"""

import time
from dataclasses import dataclass

HOUR_SECONDS = 3600
HOURS_A_DAY = 24


@dataclass(frozen=True, slots=True)
class SteppingClock:
    """`start` is the machine's time at which the run began; a step comes every `step_seconds`."""

    start: float
    step_seconds: float

    def now(self) -> float:
        """Give the time of the run, in seconds since 1970."""
        return self.at(time.time())

    def at(self, machine_time: float) -> float:
        """Give the time of the run at a moment of the machine's time."""
        return machine_time + HOUR_SECONDS * ((machine_time - self.start) // self.step_seconds)

    def days(self, seconds: float) -> float:
        """Give how many days pass in so many seconds of the machine."""
        return seconds * (1 + HOUR_SECONDS / self.step_seconds) / (HOUR_SECONDS * HOURS_A_DAY)

    def seconds(self, days: float) -> float:
        """Give how many seconds of the machine so many days take."""
        return days / self.days(1.0)

    def to_text(self) -> str:
        """Write it for another process."""
        return f"{self.start!r}/{self.step_seconds!r}"

    @classmethod
    def from_text(cls, text: str) -> "SteppingClock":
        """Read what `to_text` wrote."""
        start, _, step = text.partition("/")
        return cls(float(start), float(step))
