"""Survivors that are no defect of the tests, each with its reason, in `excused.toml`.

An entry names a mutant as the tool prints it. One that names none, or one that is killed, is stale
and an error: else the list would excuse what nobody looks at any more.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from pathlib import Path

FILE = Path(__file__).with_name("excused.toml")


def read(file: Path = FILE) -> dict[str, str]:
    """Give reasons by mutant; ValueError for an entry without a reason."""
    entries = tomllib.loads(file.read_text(encoding="utf-8")).get("excused", [])
    excuses = {str(entry["mutant"]): str(entry["reason"]).strip() for entry in entries}
    for mutant, reason in excuses.items():
        if not reason:
            raise ValueError(f"{mutant}: an excuse needs a reason")
    return excuses


def stale(
    excuses: Collection[str],
    known: Collection[str],
    survived: Collection[str],
    tried: Collection[str],
) -> list[str]:
    """Give the excuses that excuse nothing; of mutants that were not tried, only vanished ones.

    `known` are all mutants of the modules that were looked at, by name.
    """
    modules = {name.partition(" ")[0] for name in known}
    ours = [name for name in excuses if name.partition(" ")[0] in modules]
    return [name for name in ours if name not in known or (name in tried and name not in survived)]
