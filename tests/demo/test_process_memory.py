"""Tests of reading a child's memory: what it was told is found, what is unreadable is said so."""

import subprocess
import sys
from collections.abc import Generator
from itertools import pairwise

import pytest
from hushpost_demo.process_memory import (
    OVERLAP_BYTES,
    PIECE_BYTES,
    MemoryUnreadable,
    is_readable,
    read_memory,
)

from tests.conftest import require_or_skip

SECRET = b"pomegranate syrup"
# It builds the text from pieces, so that no argument and no file of it holds it whole.
PROGRAM = "kept = 'pomegranate' + chr(32) + 'syrup'; print(flush=True); input()"


@pytest.fixture
def child() -> Generator[int]:
    """Run a process that has the secret in memory."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    require_or_skip(is_readable(process.pid), "this system lets nobody read a child's memory")
    yield process.pid
    process.communicate(b"\n")


def test_what_a_process_holds_is_found(child: int) -> None:
    """The text stands in one of the pieces, and pieces have the size that was promised."""
    pieces = list(read_memory(child))
    assert any(SECRET in piece for piece in pieces)
    assert max(map(len, pieces)) <= PIECE_BYTES
    assert not any(SECRET[::-1] in piece for piece in pieces)


def test_pieces_overlap(child: int) -> None:
    """What lies across two pieces of a stretch is whole in one of them."""
    pieces = list(read_memory(child))
    pairs = [
        (one, two)
        for one, two in pairwise(pieces)
        if len(one) == PIECE_BYTES and any(one[-OVERLAP_BYTES:])
    ]
    assert any(two.startswith(one[-OVERLAP_BYTES:]) for one, two in pairs)


def test_a_process_that_is_not_there_is_an_error() -> None:
    """It is not mistaken for one whose memory holds nothing."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    with pytest.raises(MemoryUnreadable):
        list(read_memory(ended.pid))
    assert not is_readable(ended.pid)
