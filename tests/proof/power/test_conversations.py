"""Messages are put together from what connections carried, each where its last byte passed."""

from pathlib import Path

from hushpost_proof.power.conversations import Message, conversations
from hushpost_proof.power.recording import Kind, Operation, Tape

HEAD = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"


def tape(*operations: tuple[Kind, int, bytes]) -> Tape:
    """Make a tape of traffic alone."""
    made = tuple(Operation(kind, port, 0, "", data) for kind, port, data in operations)
    return Tape(Path("/"), made)


def test_messages_stand_where_they_were_complete() -> None:
    """Two connections, both directions, a frame in pieces, a mask, a ping left out."""
    masked = b"\x82\x82\x01\x02\x03\x04" + bytes((ord("h") ^ 1, ord("i") ^ 2))
    found = conversations(
        tape(
            (Kind.RECEIVED, 1, b"GET / HTTP/1.1\r\n\r\n" + masked[:3]),
            (Kind.SENT, 1, HEAD + b"\x81\x02ok"),
            (Kind.SENT, 2, HEAD),
            (Kind.RECEIVED, 1, masked[3:]),
            (Kind.SENT, 2, b"\x89\x00\x82\x01x"),
            (Kind.WRITTEN, 1, b"\x81\x02no"),
        )
    )
    assert list(found) == [
        Message(1, 1, is_sent=True, is_text=True, data=b"ok"),
        Message(3, 1, is_sent=False, is_text=False, data=b"hi"),
        Message(4, 2, is_sent=True, is_text=False, data=b"x"),
    ]
