"""What a run found: rows of the table, the figures behind them, and doubts."""

from typing import Final

from benchmarks.comparison import Comparison
from benchmarks.recording import Figures
from benchmarks.targets import Result, Target

RATE: Final = "messages_per_second"
# Below, a closed loop did not saturate its server, and its rate is not the server's doing.
CORE_SHARE_MIN: Final = 0.9
# Half the distance between two messages of the open loop.
LATE_MS_MAX: Final = 0.25


class Report:
    """Collects rows, and the figures behind them for the results file."""

    def __init__(self) -> None:
        self.results: list[Result] = []
        self.behind: dict[str, list[Figures]] = {}
        self.doubts: list[str] = []

    def row(
        self,
        name: str,
        value: float,
        unit: str,
        yardstick: float | None = None,
        target: Target | None = None,
    ) -> None:
        """Add a row."""
        self.results.append(Result(name, value, unit, yardstick, target))

    def doubt(self, name: str, share: float) -> None:
        """Say so where a server under full load did not get its core: others were at work."""
        if share < CORE_SHARE_MIN:
            self.doubts.append(f"{name}: the server had {share:.0%} of its core; run it again")

    def doubt_lateness(self, name: str, late_ms: float, most_ms: float = LATE_MS_MAX) -> None:
        """Say so where the load itself could not keep its schedule."""
        if late_ms > most_ms:
            self.doubts.append(f"{name}: the load was {late_ms:.2f} ms late; run it again")

    def keep(self, title: str, comparison: Comparison) -> None:
        """Keep the figures of every single run."""
        for phase, runs in comparison.runs.items():
            self.behind[f"{title} {phase}"] = runs
