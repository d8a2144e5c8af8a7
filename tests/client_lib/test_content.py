"""The inner message has one encoding and refuses every other (docs/spec/content.md)."""

import pytest
from hushpost import content
from hushpost.content import ContentMalformed, Ready, Typing, Unknown, decode, encode
from hypothesis import given
from hypothesis import strategies as st

from tests.client_lib.inner_messages import HEADER, inner


def test_the_header_lies_where_the_spec_says() -> None:
    """Each field stands at the offset of the table in section 1."""
    data = encode(inner(Ready()))
    assert data[:4] == bytes.fromhex("01060000")
    assert data[4:20] == HEADER.inner_id
    assert data[20:28] == (7).to_bytes(8, "big")
    assert data[28:32] == (495_000).to_bytes(4, "big")
    assert data[32:40] == (1_780_000_000_123).to_bytes(8, "big")
    assert data[40:76] == (3).to_bytes(4, "big") + b"o" * 32
    assert data[76:112] == (1).to_bytes(4, "big") + b"p" * 32
    assert len(data) == content.HEADER_BYTES


@pytest.mark.parametrize(
    ("offset", "value"),
    [(0, 2), (2, 1), (3, 1), (43, 0), (79, 0), (27, 0)],
    ids=["version", "reserved", "reserved-low", "own-version-0", "peer-version-0", "stream-0"],
)
def test_a_header_with_a_value_not_allowed_is_refused(offset: int, value: int) -> None:
    """Version, reserved bytes, list versions and the stream value are checked."""
    data = bytearray(encode(inner(Ready())))
    data[offset] = value
    with pytest.raises(ContentMalformed):
        decode(bytes(data))


def test_a_typing_notice_in_the_stream_is_refused() -> None:
    """An ephemeral kind with a stream value would make a gap whenever it is lost."""
    data = bytearray(encode(inner(Typing(began=True))))
    data[27] = 1
    with pytest.raises(ContentMalformed):
        decode(bytes(data))


def test_an_unknown_kind_keeps_its_place_in_the_stream() -> None:
    """A newer kind reads as unknown with its header, so that the stream has no gap."""
    data = bytearray(encode(inner(Ready())) + b"anything")
    data[1] = 200
    assert decode(bytes(data)) == inner(Unknown(200))


def test_kind_zero_and_a_known_kind_out_of_the_stream_are_refused() -> None:
    """No version writes either, and no later one may; a later ephemeral kind may come."""
    data = bytearray(encode(inner(Ready())))
    data[1] = 0
    with pytest.raises(ContentMalformed, match="kind 0"):
        decode(bytes(data))
    data[1] = 6
    data[20:28] = bytes(8)
    with pytest.raises(ContentMalformed, match="stream"):
        decode(bytes(data))
    data[1] = 9
    assert decode(bytes(data)).body == Unknown(9)


@given(data=st.binary(max_size=400))
def test_any_bytes_read_or_are_refused(data: bytes) -> None:
    """No input raises anything but the documented error, and what reads is canonical."""
    try:
        inner = decode(data)
    except ContentMalformed:
        return
    if not isinstance(inner.body, Unknown):
        assert encode(inner) == data
