"""Tests of overwriting what is freed."""

import ctypes
import subprocess
import sys
from types import SimpleNamespace

import pytest
from hushpost_server.freed_memory import overwrite_freed_memory

# Takes a block from the C library, fills it, frees it, and looks at what stands there now.
_PROGRAM = """
import ctypes, sys
from hushpost_server.freed_memory import overwrite_freed_memory
wanted = sys.argv[1] == "overwrite"
if wanted:
    assert overwrite_freed_memory()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = (ctypes.c_void_p,)
blocks = [libc.malloc(4096) for _ in range(3)]
for block in blocks:
    ctypes.memset(block, 0x41, 4096)
libc.free(blocks[1])
print(ctypes.string_at(blocks[1], 4096).count(0x41))
"""


def _letters_left(choice: str) -> int:
    run = subprocess.run(
        [sys.executable, "-c", _PROGRAM, choice], capture_output=True, text=True, check=True
    )
    return int(run.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a setting of Linux's C library")
def test_what_is_freed_is_overwritten() -> None:
    """A freed block keeps its bytes, and with the setting none of them."""
    assert _letters_left("leave") > 4000
    assert _letters_left("overwrite") < 50


@pytest.mark.parametrize("answer", [0, 1])
def test_it_says_whether_the_system_agreed(monkeypatch: pytest.MonkeyPatch, answer: int) -> None:
    """What the C library answers is what the caller is told."""

    def mallopt(parameter: int, value: int) -> int:
        assert (parameter, 0 < value < 256) == (-6, True)
        return answer

    def library(_name: str | None) -> SimpleNamespace:
        return SimpleNamespace(mallopt=mallopt)

    monkeypatch.setattr(ctypes, "CDLL", library)
    assert overwrite_freed_memory() is bool(answer)


def test_another_system_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the C library has no such setting, the answer is no."""

    def library(_name: str | None) -> SimpleNamespace:
        return SimpleNamespace()

    monkeypatch.setattr(ctypes, "CDLL", library)
    assert not overwrite_freed_memory()
