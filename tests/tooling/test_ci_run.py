"""CI runs everything, the tests near the end, and fails when any part fails."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PARTS = [
    *("demo", "format", "lint", "types", "imports", "words", "links", "fuzz-minute", "prove"),
    *("test", "coverage"),
]


def run_ci(tmp_path: Path, failing: str = "none") -> tuple[int, list[str]]:
    """Run `.ci/run` over a make that only notes its target; give its code and the targets."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(REPOSITORY / ".ci" / "run", tmp_path / ".ci" / "run")
    installer = tmp_path / "tools" / "system_packages.sh"
    installer.parent.mkdir()
    installer.write_text("#!/bin/sh\n")
    installer.chmod(0o755)
    stand_in = tmp_path / "bin" / "make"
    stand_in.parent.mkdir()
    stand_in.write_text('#!/bin/sh\necho "$1" >> targets\n[ "$1" != "$FAILING" ]\n')
    stand_in.chmod(0o755)
    path = f"{stand_in.parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [str(tmp_path / ".ci" / "run")],
        env={"PATH": path, "FAILING": failing, "CI": "true"},
        check=False,
        capture_output=True,
    )
    return done.returncode, (tmp_path / "targets").read_text().split()


def test_everything_runs_once(tmp_path: Path) -> None:
    """The demo and each part of the check run, the tests near the end."""
    assert run_ci(tmp_path) == (0, PARTS)


@pytest.mark.parametrize("failing", PARTS)
def test_a_failing_part_fails_the_whole(tmp_path: Path, failing: str) -> None:
    """A part that fails ends the run with a code that says so."""
    code, targets = run_ci(tmp_path, failing)
    assert code != 0
    assert targets[-1] == failing


def test_check_does_all_that_ci_does() -> None:
    """Every part that CI runs is a part of `make check`, so that nobody is surprised."""
    makefile = (REPOSITORY / "Makefile").read_text()
    (line,) = (line for line in makefile.splitlines() if line.startswith("check:"))
    assert line.partition("##")[0].split()[1:] == PARTS[1:]
