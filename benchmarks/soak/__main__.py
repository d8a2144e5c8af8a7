"""`make soak MINUTES=n`: a run, its table, and 1 as status when something grew.

python -m benchmarks.soak --minutes 30 [--without-control] [--keep FOLDER]

First a short run with a leak planted behind every figure that is judged: each must be found, or the
soak itself is broken (status 2).
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.soak.run import Outcome, Plan, SoakFailed, soak
from benchmarks.soak.vital_signs import MIB, TOLERANCES, Sign

# As many as it takes for the planted leaks to outgrow what a young process grows by itself.
CONTROL_SECONDS = 20.0
PLANTED = {
    "relay": (Sign.MEMORY, Sign.DESCRIPTORS, Sign.DATABASE),
    "clients": (Sign.MEMORY, Sign.DATABASE),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Soak and print what was found."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--without-control", action="store_true", help="plant no leaks before")
    parser.add_argument("--keep", type=Path, help="an empty folder for all that the run writes")
    given = parser.parse_args(arguments)
    try:
        if not given.without_control:
            missed = control(CONTROL_SECONDS)
            if missed:
                print(f"soak: planted leaks were not found: {', '.join(missed)}", file=sys.stderr)
                return 2
            print("control: every planted leak was found", flush=True)
        outcome = _in_folder(Plan(given.minutes * 60), given.keep)
    except SoakFailed as failure:
        print(f"soak: {failure}", file=sys.stderr)
        return 2
    print(table(outcome))
    return 0 if outcome.is_clean else 1


def control(seconds: float) -> list[str]:
    """Run with every leak planted; return those that were not found."""
    planted = {name: ",".join(signs) for name, signs in PLANTED.items()}
    outcome = _in_folder(Plan(seconds, planted["relay"], planted["clients"]), None)
    found = {(reading.process, reading.sign) for reading in outcome.growing}
    return [
        f"{name}: {sign}"
        for name, signs in PLANTED.items()
        for sign in signs
        if (name, sign) not in found
    ]


def _in_folder(plan: Plan, folder: Path | None) -> Outcome:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        return asyncio.run(soak(plan, folder))
    with tempfile.TemporaryDirectory(prefix="hushpost-soak-") as temporary:
        return asyncio.run(soak(plan, Path(temporary)))


def table(outcome: Outcome) -> str:
    """Lay out the figures."""
    lines = [f"{'':32}{'median':>12}{'growth':>12}{'allowed':>12}  over"]
    for reading in outcome.readings:
        found, unit = (
            reading.trend,
            MIB if reading.sign in (Sign.MEMORY, Sign.DATABASE, Sign.LOG) else 1,
        )
        figures = (
            found.middle / unit,
            found.growth / unit,
            TOLERANCES[reading.sign].over(found.span_seconds) / unit,
        )
        name = f"{reading.process}: {reading.sign}{' (MiB)' if unit > 1 else ''}"
        lines.append(
            f"{name:32}{figures[0]:12.2f}{figures[1]:+12.3f}{figures[2]:12.2f}"
            f"  {found.span_seconds / 60:.1f} min  {'flat' if reading.is_flat else 'GROWS'}"
        )
    lines += [f"{name:32}not judged: the run is too short for it" for name in outcome.unjudged]
    lines.append("")
    lines += [f"{what:44}{count:>10,}" for what, count in sorted(outcome.counts.items())]
    lines.append(f"{'days on the clock of the run':44}{outcome.days:>10.1f}")
    lines += [f"NEVER DONE: {what}" for what in outcome.idle]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
