"""Tests of hushpost_server.frame_scanner: literal bytes, no sockets."""

from __future__ import annotations

import itertools

from hushpost_server.frame_scanner import (
    RAW_FRAMES_PER_READ_MAX,
    FrameScanner,
    Payload,
    RawFrame,
    first_close,
)
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.utils import apply_mask

MASK = b"\x01\x02\x03\x04"


def unmask(data: bytes, mask: bytes) -> bytes:
    """Unmask as the listener does."""
    return bytes(apply_mask(data, mask))


def frame(payload: bytes, head: int = 0x82) -> bytes:
    """Build a masked frame by hand."""
    length = len(payload)
    if length < 126:
        header = bytes([head, 0x80 | length])
    elif length < 65536:
        header = bytes([head, 0xFE]) + length.to_bytes(2)
    else:
        header = bytes([head, 0xFF]) + length.to_bytes(8)
    return header + MASK + unmask(payload, MASK)


def scanner(payload_bytes_max: int = 70_000) -> FrameScanner:
    """Make a scanner."""
    return FrameScanner(payload_bytes_max=payload_bytes_max, unmask=unmask)


def test_whole_data_frames_come_out_unmasked() -> None:
    """Text and binary frames of one read come out in order, with their kind."""
    found = scanner().feed(frame(b"a") + frame(b"t", 0x81) + frame(b"c" * 300))
    assert found == [(False, b"a"), (True, b"t"), (False, b"c" * 300)]


@given(st.lists(st.binary(max_size=400), max_size=6), st.data())
def test_any_cut_of_the_stream_gives_the_same_frames(
    payloads: list[bytes], data: st.DataObject
) -> None:
    """However the stream is cut into reads, the same payloads come out."""
    stream = b"".join(frame(payload) for payload in payloads)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    scan = scanner()
    found: list[Payload | RawFrame] = []
    for start, end in itertools.pairwise([0, *cuts, len(stream)]):
        found += scan.feed(stream[start:end])
    assert found == [(False, payload) for payload in payloads]
    assert len(scan) == 0


def test_a_frame_of_64_kib_is_taken_with_its_long_length() -> None:
    """The 64-bit length form is understood."""
    assert scanner().feed(frame(bytes(66_000))) == [(False, bytes(66_000))]


def test_control_frames_go_to_the_library_whole() -> None:
    """A ping comes out as the raw bytes that came in, between its neighbours."""
    ping = frame(b"p", 0x89)
    scan = scanner()
    assert scan.feed(frame(b"a") + ping + frame(b"b")) == [
        (False, b"a"),
        RawFrame(ping),
        (False, b"b"),
    ]
    assert scan.saw_raw


def test_fragments_go_to_the_library_until_the_last() -> None:
    """From a first fragment to the final one nothing takes the short way, pings excepted."""
    first, middle, last = frame(b"1", 0x02), frame(b"2", 0x00), frame(b"3", 0x80)
    ping, whole = frame(b"", 0x89), frame(b"w")
    found = scanner().feed(first + ping + middle + last + whole)
    assert found == [RawFrame(raw) for raw in (first, ping, middle, last)] + [(False, b"w")]


def test_a_data_frame_within_a_fragmented_message_is_left_to_the_library() -> None:
    """Interleaved data frames are illegal, and the library is the one to say so."""
    first, second = frame(b"1", 0x02), frame(b"2")
    assert scanner().feed(first + second) == [RawFrame(first), RawFrame(second)]


def test_too_long_a_frame_is_handed_on_before_it_arrives() -> None:
    """A length above the bound is rejected from its header alone, and all after it as well."""
    scan = scanner(payload_bytes_max=1000)
    header = frame(bytes(1001))[:8]
    assert scan.feed(header) == [RawFrame(header)]
    assert scan.rejected
    assert scan.feed(b"more") == [RawFrame(b"more")]


def test_an_unmasked_frame_is_handed_on() -> None:
    """A client must mask; what is not masked goes to the library, which refuses it."""
    unmasked = Frame(Opcode.BINARY, b"x" * 10).serialize(mask=False)
    scan = scanner()
    assert scan.feed(unmasked) == [RawFrame(unmasked)]
    assert scan.rejected


def test_more_raw_frames_than_anyone_needs_are_a_flood() -> None:
    """At the bound all are handed on; beyond it the scanner gives up the connection."""
    ping = b"\x89\x80\0\0\0\0"
    scanner = FrameScanner(payload_bytes_max=100, unmask=apply_mask)
    assert len(scanner.feed(ping * RAW_FRAMES_PER_READ_MAX)) == RAW_FRAMES_PER_READ_MAX
    assert not scanner.flooded
    assert len(scanner.feed(ping * RAW_FRAMES_PER_READ_MAX)) == RAW_FRAMES_PER_READ_MAX
    scanner.feed(ping * (RAW_FRAMES_PER_READ_MAX + 1))
    assert scanner.flooded
    assert scanner.rejected


def test_the_first_close_is_picked_out() -> None:
    """Among payloads and pings the close is found, and its absence is told."""
    ping, close = RawFrame(b"\x89\x80abcd"), RawFrame(b"\x88\x80abcd")
    assert first_close([(False, b"x"), ping, close]) is close
    assert first_close([(False, b"x"), ping]) is None
