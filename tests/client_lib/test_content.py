"""The inner message has one encoding and refuses every other (docs/spec/content.md)."""

import dataclasses

import pytest
from hushpost import content
from hushpost.content import (
    Accept,
    Body,
    ContentMalformed,
    Header,
    Inner,
    InnerId,
    ListView,
    Ready,
    Receipt,
    ReceiptStatus,
    Request,
    SessionRestart,
    Text,
    Typing,
    Unknown,
    decode,
    encode,
    split_text,
)
from hushpost_wire.host import Host
from hushpost_wire.identifiers import DropHash, DropSecret, ListHead, Route
from hypothesis import given
from hypothesis import strategies as st

HEADER = Header(
    inner_id=InnerId(bytes(range(16))),
    stream=7,
    not_after=495_000,
    sent_milliseconds=1_780_000_000_123,
    own_list=ListView(3, ListHead(b"o" * 32)),
    peer_list=ListView(1, ListHead(b"p" * 32)),
)
ENTRY = (ReceiptStatus.READ, InnerId(b"i" * 16))
REQUEST = Request(
    DropHash(b"h" * 32), Route(b"r" * 16), DropSecret(b"s" * 32), Host("a.example"), "Ann", "hi"
)
BODIES: list[Body] = [
    Text(0, 1, 5, b"hello"),
    Receipt((ENTRY,)),
    Receipt((ENTRY,) * content.RECEIPTS_MAX),
    REQUEST,
    dataclasses.replace(REQUEST, name="", text=""),
    Accept(InnerId(b"q" * 16), DropHash(b"h" * 32), Host("b.example:99"), "Bob"),
    Ready(),
    SessionRestart(),
]


def _inner(body: Body) -> Inner:
    stream = 0 if isinstance(body, Typing) else HEADER.stream
    return Inner(dataclasses.replace(HEADER, stream=stream), body)


@pytest.mark.parametrize("body", [*BODIES, Typing(began=True), Typing(began=False)], ids=repr)
def test_every_kind_survives_the_round_trip(body: Body) -> None:
    """What is encoded is what is read."""
    assert decode(encode(_inner(body))) == _inner(body)


def test_the_header_lies_where_the_spec_says() -> None:
    """Each field stands at the offset of the table in section 1."""
    data = encode(_inner(Ready()))
    assert data[:4] == bytes.fromhex("01060000")
    assert data[4:20] == HEADER.inner_id
    assert data[20:28] == (7).to_bytes(8, "big")
    assert data[28:32] == (495_000).to_bytes(4, "big")
    assert data[32:40] == (1_780_000_000_123).to_bytes(8, "big")
    assert data[40:76] == (3).to_bytes(4, "big") + b"o" * 32
    assert data[76:112] == (1).to_bytes(4, "big") + b"p" * 32
    assert len(data) == content.HEADER_BYTES


@pytest.mark.parametrize("body", BODIES, ids=repr)
def test_a_message_cut_short_is_refused(body: Body) -> None:
    """No prefix of a fixed-size message reads as a message; a request only loses its text."""
    data = encode(_inner(body))
    shortest = len(data) - (2 if isinstance(body, Request) and body.text else 0)
    for length in range(shortest):
        with pytest.raises(ContentMalformed):
            decode(data[:length])


@pytest.mark.parametrize(
    "body", [body for body in BODIES if not isinstance(body, Request)], ids=repr
)
def test_bytes_after_the_end_are_refused(body: Body) -> None:
    """A body that the layout ends has nothing after it."""
    with pytest.raises(ContentMalformed):
        decode(encode(_inner(body)) + b"\0")


@pytest.mark.parametrize(
    ("offset", "value"),
    [(0, 2), (2, 1), (3, 1), (43, 0), (79, 0), (27, 0)],
    ids=["version", "reserved", "reserved-low", "own-version-0", "peer-version-0", "stream-0"],
)
def test_a_header_with_a_value_not_allowed_is_refused(offset: int, value: int) -> None:
    """Version, reserved bytes, list versions and the stream value are checked."""
    data = bytearray(encode(_inner(Ready())))
    data[offset] = value
    with pytest.raises(ContentMalformed):
        decode(bytes(data))


def test_a_typing_notice_in_the_stream_is_refused() -> None:
    """An ephemeral kind with a stream value would make a gap whenever it is lost."""
    data = bytearray(encode(_inner(Typing(began=True))))
    data[27] = 1
    with pytest.raises(ContentMalformed):
        decode(bytes(data))


def test_an_unknown_kind_keeps_its_place_in_the_stream() -> None:
    """A newer kind reads as unknown with its header, so that the stream has no gap."""
    data = bytearray(encode(_inner(Ready())) + b"anything")
    data[1] = 200
    assert decode(bytes(data)) == _inner(Unknown(200))


def test_kind_zero_and_a_reserved_kind_out_of_the_stream_are_refused() -> None:
    """No version writes either, and no later one may."""
    data = bytearray(encode(_inner(Ready())))
    data[1] = 0
    with pytest.raises(ContentMalformed, match="kind 0"):
        decode(bytes(data))
    data[1] = 8
    assert decode(bytes(data)) == _inner(Unknown(8))
    data[20:28] = bytes(8)
    with pytest.raises(ContentMalformed, match="stream"):
        decode(bytes(data))
    data[1] = 9
    assert decode(bytes(data)).body == Unknown(9)


@pytest.mark.parametrize(
    "tail",
    [
        b"\x00\x01\x00\x00\x00\x00",
        b"\x00\x02\x00\x00\x00\x05hello",
        b"\x01\x01\x00\x00\x00\x05hello",
        b"\x00\x01\x00\x00\x00\x06hello",
        b"\x00\x01\x00\x01\x00\x01hello",
    ],
    ids=["empty", "parts-2", "part-1-of-1", "total-6", "total-65537"],
)
def test_a_chunk_must_fit_its_place(tail: bytes) -> None:
    """Part, parts, total and length follow from each other; anything else is refused."""
    data = bytearray(encode(_inner(Ready())) + tail)
    data[1] = content.Kind.TEXT
    with pytest.raises(ContentMalformed):
        decode(bytes(data))


@given(total=st.integers(1, content.TEXT_BYTES_MAX))
def test_chunks_join_to_the_text(total: int) -> None:
    """Splitting a text of any length gives chunks that each encode and join to it."""
    text = "x" * total
    parts = split_text(text)
    assert b"".join(part.chunk for part in parts) == text.encode()
    assert len(parts) <= content.PARTS_MAX
    assert all(decode(encode(_inner(part))) == _inner(part) for part in parts)


@pytest.mark.parametrize("text", ["", "x" * (content.TEXT_BYTES_MAX + 1)], ids=["empty", "long"])
def test_a_text_of_a_length_not_allowed_is_not_split(text: str) -> None:
    """The caller is told the bounds."""
    with pytest.raises(ValueError, match="65536"):
        split_text(text)


@given(data=st.binary(max_size=400))
def test_any_bytes_read_or_are_refused(data: bytes) -> None:
    """No input raises anything but the documented error, and what reads is canonical."""
    try:
        inner = decode(data)
    except ContentMalformed:
        return
    if not isinstance(inner.body, Unknown):
        assert encode(inner) == data


@given(tail=st.binary(max_size=400), kind=st.integers(0, 255))
def test_any_body_reads_or_is_refused(tail: bytes, kind: int) -> None:
    """The same with a header that reads, so that the bodies are reached."""
    head = bytearray(encode(_inner(Ready())))
    head[1] = kind
    test_any_bytes_read_or_are_refused.hypothesis.inner_test(bytes(head) + tail)  # type: ignore[attr-defined]  # hypothesis keeps the plain function there


def test_the_writer_keeps_the_limits() -> None:
    """Too long a name, text or receipt is the caller's mistake and is never written."""
    for body in (
        dataclasses.replace(REQUEST, name="x" * 65),
        dataclasses.replace(REQUEST, text="x" * 257),
        Receipt((ENTRY,) * 65),
        Receipt(()),
        Unknown(99),
        Text(0, 1, 3, b"hello"),
    ):
        with pytest.raises(ValueError, match=r"."):
            encode(_inner(body))


def test_a_request_does_not_show_its_secret() -> None:
    """The representation of a request holds neither the drop secret nor the words in it."""
    assert "ssss" not in repr(REQUEST)
    assert "hi" not in repr(REQUEST).replace("a.example", "")
