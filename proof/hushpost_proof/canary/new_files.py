"""Notes every file that is made in some folders, even one that is gone a moment later (Linux)."""

import ctypes
import os
import struct
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

_IN_CREATE, _IN_MOVED_TO = 0x100, 0x80
_IN_NONBLOCK = os.O_NONBLOCK
_EVENT = struct.Struct("iIII")
_READ_BYTES = 1 << 16


class NotWatchable(Exception):
    """The system does not tell what is made in a folder."""


class NewFiles:
    """Watches from its making; `names` are those made since. Use as a context."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor: int = self._libc.inotify_init1(_IN_NONBLOCK)
        if self._descriptor < 0:
            raise NotWatchable(os.strerror(ctypes.get_errno()))
        self._folders: dict[int, Path] = {}
        for folder in folders:
            watch: int = self._libc.inotify_add_watch(
                self._descriptor, bytes(folder), _IN_CREATE | _IN_MOVED_TO
            )
            if watch < 0:
                raise NotWatchable(f"{folder}: {os.strerror(ctypes.get_errno())}")
            self._folders[watch] = folder

    def __enter__(self) -> "NewFiles":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._descriptor)

    def names(self) -> list[Path]:
        """Return what was made since the last call."""
        found: list[Path] = []
        while True:
            try:
                data = os.read(self._descriptor, _READ_BYTES)
            except BlockingIOError:
                return found
            position = 0
            while position < len(data):
                watch, _, _, length = _EVENT.unpack_from(data, position)
                position += _EVENT.size
                name = data[position : position + length].rstrip(b"\0")
                position += length
                if watch in self._folders:
                    found.append(self._folders[watch] / os.fsdecode(name))
