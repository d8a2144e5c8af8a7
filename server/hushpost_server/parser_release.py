"""Letting go of what the WebSocket library keeps of a connection that ended.

Its machine holds a generator that holds the machine, and errors hold the frames they passed: such
circles stay until Python's collector comes by, which on a relay at rest is never. In them are the
request with all its header fields, and what the peer said last.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Protocol


class LibraryMachine(Protocol):
    """What is taken apart of the library's machine."""

    parser: Generator[None, None, None]
    handshake_exc: Exception | None
    parser_exc: Exception | None


def release(machine: LibraryMachine) -> None:
    """Break the circles of a machine that is not used any more."""
    machine.parser.close()
    machine.handshake_exc = None
    machine.parser_exc = None
