"""Tests of hushpost_server.frame_header."""

from __future__ import annotations

from hushpost_server.frame_header import frame_header
from websockets.frames import Frame, Opcode


def test_frame_headers_are_those_of_the_library() -> None:
    """For every form of the length, header and payload equal the library's serialisation."""
    for length in (0, 1, 125, 126, 65535, 65536):
        expected = Frame(Opcode.BINARY, bytes(length)).serialize(mask=False)
        assert frame_header(0x82, length) + bytes(length) == expected
