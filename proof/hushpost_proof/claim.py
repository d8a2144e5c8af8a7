"""A claim that hushpost makes, and what trying to break it showed.

An experiment is real: it starts relays and clients, does its worst, and counts. It returns rows; it
never raises to say that a claim is broken. What it raises means that the experiment itself failed,
and that counts as broken too, since nothing was shown.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Half(StrEnum):
    """Which of the two promises a claim belongs to."""

    KEPT = "nothing kept"
    LOST = "nothing lost"


@dataclass(frozen=True, slots=True)
class Effort:
    """Where an experiment may write, its seed, and whether it has minutes or hours.

    `folder` is empty and the experiment's own. All randomness that steers the experiment comes from
    `seed`, so that a failure can be looked for again.
    """

    folder: Path
    seed: int
    is_long: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: what was tried, how often, what was found, and if the claim held.

    `found` carries the figures and their units. Where the experiment plants a control that must be
    found, `holds` is false when it was not.
    """

    tried: str
    times: int
    found: str
    holds: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim with the experiment that tries to break it.

    `seconds` is what the short effort takes on two idle cores: it divides the claims into shards.
    `needs_quiet` is for experiments that judge times: nothing else runs beside them.
    """

    name: str
    half: Half
    sentence: str
    seconds: int
    prove: Callable[[Effort], Awaitable[Sequence[Row]]]
    needs_quiet: bool = False
