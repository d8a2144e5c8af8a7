"""The memory of another process, read as a debugger reads it (Linux, /proc/PID/mem).

Every mapping that can be read is: heap, stacks, anonymous memory, private and shared files. The
process is stopped meanwhile, so that the image is of one moment.
"""

import os
import re
import signal
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

# Pieces are handed on as they are read: an image of a gigabyte must not need one here.
PIECE_BYTES = 4 << 20
# A pattern that lies across two pieces is whole in the second, which begins so much earlier.
OVERLAP_BYTES = 4096
# Pages that the kernel lends to every process; they cannot be read and hold nothing of ours.
_KERNELS_OWN = ("[vvar]", "[vvar_vclock]", "[vsyscall]")
# A thread stops when it comes out of the kernel, where a slow disk may keep it.
STOP_SECONDS_MAX = 60.0
_LINE = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+\s*(.*)")


class ImageUnreadable(Exception):
    """The memory of the process cannot be read: nothing can be said about it."""


@dataclass(frozen=True, slots=True)
class Mapping:
    """One readable stretch of addresses: what lies behind it, and if writes stay private."""

    start: int
    end: int
    rights: str
    name: str

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Piece:
    """Some bytes of a mapping."""

    mapping: Mapping
    address: int
    data: bytes


def mappings(pid: int) -> list[Mapping]:
    """List what a process can read of its own memory; raises `ImageUnreadable`."""
    try:
        lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
    except OSError as error:
        raise ImageUnreadable(f"process {pid}: {error.strerror}") from error
    found: list[Mapping] = []
    for line in lines:
        match = _LINE.fullmatch(line)
        assert match is not None, line
        start, end, rights, name = match.groups()
        if rights.startswith("r") and name not in _KERNELS_OWN:
            found.append(Mapping(int(start, 16), int(end, 16), rights, name))
    return found


def read_image(pid: int) -> Iterator[Piece]:
    """Yield all memory of a process, which must not end meanwhile; raises `ImageUnreadable`."""
    try:
        memory = os.open(f"/proc/{pid}/mem", os.O_RDONLY)
    except OSError as error:
        raise ImageUnreadable(f"memory of process {pid}: {error.strerror}") from error
    try:
        for mapping in mappings(pid):
            yield from _read_mapping(memory, mapping)
    finally:
        os.close(memory)


def _read_mapping(memory: int, mapping: Mapping) -> Iterator[Piece]:
    address = mapping.start
    while True:
        wanted = min(PIECE_BYTES, mapping.end - address)
        try:
            data = os.pread(memory, wanted, address)
        except OSError as error:
            # A file behind a mapping may have been cut since; anonymous memory always reads.
            if mapping.name.startswith("/"):
                return
            raise ImageUnreadable(f"{mapping}: {error.strerror}") from error
        yield Piece(mapping, address, data)
        if address + len(data) >= mapping.end or not data:
            return
        address += len(data) - OVERLAP_BYTES


@contextmanager
def stopped(pid: int) -> Generator[None]:
    """Hold a process still with all its threads, and let it go on; raises `ImageUnreadable`."""
    os.kill(pid, signal.SIGSTOP)
    try:
        _await_stop(pid)
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def has_ended(pid: int) -> bool:
    """Whether a process is gone, or waits only for its parent to notice."""
    try:
        return _state(pid) == "Z"
    except FileNotFoundError:
        return True


def _state(pid: int, thread: str = "") -> str:
    place = Path(f"/proc/{pid}/task/{thread}" if thread else f"/proc/{pid}")
    # The name of the program stands in brackets and may hold anything.
    return (place / "stat").read_text().rpartition(")")[2].split()[0]


def _await_stop(pid: int) -> None:
    deadline = time.monotonic() + STOP_SECONDS_MAX
    while time.monotonic() < deadline:
        if has_ended(pid):
            raise ImageUnreadable(f"process {pid} has ended")
        try:
            if all(_state(pid, thread) == "T" for thread in os.listdir(f"/proc/{pid}/task")):
                return
        except (FileNotFoundError, ProcessLookupError):
            continue  # a thread has ended since they were listed
        time.sleep(0.001)
    raise ImageUnreadable(f"process {pid} does not stop")
