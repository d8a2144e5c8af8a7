"""A disk that takes its time: each sync of a relay's process is made longer by a library.

The library is compiled here (slow_sync.c); what it does, it does after the real sync.
"""

import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

_SOURCE = Path(__file__).with_name("slow_sync.c")


def can_be_slow() -> bool:
    """Say whether this machine can compile and preload the library."""
    return sys.platform == "linux" and shutil.which("cc") is not None


def slow_disk(folder: Path, seconds: float) -> Mapping[str, str]:
    """Return the environment of a process whose syncs take so much longer."""
    folder.mkdir(parents=True, exist_ok=True)
    library = folder / "slow_sync.so"
    command = ["cc", "-O1", "-shared", "-fPIC", "-o", str(library), str(_SOURCE)]
    subprocess.run(command, check=True, capture_output=True)
    delay = str(round(seconds * 1e6))
    return {"LD_PRELOAD": str(library), "HUSHPOST_SYNC_DELAY_US": delay}
