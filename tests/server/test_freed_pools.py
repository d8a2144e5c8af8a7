"""Tests of overwriting freed small objects: another process's memory is searched, not one's own."""

import re
import subprocess
import sys

import pytest
from hushpost_proof.memory_image import read_image, stopped
from hushpost_server import freed_pools

# Makes and drops texts of all small sizes among others that stay, then waits for orders.
_PROGRAM = """
import sys
from hushpost_server.freed_pools import overwrite_pools
junk = ["zz" + ("quelzal%05d" % i) * (1 + i % 20) for i in range(20_000)]
stays = [str(i) * (1 + i % 30) for i in range(5_000)]
del junk
print("dropped", flush=True)
sys.stdin.readline()
steps = sum(1 for _ in overwrite_pools())
print(steps, flush=True)
sys.stdin.readline()
assert stays == [str(i) * (1 + i % 30) for i in range(5_000)]
"""
_LEFT = re.compile(rb"zz(quelzal\d{5})")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc/PID/mem")
def test_dropped_texts_are_gone_and_living_ones_unharmed() -> None:
    """Of many freed texts hundreds can be read, and afterwards one in a thousand at most."""
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"dropped\n"
        before = _readable(process.pid)
        process.stdin.write(b"\n")
        process.stdin.flush()
        assert 31 < int(process.stdout.readline()) < 1_000
        after = _readable(process.pid)
        process.stdin.write(b"\n")
        process.stdin.flush()
        process.stdin.close()
        assert process.wait(10) == 0
    assert before > 200
    assert after <= 20


def _readable(pid: int) -> int:
    with stopped(pid):
        return len({one for piece in read_image(pid) for one in _LEFT.findall(piece.data)})


def test_it_ends_where_memory_is_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no pool ever looks full, as in another Python, it stops at its bound at once."""

    def endless(_: int) -> int:
        return 1 << 30

    monkeypatch.setattr(freed_pools, "_HELD_BYTES_MAX", 500_000)
    monkeypatch.setattr(freed_pools, "_per_pool", endless)
    assert sum(1 for _ in freed_pools.overwrite_pools()) == 4


@pytest.mark.parametrize("allocator", ["malloc", "debug"])
def test_without_pools_there_is_nothing_to_do(
    monkeypatch: pytest.MonkeyPatch, allocator: str
) -> None:
    """Where Python was told to keep no pools, or to overwrite them, no memory is taken."""
    monkeypatch.setenv("PYTHONMALLOC", allocator)
    assert list(freed_pools.overwrite_pools()) == []


def test_a_system_without_malloc_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the C library cannot be reached by name, the rest is overwritten all the same."""

    def no_library(_: object) -> object:
        raise OSError

    monkeypatch.setattr("ctypes.CDLL", no_library)
    assert list(freed_pools.overwrite_pools())
