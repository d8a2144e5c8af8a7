"""What stands in the memory of a process that the demo started (Linux, /proc/PID/mem).

Only what the process can write is read: heap, stacks, its variables. The rest is the program's own
file, which the system maps, and says nothing about what the program was told. It is read from here
and not from a process apart, since some systems let only a parent read its children.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

# Small, since most of the stacks was never touched: a piece of zeros need not be searched.
PIECE_BYTES: Final = 1 << 16
# A pattern that lies across two pieces is whole in the second, which begins so much earlier.
OVERLAP_BYTES: Final = 1 << 10
_LINE: Final = re.compile(r"([0-9a-f]+)-([0-9a-f]+) rw\S+ .*")


class MemoryUnreadable(Exception):
    """The system does not let this process read the other one's memory."""


def is_readable(pid: int) -> bool:
    """Whether this system lets us."""
    try:
        next(read_memory(pid), None)
    except MemoryUnreadable:
        return False
    return True


def read_memory(pid: int) -> Iterator[bytes]:
    """Yield what the process has written, in pieces; raises `MemoryUnreadable`."""
    try:
        maps = Path(f"/proc/{pid}/maps").read_text().splitlines()
        memory = os.open(f"/proc/{pid}/mem", os.O_RDONLY)
    except OSError as error:
        raise MemoryUnreadable(f"memory of process {pid}: {error.strerror}") from error
    try:
        for line in maps:
            if match := _LINE.fullmatch(line):
                yield from _stretch(memory, int(match[1], 16), int(match[2], 16))
    finally:
        os.close(memory)


def _stretch(memory: int, start: int, end: int) -> Iterator[bytes]:
    while start < end:
        try:
            data = os.pread(memory, min(PIECE_BYTES, end - start), start)
        except OSError as error:
            raise MemoryUnreadable(f"{start:x}: {error.strerror}") from error
        if not data:
            return
        yield data
        if start + len(data) >= end:
            return
        start += len(data) - OVERLAP_BYTES
