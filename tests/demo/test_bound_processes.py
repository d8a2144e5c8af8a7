"""A process that is bound to another one does not outlive it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest
from hushpost_demo import bound_processes
from hushpost_demo.bound_processes import bound

from tests.conftest import require_or_skip

STARTER = """
import subprocess, sys, time
from hushpost_demo.bound_processes import bound
before = bound() if sys.argv[1] == "bound" else ()
print(subprocess.Popen([*before, "sleep", "30"]).pid, flush=True)
time.sleep(30)
"""


@pytest.mark.parametrize(("how", "outlives"), [("bound", False), ("free", True)])
def test_it_ends_with_whoever_started_it(how: str, outlives: bool) -> None:
    """Signal 9 leaves nobody to end it, and it ends; a process that is not bound goes on."""
    require_or_skip(bool(bound()), "setpriv is not installed: apt-get install util-linux")
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, how], stdout=subprocess.PIPE, text=True
    )
    assert starter.stdout is not None
    pid = int(starter.stdout.readline())
    # It was bound before it became the command.
    assert until(lambda: command_of(pid).startswith("sleep"))
    starter.kill()
    starter.wait()
    starter.stdout.close()
    ended = until(lambda: not command_of(pid), seconds=0.2 if outlives else 10.0)
    if not ended:
        os.kill(pid, signal.SIGKILL)
    assert ended is not outlives


def test_without_the_tool_nothing_stands_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that has none starts the command as it is."""
    monkeypatch.setenv("PATH", "")
    bound_processes.bound.cache_clear()
    assert bound() == ()
    bound_processes.bound.cache_clear()


def command_of(pid: int) -> str:
    """Return the command line of a process; empty where it has ended."""
    try:
        with open(f"/proc/{pid}/cmdline", encoding="ascii") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def until(holds: Callable[[], bool], *, seconds: float = 10.0) -> bool:
    """Wait for it; False where it does not come."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True
