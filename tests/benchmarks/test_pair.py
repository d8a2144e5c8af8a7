"""What the load counts as complete, and what it refuses to count."""

import asyncio

import pytest
from hushpost_wire.frames import (
    Deliver,
    RefusalReason,
    decode_acknowledge,
    decode_submit,
    encode_accepted,
    encode_deliver,
    encode_refused,
)
from hushpost_wire.identifiers import DropReference, DropSecret, EnvelopeId, Route
from websockets.http11 import Request
from websockets.server import ServerProtocol

from benchmarks.client_frames import SubmitFrames
from benchmarks.errors import LoadFailure
from benchmarks.link import Link
from benchmarks.pair import ForwarderPair, RelayPair
from benchmarks.recording import Recording

HEADER_BYTES = 8
SHORT_HEADER_BYTES = 6


class Transport(asyncio.Transport):
    """Keeps what was written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep what would be sent."""
        self.written.append(bytes(data))


def open_link() -> tuple[Link, Transport]:
    """Give a link that has shaken hands with the websockets library."""
    link, transport, server = Link("/", None), Transport(), ServerProtocol()
    link.connection_made(transport)
    server.receive_data(b"".join(transport.written))
    [request] = server.events_received()
    assert isinstance(request, Request)
    server.send_response(server.accept(request))
    link.data_received(b"".join(server.data_to_send()))
    transport.written.clear()
    return link, transport


def submit_frames() -> SubmitFrames:
    """Give the messages of a pair, of 64 bytes each."""
    return SubmitFrames(
        route=Route(bytes(16)),
        drop_secret=DropSecret(bytes(32)),
        ttl_class=4,
        not_after=1,
        filler=bytes(56),
    )


def framed(payload: bytes) -> bytes:
    """Lay out a server's binary frame."""
    if len(payload) < 126:
        return bytes([0x82, len(payload)]) + payload
    return bytes([0x82, 126]) + len(payload).to_bytes(2, "big") + payload


def delivery(number: int, tag: int) -> bytes:
    """Lay out the DELIVER of message `number`."""
    envelope = bytes(56) + number.to_bytes(8, "big")
    ref, name = DropReference(bytes(16)), EnvelopeId(bytes(16))
    return framed(encode_deliver(Deliver(0, tag, 1, ref, name, envelope)))


def relay_pair(*, hold_tags: bool = False) -> tuple[RelayPair, Transport]:
    """Give a pair of two links, and what its recipient writes."""
    sender, _ = open_link()
    receiver, written = open_link()
    pair = RelayPair(submit_frames(), sender, receiver)
    pair.hold_tags = hold_tags
    pair.begin(Recording())
    return pair, written


def receive(link: Link | None, data: bytes) -> None:
    """Let a link read."""
    assert link is not None
    link.data_received(data)


def test_a_message_is_complete_when_delivered_and_accepted() -> None:
    """Neither half alone counts, and the order of the halves does not matter."""
    pair, _ = relay_pair()
    pair.send(2, 0.0)
    receive(pair.receiver, delivery(0, 1))
    assert (pair.completed, pair.outstanding) == (0, 2)
    receive(pair.sender, framed(encode_accepted([1])))
    assert pair.completed == 0
    receive(pair.sender, framed(encode_accepted([0])))
    assert pair.completed == 1
    receive(pair.receiver, delivery(1, 2))
    assert (pair.completed, pair.outstanding) == (2, 0)
    assert len(pair.recording.delivered) == len(pair.recording.accepted) == 2


def test_the_tags_of_one_read_are_acknowledged_together() -> None:
    """Two deliveries in one read cause one frame with both tags."""
    pair, written = relay_pair()
    pair.send(2, 0.0)
    receive(pair.receiver, delivery(0, 5) + delivery(1, 6))
    [frame] = written.written
    assert decode_acknowledge(frame[SHORT_HEADER_BYTES:]).tags == (5, 6)


def test_a_delivery_split_over_reads_is_counted_once() -> None:
    """A frame that comes byte by byte is one delivery."""
    pair, written = relay_pair()
    pair.send(1, 0.0)
    for byte in delivery(0, 1):
        receive(pair.receiver, bytes([byte]))
    assert pair.delivered == 1
    assert len(written.written) == 1


def test_held_tags_wait_for_accepted() -> None:
    """With `hold_tags` nothing is acknowledged before its own message is ACCEPTED."""
    pair, written = relay_pair(hold_tags=True)
    pair.send(2, 0.0)
    receive(pair.receiver, delivery(0, 1) + delivery(1, 2))
    assert written.written == []
    receive(pair.sender, framed(encode_accepted([1])))
    assert decode_acknowledge(written.written[0][SHORT_HEADER_BYTES:]).tags == (2,)
    receive(pair.sender, framed(encode_accepted([0])))
    assert decode_acknowledge(written.written[1][SHORT_HEADER_BYTES:]).tags == (1,)
    assert pair.outstanding == 0


def test_a_held_tag_whose_message_was_accepted_before_is_not_kept() -> None:
    """ACCEPTED may overtake the delivery; then it is acknowledged at once."""
    pair, written = relay_pair(hold_tags=True)
    pair.send(1, 0.0)
    receive(pair.sender, framed(encode_accepted([0])))
    receive(pair.receiver, delivery(0, 9))
    assert decode_acknowledge(written.written[0][SHORT_HEADER_BYTES:]).tags == (9,)


@pytest.mark.parametrize("numbers", [(1,), (0, 0), (0, 2)])
def test_loss_repetition_and_disorder_end_the_run(numbers: tuple[int, ...]) -> None:
    """A delivery other than the next one is a failure and no figure."""
    pair, _ = relay_pair()
    pair.send(3, 0.0)
    with pytest.raises(LoadFailure, match="was due"):
        receive(pair.receiver, b"".join(delivery(number, 1) for number in numbers))


def test_a_refusal_ends_the_run() -> None:
    """A relay that refuses is not measured as a fast one."""
    pair, _ = relay_pair()
    pair.send(1, 0.0)
    with pytest.raises(LoadFailure, match="refused"):
        receive(pair.sender, framed(encode_refused(RefusalReason.FULL, 0, 5)))


def test_a_phase_cannot_begin_over_an_unfinished_one() -> None:
    """Messages under way would be counted for the wrong phase."""
    pair, _ = relay_pair()
    pair.send(1, 0.0)
    with pytest.raises(LoadFailure, match="never completed"):
        pair.begin(Recording())


def test_unanswered_messages_are_those_without_a_verdict() -> None:
    """While the recipient is away, ACCEPTED alone makes room in the window."""
    pair, _ = relay_pair()
    pair.send(3, 0.0)
    receive(pair.sender, framed(encode_accepted([0, 1])))
    assert (pair.unanswered, pair.outstanding) == (1, 3)


def test_the_messages_of_one_send_leave_in_one_write() -> None:
    """A refilled window is one write of whole SUBMITs in order."""
    sender, written = open_link()
    pair = RelayPair(submit_frames(), sender)
    pair.begin(Recording())
    pair.send(3, 0.0)
    [data] = written.written
    size = len(data) // 3
    submits = [
        decode_submit(data[start + HEADER_BYTES : start + size]) for start in (0, size, 2 * size)
    ]
    assert [submit.request for submit in submits] == [0, 1, 2]


def test_a_forwarded_message_is_complete_on_delivery() -> None:
    """The forwarder answers nothing, so that its messages end with the delivery."""
    sender, _ = open_link()
    receiver, _ = open_link()
    pair = ForwarderPair(submit_frames(), sender, receiver)
    refilled: list[int] = []
    pair.begin(Recording(), lambda which: refilled.append(which.completed))
    pair.send(2, 0.0)
    forwarded = [framed(submit_frames().build(number)[HEADER_BYTES:]) for number in (0, 1)]
    receive(pair.receiver, b"".join(forwarded))
    assert pair.outstanding == 0
    assert refilled == [2]
    assert len(pair.recording.delivered) == 2
