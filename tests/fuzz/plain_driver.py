"""Runs a target on mutations of its corpus, in plain Python.

What runs everywhere. Where there is a wheel of atheris, `coverage_driver` runs the same targets and
keeps what reaches new code; here some inputs are kept by chance.
"""

from __future__ import annotations

import random
import resource
import signal
import time
import traceback
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from tests.fuzz.mutation import mutated
from tests.fuzz.target import Target

# A mutation of a mutation of a real message goes further than one of the message alone.
KEPT_MAX = 400
# One input of a few kB; whatever takes longer, or more memory, can be used to stop a relay.
SECONDS_MAX = 2.0
MEMORY_BYTES_MAX = 1 << 30


class _TakesTooLongError(BaseException):
    """Ends an input in the middle; no target's own `except Exception` keeps it."""


@dataclass(frozen=True)
class Finding:
    """An input on which a target raised, or took too long, and what it said."""

    target: str
    data: bytes
    what: str


@dataclass(frozen=True)
class Outcome:
    """How many inputs were tried, and the first finding."""

    executions: int
    finding: Finding | None


def try_input(target: Target, data: bytes) -> Finding | None:
    """Run one input."""
    try:
        with _ended_after(SECONDS_MAX):
            target.run(data)
    except (Exception, _TakesTooLongError):  # noqa: BLE001 - whatever comes is what is looked for
        return Finding(target.name, data, traceback.format_exc(limit=-8))
    return None


@contextmanager
def _ended_after(seconds: float) -> Generator[None]:
    """Interrupt what takes more processor time: a loop without end would never be reported."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise _TakesTooLongError(f"took more than {seconds} s of processor time")

    before = signal.signal(signal.SIGPROF, interrupt)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def bound_memory() -> None:
    """Let this process take so much more memory: what wants more raises MemoryError and is found.

    For a process that only fuzzes; without it the machine's memory would be the bound.
    """
    with open("/proc/self/statm", encoding="ascii") as sizes:
        mapped = int(sizes.read().split()[0]) * resource.getpagesize()
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (mapped + MEMORY_BYTES_MAX, hard))


def fuzz(
    target: Target,
    corpus: Sequence[bytes],
    *,
    seed: int,
    seconds: float = float("inf"),
    executions: float = float("inf"),
) -> Outcome:
    """Try the corpus and then mutations of it, until one of the bounds or a finding."""
    chance = random.Random(seed)
    inputs = list(corpus)
    ends = time.monotonic() + seconds
    tried = 0
    while tried < executions and time.monotonic() < ends:
        fresh = tried >= len(corpus)
        data = (
            mutated(chance.choice(inputs), inputs, chance, text=target.text)
            if fresh
            else corpus[tried]
        )
        tried += 1
        finding = try_input(target, data)
        if finding is not None:
            return Outcome(tried, finding)
        if fresh and chance.random() < 0.02:
            inputs.append(data)
            if len(inputs) > KEPT_MAX:
                del inputs[len(corpus) + chance.randrange(KEPT_MAX - len(corpus))]
    return Outcome(tried, None)
