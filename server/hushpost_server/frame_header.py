"""The header of a frame that a relay sends (RFC 6455 section 5.2): whole, unmasked."""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import Final

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
