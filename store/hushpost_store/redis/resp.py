"""Redis's protocol (RESP2), as hiredis speaks it: commands as bytes, bytes as answers.

Nothing else here imports hiredis. A command is packed once, when it is given, and its bytes are
what waits: all that a turn of the event loop gave is joined into one write.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol, cast

import hiredis

_NOT_ENOUGH: Final = object()


class Garbled(Exception):
    """What came is no RESP: the connection is of no further use."""


class _Packs(Protocol):
    """What hiredis can do, where it types it too loosely."""

    def pack_command(self, cmd: tuple[bytes | int, ...]) -> bytes: ...


_hiredis: Final = cast("_Packs", hiredis)


def packed(arguments: tuple[bytes | int, ...]) -> bytes:
    """Return one command as it goes to a server."""
    return _hiredis.pack_command(arguments)


class AnswerParser:
    """Turns what a connection brings into answers; `on_error` makes a value of an error reply."""

    __slots__ = ("_reader",)

    def __init__(self, on_error: Callable[[str], Exception]) -> None:
        self._reader = hiredis.Reader(
            protocolError=Garbled, replyError=on_error, notEnoughData=_NOT_ENOUGH
        )

    def receive_data(self, data: bytes) -> list[object]:
        """Take what came, and return the answers that are whole now. Raises Garbled."""
        self._reader.feed(data)
        gets = self._reader.gets
        found: list[object] = []
        while (answer := gets()) is not _NOT_ENOUGH:
            found.append(answer)
        return found
