"""Tests of overwriting freed small objects: another process's memory is searched, not one's own."""

import json
import re
import subprocess
import sys
from collections import Counter

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
# Overwrites again and again, while other objects of all sizes are made and a few of them stay.
_BUSY_PROGRAM = """
import json, random
import psutil
from hushpost_server.freed_pools import overwrite_pools
random.seed(1)
junk = [str(i) * (1 + i % 20) for i in range(60_000)]
stays = junk[::7]
del junk
taken = []
for _ in range(10):
    meanwhile = []
    for _ in overwrite_pools():
        meanwhile.append([bytes(random.randint(1, 400)) for _ in range(20)])
        if len(meanwhile) > 100:
            meanwhile.pop(random.randrange(100))
    stays += meanwhile[::10]
    del meanwhile
    taken.append(psutil.Process().memory_info().rss / (1 << 20))
print(json.dumps([taken[0], taken[-1]]))
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

    def never(_taken: Counter[int], _size: int) -> bool:
        return False

    monkeypatch.setattr(freed_pools, "_HELD_BYTES_MAX", 1_000_000)
    monkeypatch.setattr(freed_pools, "_COURSE", ((512, never, 1), (272, never, 1)))
    assert sum(1 for _ in freed_pools.overwrite_pools()) == 3


def test_work_between_the_steps_keeps_no_memory_from_being_returned() -> None:
    """What others make meanwhile neither keeps a pool from being filled nor holds an arena each."""
    told = subprocess.run(
        [sys.executable, "-c", _BUSY_PROGRAM], capture_output=True, text=True, check=True
    )
    first, last = json.loads(told.stdout)
    assert last - first < 6, "MiB more after nine rounds"


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
