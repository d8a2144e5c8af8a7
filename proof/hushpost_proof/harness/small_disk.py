"""A disk of a few megabytes that can be filled and emptied: a file system of its own, in memory."""

import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_BALLAST = "ballast"


@dataclass(frozen=True, slots=True)
class SmallDisk:
    """The folder on which it is mounted."""

    folder: Path

    def fill(self) -> None:
        """Take every byte that is left, as another program on the machine would."""
        with (self.folder / _BALLAST).open("ab", buffering=0) as ballast:
            for size in (1 << 16, 1 << 10):
                while _is_written(ballast.fileno(), bytes(size)):
                    pass

    def empty(self) -> None:
        """Give the room back."""
        (self.folder / _BALLAST).unlink(missing_ok=True)


def _is_written(descriptor: int, data: bytes) -> bool:
    try:
        return os.write(descriptor, data) == len(data)
    except OSError:
        return False


def absent() -> str:
    """Say what is missing to mount one, or nothing."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "mounting a small disk needs Linux and root"
    return ""


@contextmanager
def small_disk(folder: Path, size_bytes: int) -> Generator[SmallDisk]:
    """Mount a small disk on a new folder for the time of a block."""
    folder.mkdir(mode=0o700)
    options = f"size={size_bytes},mode=700"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True)
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
