"""Measure everything, print the table, write the results file.

    python -m benchmarks [--quick] [--real-time] [--only PART]... [--out FILE]

Without `--only`, all parts but those of Redis, which need a redis-server. Exits with 1 when a
target was missed, so that a script can tell.
"""

import argparse
import json
import sys
import time
from pathlib import Path

from benchmarks import machine, real_time
from benchmarks.comparison import QUICK, Effort
from benchmarks.errors import BenchmarkFailure
from benchmarks.file_limit import raise_file_limit
from benchmarks.processes import check_cores
from benchmarks.report import Report
from benchmarks.suite import PARTS, USUAL
from benchmarks.targets import table

RESULTS = Path(__file__).parent / "results"
DEFAULT_OUT = RESULTS / "latest.json"


def main(arguments: list[str] | None = None) -> int:
    """Run the parts that were asked for."""
    asked = _parser().parse_args(arguments)
    effort = QUICK if asked.quick else Effort()
    parts = asked.only or list(USUAL)
    began, busy = time.monotonic(), machine.load_average()
    report = Report()
    try:
        check_cores()
        if asked.real_time:
            real_time.enter()
        raise_file_limit()
        for name in parts:
            print(f"measuring: {name}", file=sys.stderr, flush=True)
            PARTS[name](report, effort)
            _write(asked, report, busy)
    except BenchmarkFailure as failure:
        print(f"benchmarks: {failure}", file=sys.stderr)
        return 2
    print(table(report.results))
    for doubt in report.doubts:
        print(f"DOUBTFUL  {doubt}")
    taken = time.monotonic() - began
    print(f"{taken:.0f} s; load average {busy} at the start, {machine.load_average()} at the end")
    print(f"written: {asked.out}")
    return 1 if any(result.met is False for result in report.results) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short runs: a look, no measurement")
    parser.add_argument(
        "--real-time", action="store_true", help="keep other processes away; needs privileges"
    )
    parser.add_argument(
        "--only", action="append", choices=list(PARTS), help="this part; repeatable"
    )
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT, help="results file (JSON)")
    return parser


def _write(asked: argparse.Namespace, report: Report, busy: float) -> None:
    """Write what there is, after each part: a later one may fail."""
    out: Path = asked.out
    results = {
        "run": {
            "parts": asked.only or list(USUAL),
            "quick": asked.quick,
            "real_time": asked.real_time,
            "load_average": busy,
        },
        "machine": machine.describe(),
        "doubts": report.doubts,
        "results": [result.to_json() for result in report.results],
        "behind": {
            title: [{name: round(value, 4) for name, value in one.items()} for one in runs]
            for title, runs in report.behind.items()
        },
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
