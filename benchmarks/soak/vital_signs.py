"""What is measured of a process and its files: resident memory, descriptors, threads, bytes.

Read from outside (/proc), so that the measured process does nothing for it.
"""

import os
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from benchmarks.soak.slope import Sample, Tolerance

MIB = 1024 * 1024


class Sign(StrEnum):
    """A figure that must stay flat."""

    MEMORY = "memory"
    DESCRIPTORS = "descriptors"
    THREADS = "threads"
    DATABASE = "database"
    LOG = "write-ahead log"


# What a flat figure may grow by. Memory: arenas fill unevenly, and a run of minutes sees a few of
# them come; beyond a few MiB an hour a relay would not last a year. Database: SQLite keeps free
# pages for what comes next. Log: it is emptied every ten seconds, so a sample may find it at any
# height. Descriptors and threads: those of one connection that happens to be open.
TOLERANCES: Mapping[Sign, Tolerance] = {
    Sign.MEMORY: Tolerance(within_span=2.0 * MIB, an_hour=4.0 * MIB),
    Sign.DESCRIPTORS: Tolerance(within_span=4.0, an_hour=4.0),
    Sign.THREADS: Tolerance(within_span=1.0, an_hour=1.0),
    Sign.DATABASE: Tolerance(within_span=0.5 * MIB, an_hour=1.0 * MIB),
    Sign.LOG: Tolerance(within_span=2.0 * MIB, an_hour=2.0 * MIB),
}


def read_signs(pid: int, folder: Path) -> dict[Sign, float]:
    """Measure a process and the files in its folder, now."""
    process = Path("/proc") / str(pid)
    resident_pages = int((process / "statm").read_text().split()[1])
    return {
        Sign.MEMORY: float(resident_pages * os.sysconf("SC_PAGE_SIZE")),
        Sign.DESCRIPTORS: float(len(os.listdir(process / "fd"))),
        Sign.THREADS: float(len(os.listdir(process / "task"))),
        Sign.DATABASE: float(_bytes_in(folder, of_the_log=False)),
        Sign.LOG: float(_bytes_in(folder, of_the_log=True)),
    }


def _bytes_in(folder: Path, *, of_the_log: bool) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            if path.is_file() and path.name.endswith(("-wal", "-shm")) is of_the_log:
                total += path.stat().st_size
        except FileNotFoundError:  # a write-ahead log that went between the two looks
            continue
    return total


class Chart:
    """The signs of one process over time."""

    def __init__(self, name: str, pid: int, folder: Path) -> None:
        self.name = name
        self.pid = pid
        self._folder = folder
        self.samples: dict[Sign, list[Sample]] = {sign: [] for sign in Sign}

    def note(self, second: float) -> None:
        """Measure now; raises `OSError` when the process is gone."""
        for sign, value in read_signs(self.pid, self._folder).items():
            self.samples[sign].append(Sample(second, value))

    def since(self, sign: Sign, second: float) -> list[Sample]:
        """Give what was measured from a moment on."""
        return [sample for sample in self.samples[sign] if sample.second >= second]
