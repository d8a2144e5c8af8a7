"""What a process finds around it, changed while it runs: the system clock, and a read-only disk.

A small library, built on the spot and preloaded into the nursery, stands between every life and the
system (`surroundings.c`). Needs Linux and a C compiler.
"""

import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_SOURCE: Final = Path(__file__).with_name("surroundings.c")


class SurroundingsAbsent(Exception):
    """Nothing can be put between a process and the system here."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The library, and the files by which the processes of one experiment are told."""

    library: Path
    folder: Path

    @property
    def preload(self) -> Mapping[str, str]:
        """The environment with which the nursery has to be started."""
        return {"LD_PRELOAD": str(self.library)}

    def environment(self, name: str, below: Path) -> dict[str, str]:
        """Return what a process is told: files by its name, and where its disk begins."""
        return {
            "HUSHPOST_SYSTEM_CLOCK": str(self.clock),
            "HUSHPOST_READ_ONLY": str(self._flag(name)),
            "HUSHPOST_READ_ONLY_BELOW": str(below),
        }

    @property
    def clock(self) -> Path:
        """The file with the seconds by which the system clock is wrong, for `set_clock`."""
        return self.folder / "system-clock"

    def set_read_only(self, name: str, *, is_read_only: bool) -> None:
        """Make the disk of these processes refuse every write, or take them again."""
        if is_read_only:
            self._flag(name).touch()
        else:
            self._flag(name).unlink(missing_ok=True)

    def _flag(self, name: str) -> Path:
        return self.folder / f"read-only-{name}"


def absent() -> str:
    """Say what is missing to change surroundings, or nothing."""
    if sys.platform != "linux" or shutil.which("cc") is None:
        return (
            "changing a process's surroundings needs Linux and a C compiler (apt-get install gcc)"
        )
    return ""


def build(folder: Path) -> Surroundings:
    """Build the library in a folder; raises `SurroundingsAbsent`."""
    if reason := absent():
        raise SurroundingsAbsent(reason)
    library = folder / "surroundings.so"
    command = ["cc", "-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o", str(library)]
    made = subprocess.run([*command, str(_SOURCE)], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise SurroundingsAbsent(made.stderr[-2_000:])
    return Surroundings(library, folder)
