"""Tests of hushpost_server.frame_header."""

from __future__ import annotations

from hushpost_server.frame_header import frame_header, framed
from websockets.frames import Frame, Opcode


def test_frame_headers_are_those_of_the_library() -> None:
    """For every form of the length, header and payload equal the library's serialisation."""
    for length in (0, 1, 125, 126, 65535, 65536):
        expected = Frame(Opcode.BINARY, bytes(length)).serialize(mask=False)
        assert frame_header(0x82, length) + bytes(length) == expected


def test_messages_become_frames_behind_each_other() -> None:
    """Text and binary, each whole, as the library would write them."""
    expected = [Frame(Opcode.TEXT, "ä".encode()), Frame(Opcode.BINARY, bytes(200))]
    assert framed(["ä", bytes(200)]) == b"".join(one.serialize(mask=False) for one in expected)
    assert framed([]) == b""
