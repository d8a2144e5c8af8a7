"""Tests of hushpost_server.unsent."""

from __future__ import annotations

import asyncio
from typing import cast

from hushpost_server.unsent import Unsent


class Transport:
    """A write buffer of some size."""

    def __init__(self, size: int) -> None:
        self._size = size

    def get_write_buffer_size(self) -> int:
        """Tell its size."""
        return self._size


class Reader:
    """A connection that does not read, and notes what is done to it."""

    def __init__(self, size: int | None) -> None:
        self.closing = False
        self.cut = False
        transport = None if size is None else Transport(size)
        self.transport = cast(asyncio.Transport | None, transport)

    def too_slow(self) -> None:
        """Be closed."""
        self.closing = True

    def abort(self) -> None:
        """Be cut."""
        self.cut = True


def test_beyond_the_bound_the_one_that_paused_longest_is_closed() -> None:
    """Within the bound nobody is; one more, and the first is told, and no other."""
    unsent = Unsent(1_000)
    readers = [Reader(400) for _ in range(3)]
    unsent.add(readers[0])
    unsent.add(readers[1])
    assert [one.closing for one in readers] == [False, False, False]
    unsent.add(readers[2])
    assert [one.closing for one in readers] == [True, False, False]
    assert not readers[0].cut


def test_who_does_not_even_take_the_close_is_cut() -> None:
    """The bound is still passed when the next one pauses: what is closing gives its share back."""
    unsent = Unsent(1_000)
    readers = [Reader(600) for _ in range(4)]
    for reader in readers:
        unsent.add(reader)
    assert [one.cut for one in readers] == [True, True, False, False]
    assert [one.closing for one in readers[2:]] == [True, False]
    assert len(unsent) == 2


def test_who_reads_again_or_is_gone_does_not_count() -> None:
    """A reader that was discarded leaves room; discarding twice is nothing."""
    unsent = Unsent(1_000)
    first, second = Reader(900), Reader(900)
    unsent.add(first)
    unsent.discard(first)
    unsent.discard(first)
    unsent.add(second)
    unsent.add(Reader(None))
    assert not first.closing
    assert not second.closing
