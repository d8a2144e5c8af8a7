"""What is counted when a store opens, so that figures need no query later."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hushpost_store import errors
from hushpost_store.sqlite.inventory import ENVELOPE_TABLE_PREFIX, META


@dataclass(slots=True)
class Census:
    """Sums over the whole store; bytes are those of the buckets, as stored."""

    generation: bytes = b""
    accounts: int = 0
    queued_envelopes: int = 0
    queued_bytes: int = 0


def take_census(connection: sqlite3.Connection, buckets: Sequence[int]) -> Census:
    """Count by the indexes alone: no envelope is read. Raises StoreDamaged."""
    found = connection.execute(
        f"SELECT value, {META.intact()} FROM store_meta WHERE name = 'generation'"  # noqa: S608 - names of ours
    ).fetchone()
    if found is None or not found[1]:
        raise errors.StoreDamaged("the generation of the store is damaged: a repair draws another")
    generation = found[0]
    (accounts,) = connection.execute("SELECT count(*) FROM account").fetchone()
    census = Census(generation, accounts)
    for bucket in buckets:
        (rows,) = connection.execute(
            f"SELECT count(*) FROM {ENVELOPE_TABLE_PREFIX}{bucket}"  # noqa: S608 - names of ours
        ).fetchone()
        census.queued_envelopes += rows
        census.queued_bytes += rows * bucket
    return census


def file_bytes(path: Path) -> int:
    """Return the size of a file of the store; 0 where it is not there."""
    try:
        return path.stat().st_size
    except OSError:
        return 0
