"""WebSocket frames of a client, built by hand (RFC 6455 section 5.2).

Masked, as a client's frames must be, with the mask key zero: masking is then the identity, and the
load pays nothing for it, while the server unmasks as it always does. A SUBMIT is prepared once a
pair; of each further one only the request, the id and the last bytes of the envelope are new, and
the id is hashed on from a midstate. Nothing here is fit for a client that has secrets.
"""

import hashlib
import struct
from collections.abc import Sequence
from functools import cache
from typing import Final

from hushpost_wire.frames import ACKNOWLEDGE, SUBMIT, SUBMIT_HEADER_BYTES
from hushpost_wire.identifiers import DropSecret, Route

from benchmarks.layout import NUMBER_BYTES

FIN_TEXT: Final = 0x81
FIN_BINARY: Final = 0x82
FIN_CLOSE: Final = 0x88
FIN_PONG: Final = 0x8A

_MASKED: Final = 0x80
_ZERO_KEY: Final = bytes(4)
_REQUESTS: Final = 1 << 32


def client_frame(head: int, payload: bytes) -> bytes:
    """Return one whole frame; `head` is FIN and opcode."""
    return frame_header(head, len(payload)) + payload


def frame_header(head: int, length: int) -> bytes:
    """Return what stands in front of a payload of `length` bytes."""
    if length < 126:
        return struct.pack(">BB", head, _MASKED | length) + _ZERO_KEY
    if length < 65536:
        return struct.pack(">BBH", head, _MASKED | 126, length) + _ZERO_KEY
    return struct.pack(">BBQ", head, _MASKED | 127, length) + _ZERO_KEY


def acknowledge_frame(tags: Sequence[bytes]) -> bytes:
    """Return one ACKNOWLEDGE of tags as they stood in their DELIVERs, 1 to 256 of them."""
    return _acknowledge_head(len(tags)) + b"".join(tags)


@cache  # one entry for each number of tags, at most 256
def _acknowledge_head(count: int) -> bytes:
    return frame_header(FIN_BINARY, 4 + 4 * count) + struct.pack(">BBH", ACKNOWLEDGE, 0, 0)


class SubmitFrames:
    """The SUBMITs of one pair, by number."""

    __slots__ = ("_drop", "_filler", "_hashed", "_head", "_not_after", "envelope_bytes")

    def __init__(
        self,
        *,
        route: Route,
        drop_secret: DropSecret,
        ttl_class: int,
        not_after: int,
        filler: bytes,
    ) -> None:
        self.envelope_bytes: Final = len(filler) + NUMBER_BYTES
        length = SUBMIT_HEADER_BYTES + self.envelope_bytes
        self._head = frame_header(FIN_BINARY, length) + struct.pack(">BBH", SUBMIT, ttl_class, 0)
        self._drop = route + drop_secret
        self._not_after = struct.pack(">I", not_after)
        self._filler = filler
        self._hashed = hashlib.sha256(filler)

    def build(self, number: int) -> bytes:
        """Return the frame of message `number`, whose request is its lower 32 bits."""
        tail = number.to_bytes(NUMBER_BYTES, "big")
        hashed = self._hashed.copy()
        hashed.update(tail)
        return b"".join(
            (
                self._head,
                (number % _REQUESTS).to_bytes(4, "big"),
                self._drop,
                hashed.digest()[:16],
                self._not_after,
                self._filler,
                tail,
            )
        )
