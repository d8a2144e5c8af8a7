"""What is promised, and whether it was kept: one `Result` a figure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum


class Bound(Enum):
    """On which side of the target a value must lie."""

    AT_LEAST = ">="
    AT_MOST = "<="


@dataclass(frozen=True, slots=True)
class Target:
    """A promise about the judged value."""

    bound: Bound
    value: float

    def met_by(self, value: float) -> bool:
        """Whether the value keeps the promise."""
        if self.bound is Bound.AT_LEAST:
            return value >= self.value
        return value <= self.value

    def __str__(self) -> str:
        return f"{self.bound.value} {self.value:g}"


def at_least(value: float) -> Target:
    """Promise no less."""
    return Target(Bound.AT_LEAST, value)


def at_most(value: float) -> Target:
    """Promise no more."""
    return Target(Bound.AT_MOST, value)


@dataclass(frozen=True, slots=True)
class Result:
    """One row of the table. `judged` is the ratio where there is a yardstick, else the value."""

    name: str
    value: float
    unit: str
    yardstick: float | None = None
    target: Target | None = None

    @property
    def judged(self) -> float:
        """What the target is about."""
        return self.value if self.yardstick is None else self.value / self.yardstick

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None where there is none."""
        return None if self.target is None else self.target.met_by(self.judged)

    def to_json(self) -> dict[str, object]:
        """Return the row for the results file."""
        return {
            "name": self.name,
            "value": round(self.value, 4),
            "unit": self.unit,
            "yardstick": None if self.yardstick is None else round(self.yardstick, 4),
            "ratio": None if self.yardstick is None else round(self.judged, 4),
            "target": None if self.target is None else str(self.target),
            "met": self.met,
        }


COLUMNS = ("figure", "value", "unit", "yardstick", "ratio", "target", "")
_RIGHT = {1, 3, 4}


def table(results: Sequence[Result]) -> str:
    """Return the rows as text in columns."""
    rows = [COLUMNS, *(_cells(result) for result in results)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    lines = [
        "  ".join(
            cell.rjust(width) if column in _RIGHT else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    lines.insert(1, "-" * max(len(line) for line in lines))
    return "\n".join(lines)


def _cells(result: Result) -> tuple[str, ...]:
    has_yardstick = result.yardstick is not None
    return (
        result.name,
        number(result.value),
        result.unit,
        number(result.yardstick) if result.yardstick is not None else "",
        f"{result.judged:.2f}" if has_yardstick else "",
        "" if result.target is None else str(result.target),
        {None: "", True: "met", False: "MISSED"}[result.met],
    )


def number(value: float) -> str:
    """Return a figure with as many digits as it deserves."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.3f}"
