"""Tests of reading another process's memory."""

import os
import subprocess
import sys

import pytest
from hushpost_proof.memory_image import ImageUnreadable, has_ended, mappings, read_image, stopped

_PROGRAM = """
import mmap, sys
words = [a + b for a, b in (("quelzal", "heap-%d" % 7),)]
area = mmap.mmap(-1, 8192, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
area[100:116] = words[0].replace("heap", "area").encode().ljust(16, b".")
print("ready", flush=True)
sys.stdin.readline()
"""


def test_heap_and_anonymous_memory_are_read() -> None:
    """What another process holds is found in its image; while it is read it stands still."""
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdout.readline()
        with stopped(process.pid):
            pieces = list(read_image(process.pid))
        data = b"".join(piece.data for piece in pieces)
        assert b"quelzalheap-7" in data
        assert b"quelzalarea-7" in data
        names = {piece.mapping.name for piece in pieces}
        assert {"[stack]", "[heap]", ""} <= names
        assert all(mapping.size > 0 for mapping in mappings(process.pid))
        assert not has_ended(process.pid)
        process.stdin.close()
        process.wait(10)
    assert has_ended(process.pid)


def test_a_process_that_is_not_there_is_told() -> None:
    """Nothing read is never nothing found."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait(10)
    with pytest.raises(ImageUnreadable):
        list(read_image(process.pid))
    assert os.path.exists("/proc/self/mem")
