"""What one sync costs on the disk under test, and how to make it cost more.

    python -m benchmarks.sync_cost FOLDER      prints the median in milliseconds

A sync is what a commit waits for: some pages appended to a log, then `fdatasync`. The slow disk is
emulated by a library preloaded into the relay (slow_sync.c), built with the C compiler at hand; its
effect is measured with the same probe, not assumed.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter

from hushpost_proof import timing

from benchmarks.errors import MachineUnfit
from benchmarks.recording import median

SOURCE = Path(timing.__file__).with_name("slow_sync.c")
DELAY_VARIABLE = "HUSHPOST_SYNC_DELAY_US"
# Two messages of 4 KiB with their pages: about what one commit at 2,000 a second writes.
APPENDED = bytes(16_384)
PROBES = 200


def sync_milliseconds(folder: Path) -> float:
    """Return the median time of one append and its sync, in `folder`."""
    path = folder / "sync-probe"
    taken: list[float] = []
    with path.open("wb", buffering=0) as log:
        for _ in range(PROBES):
            start = perf_counter()
            log.write(APPENDED)
            os.fdatasync(log.fileno())
            taken.append(perf_counter() - start)
    path.unlink()
    return median(taken) * 1000


def probe(folder: Path, environment: Mapping[str, str] | None = None) -> float:
    """Measure in a process of its own, which `environment` may make slow."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.sync_cost", str(folder)],
        check=True,
        capture_output=True,
        env={**os.environ, **(environment or {})},
    )
    return float(json.loads(done.stdout))


def slow_sync_environment(folder: Path, delay_us: int) -> dict[str, str]:
    """Build the library in `folder`; return what a process must be started with.

    Raises `MachineUnfit` where there is no C compiler.
    """
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise MachineUnfit("no C compiler: install one (cc) to emulate a slow disk")
    library = folder / "slow_sync.so"
    command = [compiler, "-O2", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"]
    built = subprocess.run(command, check=False, capture_output=True, text=True)
    if built.returncode:
        raise MachineUnfit(f"the C compiler failed: {built.stderr.strip()[:300]}")
    return {"LD_PRELOAD": str(library), DELAY_VARIABLE: str(delay_us)}


if __name__ == "__main__":
    print(json.dumps(sync_milliseconds(Path(sys.argv[1]))))
