"""Runs a target on mutations of its corpus, in plain Python.

What runs everywhere. Where there is a wheel of atheris, `coverage_driver` runs the same targets and
keeps what reaches new code; here some inputs are kept by chance.
"""

from __future__ import annotations

import random
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass

from tests.fuzz.mutation import mutated
from tests.fuzz.target import Target

# A mutation of a mutation of a real message goes further than one of the message alone.
KEPT_MAX = 400
# One input of a few kB; whatever takes longer can be used to stop a relay.
SECONDS_MAX = 2.0


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
    started = time.process_time()
    try:
        target.run(data)
    except Exception:  # noqa: BLE001 - whatever it raises is what is looked for
        return Finding(target.name, data, traceback.format_exc(limit=-8))
    taken = time.process_time() - started
    if taken > SECONDS_MAX:
        return Finding(target.name, data, f"took {taken:.1f} s")
    return None


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
