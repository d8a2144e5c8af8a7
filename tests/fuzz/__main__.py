"""Fuzz every target for a share of the time: `python -m tests.fuzz --seconds 60`.

Two processes run the targets by turns, the plain driver first: it is at the structured mutations
from its first input on. With `--guided`, and where atheris is installed, the second half of each
target's time is its; `make fuzz` asks for that. Ends with 1 if anything was found; the input is
then under `fuzz-findings/`, and belongs into `tests/fuzz/regressions/` with its mending.
"""

from __future__ import annotations

import argparse
import sys
import time

from tests.fuzz import corpus
from tests.fuzz.all_targets import TARGETS
from tests.fuzz.side_by_side import has_atheris, run_all


def main() -> int:
    """Fuzz, print a table, and return 1 if anything was found."""
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", help="which; all by default")
    parser.add_argument("--seconds", type=float, default=60.0, help="in all")
    parser.add_argument("--seed", type=int, default=None, help="by default another every run")
    parser.add_argument("--guided", action="store_true", help="also under atheris, where there is")
    parser.add_argument("--write-corpus", action="store_true", help="write the corpus and end")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.targets if name not in TARGETS]
    if unknown:
        parser.error(f"no such target: {', '.join(unknown)}; there are {', '.join(TARGETS)}")
    if arguments.write_corpus:
        corpus.write(TARGETS.values())
        return 0
    guided = arguments.guided and has_atheris()
    if arguments.guided and not guided:
        sys.stdout.write("atheris has no wheel for this Python: the plain driver runs alone\n")
    seed = arguments.seed if arguments.seed is not None else int(time.time())
    reports = run_all(arguments.targets or list(TARGETS), arguments.seconds, seed, guided)
    sys.stdout.write(f"seed {seed}\n{'target':20}{'plain':>12}{'guided':>12}  found\n")
    for report in reports:
        found = report.path or ("without an input" if report.found else "nothing")
        line = f"{report.target:20}{report.plain:12}{report.guided:12}  {found}\n"
        sys.stdout.write(line + report.found)
    return 1 if any(report.found for report in reports) else 0


if __name__ == "__main__":
    sys.exit(main())
