"""Splits what arrived on an open WebSocket into whole frames (RFC 6455 section 5.2).

The hot path of the relay: an unfragmented binary or text frame of the expected size is unmasked
here and handed up as one payload. Every other whole frame (control frames, fragments, anything
that is wrong) is handed on untouched to the library's state machine, which stays the only judge of
what is legal. The library is given whole frames only, so it never waits in the middle of one.

Refuses to know: payloads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

FIN = 0x80
FIN_TEXT = 0x81
FIN_BINARY = 0x82
WHOLE_DATA = frozenset({FIN_TEXT, FIN_BINARY})
OPCODE_BITS = 0x0F
CLOSE_OPCODE = 0x08
CONTROL_OPCODES = 0x08  # opcodes from here on are control frames, which stand between fragments
MASKED = 0x80
MASK_BYTES = 4
# Of one read of 64 to 256 KiB: a proxy that cuts frames into pieces of 512 bytes stays below.
RAW_FRAMES_PER_READ_MAX = 512


@dataclass(frozen=True, slots=True)
class RawFrame:
    """A whole frame, or the start of one that is not legal, for the library to judge."""

    data: bytes


Payload = tuple[bool, bytes]
"""(is text, payload) of one unfragmented data frame."""


class FrameScanner:
    """Feed it bytes; it returns payloads and raw frames in their order.

    `payload_bytes_max` bounds what is buffered: a frame that announces more is handed on at once
    with `rejected` set, after which nothing but `RawFrame` comes out. `flooded` comes with it when
    more raw frames stand in one read than anyone needs.
    """

    __slots__ = (
        "_buffer",
        "_fragmented",
        "_needed",
        "_payload_bytes_max",
        "_unmask",
        "flooded",
        "rejected",
        "saw_raw",
    )

    def __init__(self, *, payload_bytes_max: int, unmask: Callable[[bytes, bytes], bytes]) -> None:
        self._payload_bytes_max = payload_bytes_max
        self._unmask = unmask
        self._buffer: bytes = b""
        self._needed: int = 0
        self._fragmented = False
        self.rejected = False
        self.flooded = False
        """True once a peer sent nothing but small change: close it."""
        """True once a frame was seen that the library will refuse."""
        self.saw_raw = False
        """Whether the last `feed` returned a `RawFrame`."""

    def __len__(self) -> int:
        return len(self._buffer)

    def feed(self, data: bytes) -> list[Payload | RawFrame]:  # noqa: PLR0912, PLR0915 - one loop
        """Take `data` in and return every frame that is whole now."""
        self.saw_raw = self.rejected
        if self.rejected:
            return [RawFrame(data)]
        if self._buffer:
            data = self._buffer + data
            if len(data) < self._needed:
                self._buffer = data
                return []
        found: list[Payload | RawFrame] = []
        raw_left = RAW_FRAMES_PER_READ_MAX
        position: int = 0
        end = len(data)
        unmask = self._unmask
        while end - position >= 2:
            head = data[position]
            length = data[position + 1] - MASKED
            start = position + 2
            if length == 126:
                start += 2
                length = int.from_bytes(data[position + 2 : start])
            elif length == 127:
                start += 8
                length = int.from_bytes(data[position + 2 : start])
            start += MASK_BYTES
            if end < start:
                if length < 0:
                    break
                self._needed = start - position
                self._buffer = data[position:]
                return found
            if not 0 <= length <= self._payload_bytes_max:
                break
            stop = start + length
            if end < stop:
                self._needed = stop - position
                self._buffer = data[position:]
                return found
            if head in WHOLE_DATA and not self._fragmented:
                payload = unmask(data[start:stop], data[start - MASK_BYTES : start])
                found.append((head == FIN_TEXT, payload))
            else:
                raw_left -= 1
                self.flooded = raw_left < 0
                if self.flooded:
                    break
                self.saw_raw = True
                found.append(RawFrame(data[position:stop]))
                if head & OPCODE_BITS < CONTROL_OPCODES:
                    self._fragmented = not head & FIN
            position = stop
        else:
            self._needed = 2
            self._buffer = data[position:]
            return found
        self.rejected = self.saw_raw = True
        self._buffer = b""
        found.append(RawFrame(data[position:]))
        return found


def first_close(found: Iterable[Payload | RawFrame]) -> RawFrame | None:
    """Return the first close frame among what `feed` returned."""
    for item in found:
        if isinstance(item, RawFrame) and item.data[0] & OPCODE_BITS == CLOSE_OPCODE:
            return item
    return None
