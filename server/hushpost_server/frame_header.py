"""The frames that a relay sends (RFC 6455 section 5.2): whole, unmasked."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from hushpost_server.frame_scanner import FIN_BINARY, FIN_TEXT

_SHORT: Final = struct.Struct(">BB")
_MEDIUM: Final = struct.Struct(">BBH")


@lru_cache(maxsize=1024)  # most messages are of a few lengths: a bucket, or a short list of numbers
def frame_header(head: int, length: int) -> bytes:
    """Return the header of an unmasked frame (RFC 6455 section 5.2); `head` is FIN and opcode."""
    if length < 126:
        return _SHORT.pack(head, length)
    if length < 65536:
        return _MEDIUM.pack(head, 126, length)
    return _SHORT.pack(head, 127) + length.to_bytes(8, "big")


def framed(messages: Iterable[str | bytes]) -> bytes:
    """Put whole messages, text or binary, behind each other as frames: the hot path."""
    pieces: list[bytes] = []
    for message in messages:
        if isinstance(message, str):
            encoded = message.encode()
            pieces += (frame_header(FIN_TEXT, len(encoded)), encoded)
        else:
            pieces += (frame_header(FIN_BINARY, len(message)), message)
    return b"".join(pieces)
