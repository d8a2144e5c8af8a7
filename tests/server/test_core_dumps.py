"""Tests of hushpost_server.core_dumps, in processes that really crash."""

from __future__ import annotations

import ctypes
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hushpost_server.core_dumps import CORE_BYTES_MAX, forbid_core_dumps

_UNLIMITED = "import resource; resource.setrlimit(resource.RLIMIT_CORE, (-1, -1))"
_FORBID = "from hushpost_server.core_dumps import forbid_core_dumps; assert forbid_core_dumps()"


def dumps_core(folder: Path, code: str) -> bool:
    """Say whether a process that runs `code` and then aborts leaves a core dump anywhere."""
    process = subprocess.Popen(
        [sys.executable, "-c", f"{code}; import os; os.abort()"], cwd=folder, env=dict(os.environ)
    )
    _, status = os.waitpid(process.pid, 0)
    process.returncode = -os.WTERMSIG(status)
    return os.WCOREDUMP(status) or any(folder.iterdir())


def test_a_crash_leaves_no_core_dump(tmp_path: Path, require: Callable[[bool, str], None]) -> None:
    """A process that may dump does when it aborts, and does not after the prohibition."""
    for name in ("control", "relay"):
        (tmp_path / name).mkdir()
    may = resource.getrlimit(resource.RLIMIT_CORE)[1] == resource.RLIM_INFINITY
    require(may, "a control that dumps core needs an unlimited hard limit (ulimit -Hc unlimited)")
    require(dumps_core(tmp_path / "control", _UNLIMITED), "this system dumps no core at all")
    assert not dumps_core(tmp_path / "relay", f"{_UNLIMITED}; {_FORBID}")


def test_the_limit_is_one_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    """Soft and hard limit are one byte, which programs in core_pattern do not get past either."""
    asked: list[tuple[int, int]] = []

    def note(_what: int, limits: tuple[int, int]) -> None:
        asked.append(limits)

    monkeypatch.setattr(resource, "setrlimit", note)
    assert forbid_core_dumps()
    assert asked == [(CORE_BYTES_MAX, CORE_BYTES_MAX)]


def test_where_the_limit_is_zero_for_good_the_process_is_marked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who may not set the limit is marked undumpable, and elsewhere zero is enough."""

    def refuse(_what: int, _limits: tuple[int, int]) -> None:
        raise ValueError("not allowed to raise maximum limit")

    monkeypatch.setattr(resource, "setrlimit", refuse)
    marked: list[int] = []

    def library(_name: str | None) -> _Library:
        return _Library(marked)

    monkeypatch.setattr(ctypes, "CDLL", library)
    monkeypatch.setattr(sys, "platform", "linux")
    assert forbid_core_dumps()
    assert marked == [4]
    monkeypatch.setattr(sys, "platform", "darwin")
    assert forbid_core_dumps()
    monkeypatch.setattr(sys, "platform", "win32")
    assert not forbid_core_dumps()
    assert marked == [4]


class _Library:
    def __init__(self, marked: list[int]) -> None:
        self._marked = marked

    def prctl(self, option: int, *_rest: int) -> int:
        """Note the option."""
        self._marked.append(option)
        return 0
