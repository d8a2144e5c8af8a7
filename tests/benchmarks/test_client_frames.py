"""The load's hand-built frames say what hushpost_wire says."""

import pytest
from hushpost_wire.frames import (
    Deliver,
    Submit,
    decode_acknowledge,
    decode_submit,
    encode_deliver,
    encode_submit,
)
from hushpost_wire.identifiers import DropReference, DropSecret, EnvelopeId, Route, envelope_id
from websockets.frames import Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from benchmarks import layout
from benchmarks.client_frames import (
    FIN_BINARY,
    FIN_TEXT,
    SubmitFrames,
    acknowledge_frame,
    client_frame,
)

ROUTE = Route(bytes(range(16)))
SECRET = DropSecret(bytes(range(32, 64)))


def frames(envelope_bytes: int) -> SubmitFrames:
    """Make the SUBMITs of a pair with some filler."""
    filler = bytes(index % 251 for index in range(envelope_bytes - layout.NUMBER_BYTES))
    return SubmitFrames(
        route=ROUTE, drop_secret=SECRET, ttl_class=4, not_after=480_000, filler=filler
    )


def received(data: bytes) -> list[tuple[Opcode, bytes]]:
    """Return what a strict server of the websockets library reads from a client's bytes."""
    server = ServerProtocol()
    server.receive_data(
        b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    request = server.events_received()[0]
    assert isinstance(request, Request)
    server.send_response(server.accept(request))
    server.receive_data(data)
    assert server.close_code is None
    return [(frame.opcode, bytes(frame.data)) for frame in server.events_received()]  # type: ignore[union-attr]  # after the handshake all are frames


@pytest.mark.parametrize("envelope_bytes", [64, 125, 1024, 4096, 16384])
@pytest.mark.parametrize("number", [0, 1, 70_000, 2**32 + 5])
def test_a_built_submit_equals_the_encoded_one(envelope_bytes: int, number: int) -> None:
    """Header, request, id and envelope are those of `wire.encode_submit`."""
    [(opcode, message)] = received(frames(envelope_bytes).build(number))
    submit = decode_submit(message)
    assert opcode is Opcode.BINARY
    assert len(submit.envelope) == envelope_bytes
    assert submit.envelope_id == envelope_id(submit.envelope)
    again = Submit(4, number % 2**32, ROUTE, SECRET, submit.envelope_id, 480_000, submit.envelope)
    assert message == encode_submit(again)


def test_every_message_of_a_pair_is_another() -> None:
    """No two envelopes share their id, so that none passes for a repetition."""
    built = frames(1024)
    ids = {decode_submit(received(built.build(n))[0][1]).envelope_id for n in range(50)}
    assert len(ids) == 50


def test_the_number_stands_at_the_end_of_the_envelope() -> None:
    """The recipient finds the number of a message where `layout` says."""
    message = received(frames(1024).build(77))[0][1]
    assert int.from_bytes(message[-layout.NUMBER_BYTES :], "big") == 77
    assert message[layout.ROUTE_START : layout.ROUTE_END] == ROUTE


def test_tags_are_acknowledged_as_they_came() -> None:
    """The four bytes of a DELIVER's tag go back in an ACKNOWLEDGE that decodes to the tags."""
    tags: list[bytes] = []
    for tag in (1, 2, 2**32 - 1):
        deliver = Deliver(0, tag, 1, DropReference(bytes(16)), EnvelopeId(bytes(16)), bytes(64))
        tags.append(encode_deliver(deliver)[layout.TAG_START : layout.TAG_END])
    [(_, message)] = received(acknowledge_frame(tags))
    assert decode_acknowledge(message).tags == (1, 2, 2**32 - 1)


def test_many_tags_fit_in_one_frame() -> None:
    """An ACKNOWLEDGE longer than a short WebSocket frame is laid out as one all the same."""
    [(_, message)] = received(acknowledge_frame([bytes(3) + bytes([n]) for n in range(1, 201)]))
    assert decode_acknowledge(message).tags == tuple(range(1, 201))


@pytest.mark.parametrize("length", [0, 125, 126, 65535, 65536])
def test_frames_of_every_length_class_are_read(length: int) -> None:
    """The three encodings of a length in RFC 6455 are all built right."""
    assert received(client_frame(FIN_BINARY, bytes(length))) == [(Opcode.BINARY, bytes(length))]
    assert received(client_frame(FIN_TEXT, b"a" * length)) == [(Opcode.TEXT, b"a" * length)]
