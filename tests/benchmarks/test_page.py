"""docs/benchmarks.md shows the figures of the run that stands in the results, and no others."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"
# Rows of the page, by how they begin, in its order; and what they show.
COMMITTED = ", every one committed"
ROWS = (
    ("online, 50 pairs, 1024 B", "reference", "online 1024 B, 50 pairs"),
    ("the same, every one", "reference", f"online 1024 B, 50 pairs{COMMITTED}"),
    ("online, 50 pairs, 4096 B", "reference", "online 4096 B, 50 pairs"),
    ("the same, every one", "reference", f"online 4096 B, 50 pairs{COMMITTED}"),
    ("online, 1 pair, 1024 B", "reference", "online 1024 B, 1 pair"),
    ("beside the Sans-I/O", "reference", "online 1024 B, 50 pairs, beside the Sans-I/O forwarder"),
    ("the load's share", "reference", "online 1024 B, 50 pairs, the load's share of its core"),
    ("2,000/s, 1024 B, deliver p50", "reference", "2,000/s 1024 B, deliver p50"),
    ("deliver p99", "reference", "2,000/s 1024 B, deliver p99"),
    ("ACCEPTED p50", "reference", f"2,000/s 1024 B, ACCEPTED p50{COMMITTED}"),
    ("2,000/s, 4096 B, deliver p50", "reference", "2,000/s 4096 B, deliver p50"),
    ("deliver p99", "reference", "2,000/s 4096 B, deliver p99"),
    ("ACCEPTED p50", "reference", f"2,000/s 4096 B, ACCEPTED p50{COMMITTED}"),
    ("slow sync (", "reference", "2,000/s 1024 B, slow sync, deliver p50"),
    ("deliver p99", "reference", "2,000/s 1024 B, slow sync, deliver p99"),
    ("deliver p50 beside", "reference", "2,000/s 1024 B, deliver p50 of slow sync beside fast"),
    ("ACCEPTED p50", "reference", f"2,000/s 1024 B, slow sync, ACCEPTED p50{COMMITTED}"),
    ("slow sync, 4096 B", "reference", "2,000/s 4096 B, slow sync, deliver p50"),
    ("deliver p99", "reference", "2,000/s 4096 B, slow sync, deliver p99"),
    ("deliver p50 beside", "reference", "2,000/s 4096 B, deliver p50 of slow sync beside fast"),
    ("ACCEPTED p50", "reference", f"2,000/s 4096 B, slow sync, ACCEPTED p50{COMMITTED}"),
    ("offline, 10,000 in, 1024 B", "reference", "offline 1024 B, 10,000 in"),
    ("drained, 1024 B", "reference", "offline 1024 B, 10,000 drained"),
    ("offline, 10,000 in, 4096 B", "reference", "offline 4096 B, 10,000 in"),
    ("drained, 4096 B", "reference", "offline 4096 B, 10,000 drained"),
    ("idle connection", "reference", "idle connection, 5,000 logged in"),
    ("encrypt 1 KB", "reference", "pairwise encrypt, beside X25519"),
    ("decrypt 1 KB", "reference", "pairwise decrypt, beside X25519"),
    ("ping-pong", "reference", "pairwise ping_pong, beside X25519"),
    ("session start", "reference", "pairwise session_start, beside X25519"),
    ("the cryptography again", "pairwise", "pairwise encrypt, beside X25519"),
    ("decrypt 1 KB", "pairwise", "pairwise decrypt, beside X25519"),
    ("ping-pong", "pairwise", "pairwise ping_pong, beside X25519"),
    ("session start", "pairwise", "pairwise session_start, beside X25519"),
)
# Where the forwarder's figure is a result of its own.
FORWARDERS = {
    "idle connection, 5,000 logged in": ("reference", "idle connection of the forwarder"),
}
NUMBER = re.compile(r"[\d,]+(?:\.\d+)?")


def table() -> list[list[str]]:
    """Give the cells of the first table of results."""
    page = (ROOT / "docs" / "benchmarks.md").read_text()
    lines = page.partition("## Results")[2].splitlines()
    rows = [line for line in lines[: lines.index("## The quiet profile")] if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


def measured() -> dict[tuple[str, str], dict[str, float | None]]:
    """Give each result by file and name."""
    return {
        (name, row["name"]): row
        for name in ("reference", "pairwise")
        for row in json.loads((RESULTS / f"{name}.json").read_text())["results"]
    }


def says(cell: str, figure: float | None) -> bool:
    """Whether a cell shows this figure, rounded as it is; one without a number shows any."""
    found = NUMBER.search(cell)
    if found is None:
        return True
    digits = len(found[0].partition(".")[2])
    number = float(found[0].replace(",", ""))
    # Large ones have three digits that mean something.
    rounding = 0.501 * 10**-digits if digits or number < 1_000 else number * 0.005
    return figure is not None and abs(figure - number) <= rounding


def differences(rows: list[list[str]]) -> list[str]:
    """Say where the page shows something else than was measured."""
    results, found = measured(), list[str]()
    for (begins, file, name), row in zip(ROWS, rows, strict=True):
        title, relay, forwarder, ratio, _, verdict = row
        told = results[file, name]
        beside = results[FORWARDERS.get(name, (file, name))]
        yardstick = beside["value"] if name in FORWARDERS else beside["yardstick"]
        shown = [(relay, told["value"]), (forwarder, yardstick), (ratio, told["ratio"])]
        found += (f"{title}: {cell} is {one}" for cell, one in shown if not says(cell, one))
        words = {True: "met", False: "**missed**", None: ""}
        if verdict != words[told["met"] if told["met"] is None else bool(told["met"])]:
            found.append(f"{title}: {verdict}")
        if not title.startswith(begins):
            found.append(f"{title}: should begin with {begins}")
    return found


def test_the_page_shows_what_was_measured() -> None:
    """Each figure, ratio and verdict of the table is that of the results, as the page rounds."""
    assert differences(table()) == []


@pytest.mark.parametrize(
    ("row", "cell", "planted"), [(0, 1, "47,900/s"), (1, 3, "0.46"), (1, 5, "met")]
)
def test_another_figure_on_the_page_is_named(row: int, cell: int, planted: str) -> None:
    """One that was written by hand, rounded in one's favour, or a miss that is told as met."""
    rows = table()
    rows[row][cell] = planted
    assert len(differences(rows)) == 1
