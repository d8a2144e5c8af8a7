"""Survivors that are no defect of the tests, each with its kind and reason, in `excused.toml`.

An entry names a mutant as the tool prints it. One that names none, or one that is killed, is stale
and an error: else the list would excuse what nobody looks at any more.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

FILE = Path(__file__).with_name("excused.toml")
# The mutant does what the module does; it does the same, only later; what it changes is not
# reached, or not read, before something else decides.
KINDS: Final = ("equal", "slower", "unreached")


@dataclass(frozen=True, slots=True)
class Excuse:
    """Why a mutant may live."""

    kind: str
    reason: str


class Looked(Protocol):
    """What a run looked at: all mutants of its modules, those that it tried, and what lived."""

    known: set[str]
    tried: set[str]
    survived: list[str]


def read(file: Path = FILE) -> dict[str, Excuse]:
    """Give excuses by mutant; ValueError for one without a reason or of no kind, or a second."""
    excuses: dict[str, Excuse] = {}
    for entry in tomllib.loads(file.read_text(encoding="utf-8")).get("excused", []):
        mutant = str(entry["mutant"])
        excuse = Excuse(str(entry.get("kind", "")), str(entry.get("reason", "")).strip())
        if not excuse.reason:
            raise ValueError(f"{mutant}: an excuse needs a reason")
        if excuse.kind not in KINDS:
            raise ValueError(f"{mutant}: an excuse is of one kind of {', '.join(KINDS)}")
        if mutant in excuses:
            raise ValueError(f"{mutant}: excused twice")
        excuses[mutant] = excuse
    return excuses


def stale(excuses: Collection[str], modules: Collection[str], looked: Looked) -> list[str]:
    """Give the excuses that excuse nothing; of mutants that were not tried, only vanished ones.

    `modules` are all that there are: what names another one is stale whatever was looked at.
    """
    ours = {name.partition(" ")[0] for name in looked.known}

    def is_stale(name: str) -> bool:
        module = name.partition(" ")[0]
        if module not in ours:
            return module not in modules
        killed = name in looked.tried and name not in looked.survived
        return name not in looked.known or killed

    return [name for name in excuses if is_stale(name)]
