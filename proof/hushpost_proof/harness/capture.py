"""What a wiretap shows: the WebSocket messages in the recorded bytes, and the frames in those.

Reads what `recording_proxy` wrote. RFC 6455, section 5: a header, a mask on what the client sends.
A connection that was killed ends in the middle of a frame; the piece is left out, since neither end
can have taken it for a message.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hushpost_wire.frames import (
    DELIVER,
    REFUSED,
    SUBMIT,
    Deliver,
    RefusalReason,
    Submit,
    decode_submit,
    decode_to_client,
)

_HEAD_END = b"\r\n\r\n"
_CONTINUATION, _BINARY, _CONTROL = 0x0, 0x2, 0x8
_FIN, _RESERVED, _MASKED = 0x80, 0x70, 0x80


class CaptureUnreadable(Exception):
    """Recorded bytes are not the WebSocket messages that they must be."""


@dataclass(frozen=True, slots=True)
class Capture:
    """All data frames with envelopes of a run, in the order of each connection."""

    submits: tuple[Submit, ...]
    delivers: tuple[Deliver, ...]


def read_capture(folder: Path) -> Capture:
    """Read every envelope that went either way; raises `CaptureUnreadable`."""
    submits: list[Submit] = []
    delivers: list[Deliver] = []
    for path in sorted(folder.glob("*.up")):
        submits += [
            decode_submit(data) for data in messages(path.read_bytes()) if data[0] == SUBMIT
        ]
    for path in sorted(folder.glob("*.down")):
        for data in messages(path.read_bytes()):
            if data[0] == DELIVER:
                frame = decode_to_client(data)
                assert isinstance(frame, Deliver)
                delivers.append(frame)
    return Capture(tuple(submits), tuple(delivers))


def count_refusals(folder: Path, reason: RefusalReason) -> int:
    """Count how often a relay refused an envelope for this reason."""
    return sum(
        data[0] == REFUSED and data[1] == reason
        for path in folder.glob("*.down")
        for data in messages(path.read_bytes())
    )


def messages(stream: bytes) -> Iterator[bytes]:
    """Yield the binary messages behind the HTTP head of one direction of a connection."""
    position = stream.find(_HEAD_END) + len(_HEAD_END)
    if position < len(_HEAD_END):
        return
    gathered = b""
    gathering = 0
    while frame := frame_at(stream, position):
        flags, payload, position = frame
        if flags & _RESERVED:
            raise CaptureUnreadable("a frame has an extension's bit set; compression is off")
        opcode = flags & 0x0F
        if opcode & _CONTROL:
            continue
        if opcode != _CONTINUATION:
            gathering, gathered = opcode, b""
        gathered += payload
        if flags & _FIN and gathering == _BINARY:
            if not gathered:
                raise CaptureUnreadable("a binary message is empty")
            yield gathered


def frame_at(stream: bytes, start: int) -> tuple[int, bytes, int] | None:
    """Return flags, payload and end of the frame at `start`, or None if it is not whole."""
    head = stream[start : start + 2]
    if len(head) < 2:
        return None
    flags, length = head[0], head[1] & 0x7F
    position = start + 2
    extra = {126: 2, 127: 8}.get(length, 0)
    if extra:
        length = int.from_bytes(stream[position : position + extra], "big")
        position += extra
    mask = b""
    if head[1] & _MASKED:
        mask = stream[position : position + 4]
        position += 4
    end = position + length
    if end > len(stream):
        return None
    payload = stream[position:end]
    return flags, _unmask(payload, mask) if mask else payload, end


def _unmask(payload: bytes, mask: bytes) -> bytes:
    repeated = (mask * (len(payload) // 4 + 1))[: len(payload)]
    value = int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")
    return value.to_bytes(len(payload), "big")
