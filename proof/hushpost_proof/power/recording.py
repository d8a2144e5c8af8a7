"""What `recorder.c` wrote down: every operation on a folder's files, in order, and what was sent.

A process is recorded by preloading the library (Linux, a C compiler). `Tape` reads the log; the
position of an operation in it is the only clock that the experiment knows.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from struct import Struct

_HEAD = Struct("=IcQQI")
_SOURCE = Path(__file__).with_name("recorder.c")


class RecorderAbsent(Exception):
    """A process cannot be recorded here: no Linux, or no C compiler."""


class TapeDamaged(Exception):
    """A log holds something else than its records."""


class Kind(StrEnum):
    """What an operation did."""

    CREATED = "O"
    WRITTEN = "W"
    TRUNCATED = "T"
    RENAMED = "R"
    LINKED = "L"
    REMOVED = "U"
    FOLDER_MADE = "M"
    SYNC_BEGAN = "B"
    SYNCED = "S"
    SENT = "N"
    SENT_LESS = "K"
    RECEIVED = "I"
    NOTED = "X"


@dataclass(frozen=True, slots=True)
class Operation:
    """One record. `file` is an inode, or names a connection.

    `offset` is where was written, the length a file was cut to, the thread of a sync, or how many
    bytes a connection took. `first` is the path (the old one of a renaming), `second` the bytes
    (the new path of a renaming or link).
    """

    kind: Kind
    file: int
    offset: int
    first: str
    second: bytes


@dataclass(frozen=True, slots=True)
class Tape:
    """All operations on `folder`, oldest first."""

    folder: Path
    operations: tuple[Operation, ...]


def can_record() -> bool:
    """Say whether a process can be recorded here; under CI=true it must be."""
    able = sys.platform == "linux" and shutil.which("cc") is not None
    if not able and os.environ.get("CI") == "true":
        raise RecorderAbsent("CI skips nothing: install a C compiler (cc), on Linux")
    return able


def build_recorder(folder: Path) -> Path:
    """Compile the library into `folder`; raises `RecorderAbsent`."""
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        raise RecorderAbsent("recording writes needs Linux and a C compiler (cc)")
    library = folder / "recorder.so"
    command = [compiler, "-O1", "-shared", "-fPIC", "-o", str(library), str(_SOURCE)]
    subprocess.run(command, check=True, capture_output=True)
    return library


def recorded(library: Path, folder: Path, log: Path) -> Mapping[str, str]:
    """Return the environment in which a process is recorded. `log` lies outside of `folder`."""
    return {
        "LD_PRELOAD": str(library),
        "HUSHPOST_RECORD_LOG": str(log),
        "HUSHPOST_RECORD_FOLDER": str(folder),
    }


def note(log: Path, text: str) -> None:
    """Put a remark of the harness into the log, after what has happened so far."""
    _append(log, Kind.NOTED, 0, text)


def note_folder(log: Path, folder: Path) -> None:
    """Put what a folder holds already into the log, as made and synced.

    Call it before the first recorded process starts: without it the disk has no such folder.
    """
    _append(log, Kind.FOLDER_MADE, folder.stat().st_ino, str(folder))
    for path in sorted(folder.iterdir()):
        file = path.stat().st_ino
        if path.is_dir():
            note_folder(log, path)
        else:
            _append(log, Kind.CREATED, file, str(path))
            _append(log, Kind.WRITTEN, file, "", path.read_bytes())
            _sync(log, file)
    _sync(log, folder.stat().st_ino)


def _sync(log: Path, file: int) -> None:
    _append(log, Kind.SYNC_BEGAN, file, "")
    _append(log, Kind.SYNCED, file, "")


def _append(log: Path, kind: Kind, file: int, first: str, second: bytes = b"") -> None:
    data = first.encode()
    head = _HEAD.pack(
        _HEAD.size - 4 + len(data) + len(second), kind.value.encode(), file, 0, len(data)
    )
    row = head + data + second
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, row)
    finally:
        os.close(descriptor)


def read_tape(folder: Path, log: Path) -> Tape:
    """Read a log; a record that a killed process did not finish is left out."""
    data = log.read_bytes()
    operations: list[Operation] = []
    position = 0
    while position + _HEAD.size <= len(data):
        length, kind, file, offset, first_bytes = _HEAD.unpack_from(data, position)
        end = position + 4 + length
        if end > len(data):
            break
        start = position + _HEAD.size
        middle = start + first_bytes
        if middle > end or kind.decode("latin-1") not in set(Kind):
            raise TapeDamaged(f"no record begins at byte {position}")
        operations.append(
            Operation(
                Kind(kind.decode()), file, offset, data[start:middle].decode(), data[middle:end]
            )
        )
        position = end
    return Tape(folder, tuple(_as_taken(operations)))


def _as_taken(operations: list[Operation]) -> list[Operation]:
    """Cut what was offered to a connection down to what the system took of it."""
    taken: list[Operation] = []
    last_sent: dict[int, int] = {}
    for operation in operations:
        if operation.kind is Kind.SENT:
            last_sent[operation.file] = len(taken)
        elif operation.kind is Kind.SENT_LESS:
            place = last_sent[operation.file]
            offered = taken[place]
            taken[place] = Operation(
                Kind.SENT, offered.file, 0, "", offered.second[: operation.offset]
            )
        taken.append(operation)
    return taken
