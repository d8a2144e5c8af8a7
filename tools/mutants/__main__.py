"""Changes wire and crypto, one place at a time, and sees that a test notices.

`python -m tools.mutants --base main` tries the files that differ from a branch, or whose own tests
do; `--all` every one.
Each mutant is tried on its module's own test file and then on what tests the package as a whole.
Survivors are killed by a test, or listed with a reason in `excused.toml`; else this ends with 1.
Within the minutes given: where they do not suffice, mutants are drawn by chance and the rest is
counted. A long run is shared with `--shard 1/4`, and with `--record FILE` goes on where it was cut
off.

Why not mutmut or cosmic-ray: mutmut copies the sources and rewrites functions alone (constants of
a module, where protocols have their limits, are never changed), and knows one source root;
cosmic-ray starts pytest anew for each mutant, which costs more here than most test files.
"""

from __future__ import annotations

import argparse
import ast
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tools.mutants import excuses
from tools.mutants.mutations import Mutant, mutants_of
from tools.mutants.record import Record
from tools.mutants.trial import Fate, share_imports, try_mutant

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {"wire": "hushpost_wire", "crypto": "hushpost_crypto"}
# What sees a whole package: tried where a module's own tests see nothing.
WHOLE = {
    "wire": (
        "tests/wire/test_wire_vectors.py",
        "tests/wire/test_relay_protocol.py",
        "tests/wire/test_client_protocol.py",
        "tests/wire/test_joined.py",
    ),
    "crypto": (
        "tests/crypto/test_identity_vectors.py",
        "tests/crypto/test_pairwise_vectors.py",
        "tests/crypto/test_double_ratchet.py",
        "tests/crypto/test_first_message.py",
        "tests/crypto/test_pqxdh.py",
        "tests/crypto/test_pairwise_stateful.py",
    ),
}


@dataclass
class Tally:
    """What became of all mutants, by name."""

    known: set[str] = field(default_factory=set[str])
    tried: set[str] = field(default_factory=set[str])
    survived: list[str] = field(default_factory=list[str])
    endless: list[str] = field(default_factory=list[str])


@dataclass(frozen=True, slots=True)
class Effort:
    """How long, in which order, which share, and where the fates are kept."""

    seconds: float
    chance: random.Random
    share: tuple[int, int] = (1, 1)
    record: Record = field(default_factory=lambda: Record(None))


def files(base: str | None) -> list[Path]:
    """Give the modules to look at: those that differ from `base`, or their own tests; or all."""
    every = [
        path
        for root, package in PACKAGES.items()
        for path in sorted((ROOT / root / package).rglob("*.py"))
        if path.name not in ("__init__.py", "errors.py")
    ]
    if base is None:
        return every
    changed = _listed("diff", "--name-only", base) | _listed("ls-files", "-o", "--exclude-standard")
    return [path for path in every if {path, *map(Path, judges_of(path)[0])} & changed]


def _listed(*command: str) -> set[Path]:
    """Give the files that git lists, of the packages and their tests."""
    git = ["git", *command, "--", *PACKAGES, *(f"tests/{root}" for root in PACKAGES)]
    listing = subprocess.run(git, cwd=ROOT, check=True, capture_output=True, text=True)  # noqa: S603 - a commit's name, given by the developer
    return {ROOT / name for name in listing.stdout.splitlines()}


def module_of(path: Path) -> str:
    """Give the import name of a file."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts[1:])


def judges_of(path: Path) -> tuple[list[str], list[str]]:
    """Give a module's own test file, and those of its package as a whole."""
    root, _, *inner = path.relative_to(ROOT).parts
    own = ROOT / "tests" / root / Path(*inner[:-1]) / f"test_{inner[-1]}"
    return [str(own)] if own.is_file() else [], [str(ROOT / name) for name in WHOLE[root]]


def fate_of(mutant: Mutant) -> Fate:
    """Try one mutant on the nearer tests and then on the wider ones."""
    module, tree = module_of(mutant.path), mutant.tree()
    for tests in judges_of(mutant.path):
        fate = try_mutant(module, mutant.path, tree, tests) if tests else Fate.UNTESTED
        if fate.is_noticed:
            return fate
    return Fate.SURVIVED


def require_sound(paths: Sequence[Path]) -> None:
    """See that the tests pass on the modules as they are: else every mutant would seem killed."""
    passed: set[str] = set()
    for path in paths:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        tests = [test for group in judges_of(path) for test in group if test not in passed]
        if tests and try_mutant(module_of(path), path, tree, tests).is_noticed:
            raise SystemExit(f"{module_of(path)}: tests fail without a mutant: {tests}")
        passed.update(tests)


def run(paths: Sequence[Path], effort: Effort) -> Tally:
    """Try the mutants of these modules, or the share of them that was asked for, for so long."""
    require_sound(paths)
    mutants = [mutant for path in paths for mutant in mutants_of(path, module_of(path))]
    tally = Tally(known={mutant.name for mutant in mutants})
    excused = excuses.read()
    ends = time.monotonic() + effort.seconds
    number, of = effort.share
    mutants = mutants[number - 1 :: of]
    effort.chance.shuffle(mutants)
    for mutant in mutants:
        if time.monotonic() > ends:
            break
        tally.tried.add(mutant.name)
        fate = _judged(mutant, effort.record)
        if fate is Fate.ENDLESS:
            tally.endless.append(mutant.name)
        if fate is Fate.SURVIVED:
            tally.survived.append(mutant.name)
            if mutant.name not in excused:
                sys.stdout.write(f"survived: {mutant.name}\n")
                sys.stdout.flush()
    return tally


def _judged(mutant: Mutant, record: Record) -> Fate:
    own, _ = judges_of(mutant.path)
    files = [mutant.path, *map(Path, own)]
    known = record.noticed(mutant.name, files)
    if known is not None:
        return known
    fate = fate_of(mutant)
    record.note(mutant.name, fate, files)
    return fate


def judge(tally: Tally, excused: dict[str, excuses.Excuse]) -> int:
    """Say what came of it; 1 where a survivor is not excused or an excuse is stale."""
    modules = {module_of(path) for path in files(None)}
    stale = excuses.stale(excused, modules, tally)
    excusable = [excused[name].kind for name in tally.survived if name in excused]
    survived, endless = len(tally.survived) - len(excusable), len(tally.endless)
    killed = len(tally.tried) - len(tally.survived) - endless
    kinds = ", ".join(f"{excusable.count(kind)} {kind}" for kind in excuses.KINDS)
    sys.stdout.writelines(f"stale excuse: {name}\n" for name in stale)
    sys.stdout.write(
        f"{len(tally.known)} mutants, {len(tally.tried)} tried: {killed} killed, {endless} ended "
        f"because they did not end, {len(excusable)} excused ({kinds}), {survived} survived; "
        f"{len(stale)} stale excuses\n"
    )
    return 1 if survived or stale else 0


def main() -> int:
    """Run the tool."""
    given = _parser().parse_args()
    chosen = [path.resolve() for path in given.files]
    paths = chosen or files(None if given.all else given.base)
    bound = given.minutes or (float("inf") if given.all else 15.0)
    share_imports([test for path in paths for group in judges_of(path) for test in group])
    chance = random.Random(given.seed)  # noqa: S311 - a draw that must be repeatable
    tally = run(paths, Effort(bound * 60, chance, given.shard, Record(given.record)))
    return judge(tally, excuses.read())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mutants", description=__doc__)
    parser.add_argument("--base", default="HEAD~1", help="what changed since this commit")
    parser.add_argument("--all", action="store_true", help="all of wire and crypto")
    parser.add_argument("--minutes", type=float, default=None, help="15; with --all: no bound")
    parser.add_argument("--seed", type=int, default=0, help="which are drawn where time is short")
    parser.add_argument("--shard", type=share, default=(1, 1), metavar="I/N", help="one share")
    parser.add_argument("--record", type=Path, help="keep the fates there, and go on from them")
    parser.add_argument("files", nargs="*", type=Path, help="these modules instead")
    return parser


def share(text: str) -> tuple[int, int]:
    """Read `2/4` as the second of four shares."""
    number, _, of = text.partition("/")
    if not (number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
        raise argparse.ArgumentTypeError(f"{text!r} is no share; write for instance 1/2 or 2/2")
    return int(number), int(of)


if __name__ == "__main__":
    sys.exit(main())
