"""Tests of hushpost_wire.encoding."""

import hashlib

import pytest
from hushpost_wire.encoding import (
    FIELD_BYTES_MAX,
    MalformedRecord,
    Reader,
    fields,
    labelled,
    labelled_sha256,
    read_fields,
    read_suite,
    sized,
    u8,
    u16,
    u32,
    u64,
)
from hushpost_wire.labels import ACCOUNT_ID
from hypothesis import given
from hypothesis import strategies as st

parts_lists = st.lists(st.binary(max_size=40), max_size=6)


def test_fields_are_behind_their_lengths() -> None:
    """The layout is the one of identity.md, section 1, byte by byte."""
    assert fields(b"ab", b"") == b"\0\0\0\x02ab\0\0\0\0"
    assert labelled(ACCOUNT_ID, b"x") == b"hushpost/v1/account/id\0\0\0\0\x01x"
    assert labelled_sha256(ACCOUNT_ID) == hashlib.sha256(b"hushpost/v1/account/id\0").digest()


@given(parts_lists, parts_lists)
def test_no_two_lists_read_alike(one: list[bytes], other: list[bytes]) -> None:
    """Two lists of parts have one encoding exactly if they are the same list."""
    assert (fields(*one) == fields(*other)) == (one == other)


@given(parts_lists)
def test_round_trip(parts: list[bytes]) -> None:
    """What was joined is taken apart again, and with any other count is refused."""
    assert list(read_fields(fields(*parts), len(parts))) == parts
    with pytest.raises(MalformedRecord):
        read_fields(fields(*parts), len(parts) + 1)
    if parts:
        with pytest.raises(MalformedRecord, match="after its end"):
            read_fields(fields(*parts), len(parts) - 1)


@given(st.binary(max_size=60), st.integers(0, 4))
def test_any_bytes_are_fields_in_one_way_or_none(data: bytes, count: int) -> None:
    """Arbitrary bytes raise MalformedRecord or are exactly the encoding of what was read."""
    try:
        parts = read_fields(data, count)
    except MalformedRecord:
        return
    assert fields(*parts) == data


def test_overlong_fields_are_refused_both_ways() -> None:
    """A field over 16 MiB is neither written nor believed."""
    with pytest.raises(ValueError, match="is over"):
        fields(bytes(FIELD_BYTES_MAX + 1))
    with pytest.raises(MalformedRecord, match="names a field"):
        Reader(u32(FIELD_BYTES_MAX + 1), "test").field()


def test_numbers_are_big_endian_and_bounded() -> None:
    """Each width writes and reads big-endian, and refuses what does not fit."""
    assert (u8(1), u16(1), u32(1), u64(1)) == (b"\1", b"\0\1", b"\0\0\0\1", bytes(7) + b"\1")
    reader = Reader(u8(255) + u16(65535) + u32(2**32 - 1), "test")
    assert (reader.u8(), reader.u16(), reader.u32()) == (255, 65535, 2**32 - 1)
    reader.finish()
    for width, over in ((u8, 256), (u16, 65536), (u32, 2**32), (u64, 2**64)):
        for wrong in (over, -1):
            with pytest.raises(OverflowError):
                width(wrong)


def test_reader_names_what_is_cut_short() -> None:
    """The message names the record, the place and what was wanted."""
    reader = Reader(b"abc", "genesis record")
    assert reader.take(2) == b"ab"
    with pytest.raises(MalformedRecord, match=r"genesis record is cut short: .* offset 2, 1"):
        reader.take(2)
    assert reader.take(1) == b"c"
    reader.finish()


def test_sized_and_suite() -> None:
    """A part of another length and a record of another suite are refused by name."""
    assert sized(b"ab", 2, "part") == b"ab"
    with pytest.raises(MalformedRecord, match="the part has 2 bytes, not 3"):
        sized(b"ab", 3, "part")
    read_suite(Reader(b"\0\1", "record"), "record")
    with pytest.raises(MalformedRecord, match="record of suite 2"):
        read_suite(Reader(b"\0\2", "record"), "record")


def test_the_longest_field_is_16_mib() -> None:
    """A field of that length is written and read; one byte more is neither."""
    longest = bytes(1 << 24)
    assert len(longest) == FIELD_BYTES_MAX
    written = fields(longest)
    assert Reader(written, "noun").field() == longest
    with pytest.raises(ValueError, match="over 16777216"):
        fields(longest + b"\0")
    with pytest.raises(MalformedRecord, match="names a field of 16777217 bytes"):
        Reader(b"\x01\0\0\x01" + longest + b"\0", "noun").field()
