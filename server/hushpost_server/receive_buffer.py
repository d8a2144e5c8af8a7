"""The one buffer that every connection of a relay receives into, empty between two reads.

An event loop that brings its own buffer keeps the last read of it for as long as nobody sends as
much again: a request's header fields, an envelope. Here what was read is taken out as one `bytes`
object, and its place is overwritten before anything else happens.
"""

from __future__ import annotations

from typing import Final

# Fifteen small envelopes, half a millisecond of work: with more, a hundred peers that send all they
# can would keep everybody else waiting for a whole turn of reads (docs/overload.md).
RECEIVE_BYTES_MAX: Final = 64 * 1024


class ReceiveBuffer:
    """Lends its memory for one read at a time: `memory`, then `take` before the next read."""

    __slots__ = ("_zeros", "memory")

    def __init__(self, size: int = RECEIVE_BYTES_MAX) -> None:
        self.memory = memoryview(bytearray(size))
        """What to read into."""
        self._zeros = memoryview(bytes(size))

    def take(self, count: int) -> bytes:
        """Return the first `count` bytes and leave zeros in their place: the hot path."""
        place = self.memory[:count]
        data = bytes(place)
        place[:] = self._zeros[:count]
        return data
