"""Drops as rows (docs/spec/store.md, "Drops"). Functions for the connection's thread."""

from __future__ import annotations

import sqlite3
from typing import Final

from hushpost_store import errors
from hushpost_store.admission import DropState

USE_ONCE_SQL: Final = (
    "UPDATE mailbox_drop SET used_by = ?, life_end = ? WHERE slot = ? AND drop_hash = ?"
)
COUNT_KNOCK_SQL: Final = "UPDATE mailbox SET knock_day = ?, knocks = ? WHERE slot = ?"


def insert(
    connection: sqlite3.Connection, slot: int, drop_hash: bytes, drop: DropState, drops_max: int
) -> None:
    """Keep a drop. Raises DropsFull, also against registrations made at the same moment."""
    (held,) = connection.execute(
        "SELECT count(*) FROM mailbox_drop WHERE slot = ?", (slot,)
    ).fetchone()
    if held >= drops_max:
        raise errors.DropsFull("the mailbox has as many drops as it may: revoke one first")
    connection.execute(
        "INSERT OR IGNORE INTO mailbox_drop (slot, drop_hash, kind, life_end) VALUES (?, ?, ?, ?)",
        (slot, drop_hash, int(drop.kind), drop.life_end),
    )


def delete(connection: sqlite3.Connection, slot: int, drop_hash: bytes) -> None:
    """Remove a drop, if it is here."""
    connection.execute(
        "DELETE FROM mailbox_drop WHERE slot = ? AND drop_hash = ?", (slot, drop_hash)
    )
