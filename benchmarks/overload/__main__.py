"""`make overload`: every flood, its table, and 1 as status when something did not hold.

python -m benchmarks.overload [--only FLOOD ...] [--seconds 8] [--quiet-seconds 5]
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.file_limit import raise_file_limit
from benchmarks.overload.floods import FLOODS
from benchmarks.overload.outcomes import ANSWERED, TOLD, UNTOLD
from benchmarks.overload.run import Finding, OverloadFailed, overload


def main(arguments: Sequence[str] | None = None) -> int:
    """Flood and print what was found."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overload", description=__doc__)
    parser.add_argument("--only", action="append", choices=list(FLOODS), help="repeatable")
    parser.add_argument("--seconds", type=float, default=8.0, help="of each flood")
    parser.add_argument("--quiet-seconds", type=float, default=5.0, help="before each flood")
    given = parser.parse_args(arguments)
    raise_file_limit()
    try:
        return asyncio.run(_run(given.only or list(FLOODS), given.quiet_seconds, given.seconds))
    except OverloadFailed as failure:
        print(f"overload: {failure}", file=sys.stderr)
        return 2


async def _run(floods: Sequence[str], quiet_seconds: float, flood_seconds: float) -> int:
    held = True
    print(HEADINGS)
    with tempfile.TemporaryDirectory(prefix="hushpost-overload-") as folder:
        async for found in overload(
            floods, Path(folder), quiet_seconds=quiet_seconds, flood_seconds=flood_seconds
        ):
            print(line(found), flush=True)
            held = held and not found.faults
    return 0 if held else 1


HEADINGS = (
    f"{'flood':14}{'sent':>9}{'a second':>9}{'answered':>9}{'told':>9}{'silent':>8}{'open':>7}"
    f"{'quiet p50/p99':>15}{'flooded p50/p99 ms':>20}{'accepted p99':>14}{'MiB':>6}  verdict"
)


def line(found: Finding) -> str:
    """Lay out the figures of one flood."""
    counts = found.outcomes.counts
    quiet, flooded = (f"{x.p50 * 1e3:.1f}/{x.p99 * 1e3:.1f}" for x in (found.quiet, found.flooded))
    ways = "; ".join(f"{way} {times:,}" for way, times in found.outcomes.ways.most_common(6))
    return (
        f"{found.flood:14}{found.outcomes.sent:>9,}{found.outcomes.sent / found.seconds:>9,.0f}"
        f"{counts[ANSWERED]:>9,}{counts[TOLD]:>9,}{counts[UNTOLD]:>8,}"
        f"{found.outcomes.open_at_end:>7,}{quiet:>15}{flooded:>20}"
        f"{found.flooded.accepted_p99 * 1e3:>14.1f}{found.memory >> 20:>6}  "
        + ("holds" if not found.faults else "; ".join(found.faults))
        + f"\n{'':14}{ways}"
    )


if __name__ == "__main__":
    sys.exit(main())
