"""What a recorded process said and was told over its WebSocket connections, and when.

Each message stands at the position of the operation that completed it: what a relay has promised by
then is what it must keep. RFC 6455; plain connections only, on loopback.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from hushpost_proof.harness.capture import frame_at
from hushpost_proof.power.recording import Kind, Tape

_HEAD_END = b"\r\n\r\n"
_TEXT, _BINARY = 1, 2


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `is_sent` from the view of the process that was recorded."""

    position: int
    connection: int
    is_sent: bool
    is_text: bool
    data: bytes


@dataclass(slots=True)
class _Stream:
    data: bytearray = field(default_factory=bytearray)
    is_open: bool = False

    def feed(self, more: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield opcode and payload of each message that is now whole. None is in pieces here."""
        self.data += more
        if not self.is_open:
            end = self.data.find(_HEAD_END)
            if end < 0:
                return
            del self.data[: end + len(_HEAD_END)]
            self.is_open = True
        while frame := frame_at(bytes(self.data), 0):
            flags, payload, end = frame
            del self.data[:end]
            yield flags & 0x0F, payload


def conversations(tape: Tape) -> Iterator[Message]:
    """Yield every text and binary message of a tape, in order."""
    streams: dict[tuple[int, bool], _Stream] = {}
    for position, operation in enumerate(tape.operations):
        if operation.kind not in (Kind.SENT, Kind.RECEIVED):
            continue
        is_sent = operation.kind is Kind.SENT
        stream = streams.setdefault((operation.file, is_sent), _Stream())
        for opcode, payload in stream.feed(operation.second):
            if opcode in (_TEXT, _BINARY):
                yield Message(position, operation.file, is_sent, opcode == _TEXT, payload)
