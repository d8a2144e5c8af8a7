"""One clock for relay and people, which an experiment turns by days."""

import time

DAY = 86400.0


class Calendar:
    """The system's clock and as much as it was turned."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def now(self) -> float:
        """Give seconds since the epoch."""
        return time.time() + self._ahead

    def turn(self, seconds: float) -> None:
        """Let time pass for everybody at once."""
        self._ahead += seconds
