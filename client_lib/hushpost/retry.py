"""When to try again: exponential back-off with full jitter (docs/spec/delivery.md).

After a relay restarts, all its clients notice within the same second. Each waits a time drawn
evenly from zero to a bound that doubles with every failure, so that they come back spread over the
whole bound and not in waves. Pure: the attempt number and the randomness are arguments.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

# The first retry comes within half a second: most losses are a change of network or one dropped
# connection, and a person is waiting.
RETRY_BASE_SECONDS: Final = 0.5
# No one waits longer than a minute for a relay that is back; 10,000 clients then ask for about 333
# connections a second, which one relay process can accept.
RETRY_CAP_SECONDS: Final = 60.0
# A relay that is leaving (close code 1012) has others behind the same name, or comes back itself in
# a second or two: over this much its clients spread from the first try on (docs/spec/wire.md, 9).
MOVED_BASE_SECONDS: Final = 2.0
# Codes 4006 and 4007: the relay has more than it can take, and asks to be left alone.
BUSY_SECONDS_MIN: Final = 60.0
# 2**63 and more would overflow a float sum long after the cap is reached; the exponent stops here.
_EXPONENT_MAX: Final = 32


@dataclass(frozen=True, slots=True)
class Pause:
    """What a relay asks of who comes back: at least so long, and spread over so much at first."""

    seconds_min: float = 0.0
    base_seconds: float = RETRY_BASE_SECONDS


NO_PAUSE: Final = Pause()
MOVED: Final = Pause(base_seconds=MOVED_BASE_SECONDS)
BUSY: Final = Pause(seconds_min=BUSY_SECONDS_MIN)


@dataclass(frozen=True, slots=True)
class Backoff:
    """The bounds of one sequence of attempts. ``base_seconds`` doubles up to ``cap_seconds``."""

    base_seconds: float = RETRY_BASE_SECONDS
    cap_seconds: float = RETRY_CAP_SECONDS

    def __post_init__(self) -> None:
        if not 0 < self.base_seconds <= self.cap_seconds:
            raise ValueError("a back-off needs 0 < base_seconds <= cap_seconds")

    def bound(self, failures: int) -> float:
        """Give the longest wait after that many failures in a row (1 for the first)."""
        if failures < 1:
            raise ValueError("a back-off begins with the first failure, number 1")
        exponent = min(failures - 1, _EXPONENT_MAX)
        return min(self.cap_seconds, self.base_seconds * float(2**exponent))

    def delay(
        self, failures: int, random: Callable[[int], bytes], pause: Pause = NO_PAUSE
    ) -> float:
        """Draw the wait: even over 0 to `bound`, from eight bytes of ``random``.

        A ``pause`` that the relay asked for comes before it, and may widen it up to the cap.
        """
        wider = max(1.0, pause.base_seconds / self.base_seconds)
        bound = min(self.cap_seconds, self.bound(failures) * wider)
        return pause.seconds_min + bound * fraction(random)


def fraction(random: Callable[[int], bytes]) -> float:
    """Draw evenly from 0 (inclusive) to 1 (exclusive), with the 53 bits a float can hold."""
    return (int.from_bytes(random(8), "big") >> 11) / float(1 << 53)
