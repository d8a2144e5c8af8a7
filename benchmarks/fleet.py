"""From the measured figures to a fleet: what so many accounts take, and what breaks first.

    python -m benchmarks.fleet                                  for one and for ten million accounts
    python -m benchmarks.fleet --accounts 50000 --accounts 1e8
    python -m benchmarks.fleet --online-share 0.6 --replicas 2  with other assumptions
    python -m benchmarks.fleet --write docs/scale.md            renews the tables of that page

Each assumption is an argument; `--help` lists them with unit, default and where that comes from.
"""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Final

from benchmarks.errors import BenchmarkFailure
from benchmarks.fleet_assumptions import Assumptions
from benchmarks.fleet_tables import tables

SIZES: Final = (1e6, 1e7)
TITLES: Final = {
    "first": "One relay and one primary: what is full first",
    "load": "What people do",
    "fleet": "The fleet",
    "use": "How full it is",
    "storm": "Devices that come back at once",
    "talk": "What relays and Redis say to each other",
    "rewrite": "Writing the logs anew",
    "larger": "Fewer, larger relays",
    "assumptions": "Assumptions",
}
_BLOCK: Final = re.compile(r"(<!-- fleet: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


class PageUnusable(BenchmarkFailure):
    """The page does not have the places into which the tables go."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Reckon and print, or write into a page; gives the exit status."""
    parser = _parser()
    chosen = vars(parser.parse_args(arguments))
    sizes: Sequence[float] = chosen.pop("accounts") or SIZES
    page: Path | None = chosen.pop("write")
    try:
        found = tables(Assumptions(**chosen), sizes)
        if page is None:
            _print("\n\n".join(f"## {TITLES[name]}\n\n{text}" for name, text in found.items()))
        else:
            page.write_text(renewed(page.read_text(), found))
    except (OverflowError, ZeroDivisionError):
        print("fleet: these assumptions together are beyond what can be reckoned", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"fleet: {page}: {error.strerror}", file=sys.stderr)
        return 2
    except BenchmarkFailure as error:
        print(f"fleet: {error}", file=sys.stderr)
        return 2
    return 0


def _print(text: str) -> None:
    try:
        print(text, flush=True)
    except (
        BrokenPipeError
    ):  # `| head` has what it wanted; Python's own flush at the end is spared it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def renewed(page: str, found: dict[str, str]) -> str:
    """Give the page with its tables renewed. Raises PageUnusable where one has no place, or two."""
    places = [match[2] for match in _BLOCK.finditer(page)]
    if sorted(places) != sorted(found):
        raise PageUnusable(f"the page has places for {places}, and there are {list(found)}")
    return _BLOCK.sub(lambda match: f"{match[1]}{found[match[2]]}\n{match[3]}", page)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.fleet",
        # There are too many to show them with every mistake.
        usage="%(prog)s [--help] [--accounts N]... [--write PAGE] [--ASSUMPTION VALUE]...",
        description="From the measured figures to a fleet: what it takes, and what breaks first.",
    )
    parser.add_argument("--accounts", type=float, action="append", help="a size; may be repeated")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="renew the tables of this page")
    for item in fields(Assumptions):
        told = item.metadata
        parser.add_argument(
            f"--{item.name.replace('_', '-')}",
            type=float,
            default=item.default,
            metavar=told["unit"].upper().replace(" ", "_").replace("%", "%%"),
            help=f"{told['reason']} ({told['source']}; {told['unit']}; default {item.default:g})",
        )
    return parser


if __name__ == "__main__":
    sys.exit(main())
