"""Processor time and memory of a process, as the kernel counts them (Linux, /proc)."""

import os
from pathlib import Path

from benchmarks.errors import MachineUnfit

PROC = Path("/proc")
NANOSECONDS = 1e9


def processor_seconds(pid: int) -> float:
    """Return the processor time that all threads of a process have used."""
    return sum(thread_seconds(pid).values())


def thread_seconds(pid: int) -> dict[int, float]:
    """Return the processor time of each living thread; the one numbered `pid` is the main one."""
    used: dict[int, float] = {}
    try:
        for task in (PROC / str(pid) / "task").iterdir():
            used[int(task.name)] = int((task / "schedstat").read_text().split()[0]) / NANOSECONDS
    except OSError as error:
        raise MachineUnfit(f"/proc does not tell a process's time here: {error}") from None
    return used


def resident_bytes(pid: int) -> int:
    """Return the resident set of a process."""
    pages = int((PROC / str(pid) / "statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
