"""A clock that is wrong by what a file says, so that a harness can set it in a running process."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

CLOCK_VARIABLE: Final = "HUSHPOST_PROOF_CLOCK"
# A file is looked at this often at most: clocks are read for every envelope.
_LOOK_AGAIN_SECONDS: Final = 0.05


def clock_in_force() -> Callable[[], float]:
    """Return the system's clock, or the wrong one that the environment names."""
    name = os.environ.get(CLOCK_VARIABLE)
    return time.time if not name else WrongClock(Path(name)).now


class WrongClock:
    """The system's clock and so many seconds."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._looked = 0.0
        self._wrong = 0.0

    def now(self) -> float:
        """Give seconds since the epoch, as this clock has them."""
        if time.monotonic() - self._looked >= _LOOK_AGAIN_SECONDS:
            self._looked = time.monotonic()
            self._wrong = float(self._path.read_text() or 0) if self._path.exists() else 0.0
        return time.time() + self._wrong


def set_clock(path: Path, seconds: float) -> None:
    """Make every process that reads this file be so many seconds ahead."""
    fresh = path.with_suffix(".fresh")
    fresh.write_text(str(seconds))
    fresh.rename(path)
