"""How much of what was said to slow readers the relay holds for them, all together.

Each connection is bounded by itself; a thousand that all stop reading are not. Beyond the bound who
has left its share unread for longest is closed (4004), and cut if it does not even take that.

Refuses to know: who reads slowly, and what.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Protocol


class Reader(Protocol):
    """A connection whose write buffer is full."""

    closing: bool
    transport: asyncio.Transport | None

    def too_slow(self) -> None:
        """Close it, with word."""

    def abort(self) -> None:
        """Cut it."""


class Unsent:
    """Add who pauses, discard who reads again or is gone."""

    __slots__ = ("_bytes_max", "_slow")

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._slow: OrderedDict[Reader, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._slow)

    def add(self, reader: Reader) -> None:
        """Count a reader's buffer; closes those that have paused longest while it is too much."""
        transport = reader.transport
        self._slow[reader] = 0 if transport is None else transport.get_write_buffer_size()
        held = sum(self._slow.values())
        for slow, size in tuple(self._slow.items()):
            if held <= self._bytes_max:
                return
            if slow.closing:
                # It was told before and did not even read that: its share is taken back now.
                self.discard(slow)
                slow.abort()
            else:
                slow.too_slow()
            held -= size

    def discard(self, reader: Reader) -> None:
        """Count it out."""
        self._slow.pop(reader, None)
