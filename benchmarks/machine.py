"""The kind of machine a run was made on: enough to read its figures, nothing that names it."""

import os
import platform
import sqlite3
from importlib.metadata import version
from pathlib import Path

LIBRARIES = ("websockets", "uvloop", "aiosqlite", "PyNaCl", "cryptography", "pydantic")


def describe() -> dict[str, object]:
    """Return system, processor, cores and versions."""
    return {
        "system": platform.system(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "libraries": {name: version(name) for name in LIBRARIES},
    }


def processor() -> str:
    """Return the processor's own name, or its architecture."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.machine()


def load_average() -> float:
    """Return how many processes wanted to run in the last minute: a busy machine tells lies."""
    return round(os.getloadavg()[0], 2)
