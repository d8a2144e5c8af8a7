"""A fragmented message, gathered until it is whole (RFC 6455 section 5.4).

Its size is bounded by the library, which counts the pieces together; their number is bounded here.
"""

from __future__ import annotations

from typing import Final

from hushpost_server.frame_scanner import Payload

# Clients of ours never fragment; a proxy may. More pieces than this are an attack on memory.
FRAGMENTS_MAX: Final = 64


class Fragments:
    """The pieces of one message. `begin` for the first, `add` for each."""

    __slots__ = ("_is_text", "_pieces")

    def __init__(self) -> None:
        self._is_text = False
        self._pieces: list[bytes] | None = None

    @property
    def too_many(self) -> bool:
        """Whether the peer sends more pieces than anyone needs."""
        return self._pieces is not None and len(self._pieces) > FRAGMENTS_MAX

    def begin(self, *, is_text: bool) -> None:
        """Start a message; what was gathered before is dropped."""
        self._is_text = is_text
        self._pieces = []

    def add(self, piece: bytes, *, last: bool) -> Payload | None:
        """Take a piece; the whole message once the last one is here."""
        if self._pieces is None:
            return None
        self._pieces.append(piece)
        if not last or self.too_many:
            return None
        whole = b"".join(self._pieces)
        self._pieces = None
        return self._is_text, whole
