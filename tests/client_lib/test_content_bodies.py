"""Every kind's body has one encoding and refuses every other (docs/spec/content.md, 2)."""

import dataclasses

import pytest
from hushpost import content
from hushpost.content import (
    Body,
    ContentMalformed,
    Ready,
    Receipt,
    Request,
    Resend,
    Text,
    Typing,
    Unknown,
    decode,
    encode,
    split_text,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.client_lib.inner_messages import BODIES, ENTRY, REQUEST, inner


@pytest.mark.parametrize("body", [*BODIES, Typing(began=True), Typing(began=False)], ids=repr)
def test_every_kind_survives_the_round_trip(body: Body) -> None:
    """What is encoded is what is read."""
    assert decode(encode(inner(body))) == inner(body)


@pytest.mark.parametrize("body", BODIES, ids=repr)
def test_a_message_cut_short_is_refused(body: Body) -> None:
    """No prefix of a fixed-size message reads as a message; a request only loses its text."""
    data = encode(inner(body))
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
        decode(encode(inner(body)) + b"\0")


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
    data = bytearray(encode(inner(Ready())) + tail)
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
    assert all(decode(encode(inner(part))) == inner(part) for part in parts)


@pytest.mark.parametrize("text", ["", "x" * (content.TEXT_BYTES_MAX + 1)], ids=["empty", "long"])
def test_a_text_of_a_length_not_allowed_is_not_split(text: str) -> None:
    """The caller is told the bounds."""
    with pytest.raises(ValueError, match="65536"):
        split_text(text)


@given(tail=st.binary(max_size=400), kind=st.integers(0, 255))
def test_any_body_reads_or_is_refused(tail: bytes, kind: int) -> None:
    """Behind a header that reads, no body raises anything but the documented error."""
    head = bytearray(encode(inner(Ready())))
    head[1] = kind
    data = bytes(head) + tail
    try:
        read = decode(data)
    except ContentMalformed:
        return
    if not isinstance(read.body, Unknown):
        assert encode(read) == data


def test_the_writer_keeps_the_limits() -> None:
    """Too long a name, text or receipt is the caller's mistake and is never written."""
    for body in (
        dataclasses.replace(REQUEST, name="x" * 65),
        dataclasses.replace(REQUEST, text="x" * 257),
        Receipt((ENTRY,) * 65),
        Receipt(()),
        Unknown(99),
        Text(0, 1, 3, b"hello"),
        Resend(0),
        Resend(9, ((2, 3), (4, 5))),
        Resend(999, tuple((n, n) for n in range(1, 66, 2))),
    ):
        with pytest.raises(ValueError, match=r"."):
            encode(inner(body))
