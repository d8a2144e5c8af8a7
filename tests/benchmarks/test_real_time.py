"""Real-time priority: taken by a process of its own, so that the tests keep theirs."""

import subprocess
import sys
from collections.abc import Callable
from time import perf_counter

import pytest

from benchmarks import real_time

Require = Callable[[bool, str], None]

ENTER = """
from benchmarks import real_time
from benchmarks.errors import MachineUnfit
import subprocess, sys
before = real_time.entered()
try:
    real_time.enter()
except MachineUnfit:
    print("refused", real_time.entered())
else:
    child = "from benchmarks import real_time; print(real_time.entered())"
    inherited = subprocess.run([sys.executable, "-c", child], capture_output=True, text=True)
    print(before, real_time.entered(), inherited.stdout.strip())
"""


@pytest.mark.serial
def test_a_process_and_its_children_enter_or_are_told_that_they_may_not(require: Require) -> None:
    """Entering changes this process and what it starts; a refusal changes nothing."""
    require(sys.platform == "linux", "real-time priority is Linux's")
    done = subprocess.run(
        [sys.executable, "-c", ENTER], check=True, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() in {"False True True", "refused False"}


def test_a_pause_rests_at_least_as_long_as_it_says() -> None:
    """What polls leaves its core for the time that keeps it under the kernel's bound."""
    began = perf_counter()
    real_time.pause()
    assert perf_counter() - began >= real_time.PAUSE_SECONDS
