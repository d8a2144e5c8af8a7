"""Judges by the last coverage run whether each module is covered by its own test file.

`wire/hushpost_wire/frames.py` belongs to `tests/wire/test_frames.py`. Of the lines of a module,
those count that ran while its own test file ran, or at import. A module that importing alone
covers (constants, an error tree) needs no test file. Reads the contexts that
`make test` recorded; exits with 1 and a line for each module below the threshold.
"""

import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from coverage import Coverage

# The rest may be defensive lines that only a test of the whole reaches.
PERCENT_MIN = 85.0
AT_IMPORT = "^$"
PACKAGE_ROOTS = {
    "crypto": "hushpost_crypto",
    "wire": "hushpost_wire",
    "store": "hushpost_store",
    "server": "hushpost_server",
    "client_lib": "hushpost",
    "demo": "hushpost_demo",
}


@dataclass(frozen=True, slots=True)
class ModuleCoverage:
    """How much of one module ran: at import, with its own test file, and in the whole run."""

    source: str
    test_file: str
    statements: int
    at_import: int
    by_own_test: int
    by_all: int

    @property
    def percent(self) -> float:
        """The share of statements that importing and the module's own test file cover."""
        return 100.0 * self.by_own_test / self.statements if self.statements else 100.0

    @property
    def needs_test_file(self) -> bool:
        """Whether importing leaves something to cover."""
        return self.at_import < self.statements


def test_file_of(source_root: str, inner: Path) -> str:
    """Return the test file that `inner`, a path inside the package, belongs to."""
    return (Path("tests") / source_root / inner.parent / f"test_{inner.name}").as_posix()


def measured(root: Path, data_file: Path) -> Iterator[ModuleCoverage]:
    """Yield the coverage of each module under `root`, as `data_file` recorded it."""
    run = Coverage(data_file=str(data_file), config_file=str(root / "pyproject.toml"))
    run.load()
    for source_root, package in PACKAGE_ROOTS.items():
        base = root / source_root / package
        for source in sorted(base.rglob("*.py")):
            yield _measure(run, root, source, test_file_of(source_root, source.relative_to(base)))


def _measure(run: Coverage, root: Path, source: Path, test_file: str) -> ModuleCoverage:
    own = f"^{re.escape(test_file)}::"
    statements, at_import = _covered(run, source, [AT_IMPORT])
    _, by_own_test = _covered(run, source, [AT_IMPORT, own])
    _, by_all = _covered(run, source, None)
    name = source.relative_to(root).as_posix()
    return ModuleCoverage(name, test_file, statements, at_import, by_own_test, by_all)


def _covered(run: Coverage, source: Path, contexts: list[str] | None) -> tuple[int, int]:
    run.get_data().set_query_contexts(contexts)
    _, statements, _, missing, _ = run.analysis2(str(source))
    return len(statements), len(statements) - len(missing)


def violations(root: Path, modules: list[ModuleCoverage]) -> Iterator[str]:
    """Yield a line for each module without a test file, or too little covered by it."""
    for module in modules:
        if not module.needs_test_file:
            continue
        if not (root / module.test_file).is_file():
            yield f"{module.source}: has no {module.test_file}"
        elif module.percent < PERCENT_MIN:
            yield f"{module.source}: {module.test_file} covers {module.percent:.0f} %"


def summary(modules: list[ModuleCoverage]) -> Iterator[str]:
    """Yield one line a package: statements, and the share that the whole run covered."""
    statements: defaultdict[str, int] = defaultdict(int)
    covered: defaultdict[str, int] = defaultdict(int)
    for module in modules:
        package = module.source.split("/")[1]
        statements[package] += module.statements
        covered[package] += module.by_all
    for package, count in statements.items():
        percent = 100.0 * covered[package] / count if count else 100.0
        yield f"{package:16} {count:6} statements {percent:5.1f} % covered"


def main() -> int:
    """Print coverage by package and every module below the threshold; 0 means none is."""
    root = Path(__file__).resolve().parent.parent
    data_file = root / ".coverage"
    if not data_file.is_file():
        sys.stdout.write("no coverage recorded: run `make test`\n")
        return 1
    modules = list(measured(root, data_file))
    found = list(violations(root, modules))
    sys.stdout.writelines(line + "\n" for line in [*summary(modules), *found])
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
