"""Tests of installing what the system lacks: only what is wanted and absent, and never unasked."""

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "tools" / "system_packages.sh"


class Machine:
    """A machine whose package tools are made up; `installs` is what apt-get was asked for."""

    def __init__(self, folder: Path, *, user: int, programs: tuple[str, ...] = ()) -> None:
        self._bin = folder / "bin"
        self._bin.mkdir()
        self._asked = folder / "asked"
        self._program("id", f"echo {user}")
        self._program("dpkg-query", "exit 1")
        self._program("apt-get", f'echo "$@" >> {self._asked}')
        for name in programs:
            self._program(name, "true")

    def run(self, *programs: str) -> str:
        """Run the script; gives what it said on standard error."""
        path = f"{self._bin}:{self._tools()}"
        result = subprocess.run(
            [str(SCRIPT), *programs],
            env={"PATH": path},
            capture_output=True,
            text=True,
            check=True,
        )
        return result.stderr

    @property
    def installs(self) -> str:
        """What apt-get was asked to install; empty where it was not."""
        return self._asked.read_text() if self._asked.exists() else ""

    def _program(self, name: str, line: str) -> None:
        path = self._bin / name
        path.write_text(f"#!/bin/sh\n{line}\n")
        path.chmod(0o755)

    def _tools(self) -> str:
        # The shell's own tools, without anything that this machine has installed beside them.
        folder = self._bin.parent / "tools"
        folder.mkdir(exist_ok=True)
        for name in ("sh", "dirname", "grep"):
            link = folder / name
            if not link.exists():
                link.symlink_to(next(p for p in _places(name) if p.exists()))
        return str(folder)


def _places(name: str) -> list[Path]:
    return [Path(folder) / name for folder in os.environ["PATH"].split(":")]


@pytest.mark.parametrize(
    ("user", "programs", "installs", "says"),
    [
        (0, ("redis-server",), "redis-server", ""),
        (1000, ("redis-server",), "", ""),
        (1000, (), "", "so some tests will be skipped: gcc"),
    ],
)
def test_what_is_absent(
    tmp_path: Path, user: int, programs: tuple[str, ...], installs: str, says: str
) -> None:
    """Root has it installed, and only it; others are told by whoever needs it."""
    machine = Machine(tmp_path, user=user)
    assert says in machine.run(*programs)
    assert installs in machine.installs
    assert "gcc" not in machine.installs


def test_what_is_there_is_left(tmp_path: Path) -> None:
    """A program on PATH is not installed again, whoever brought it."""
    machine = Machine(tmp_path, user=0, programs=("redis-server",))
    assert machine.run("redis-server") == ""
    assert machine.installs == ""
