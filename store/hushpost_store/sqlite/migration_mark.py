"""The mark of a database whose mail is moving to another store, or has moved there.

docs/spec/store.md, "Moving": mail must not be accepted in two places, so a marked database is not
opened for serving. The mark is an entry of `store_meta`, and goes wherever the database is copied.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from hushpost_store import errors
from hushpost_store.sqlite.onlooker import look_into

ENTRY: Final = "migration"
ID_BYTES: Final = 16


class MoveState(StrEnum):
    """How far a database's mail has moved."""

    GOING = "going"
    DONE = "done"
    ERASED = "erased"


@dataclass(frozen=True, slots=True)
class MigrationMark:
    """The mark; `migration_id` stands in the other store as well."""

    state: MoveState
    migration_id: bytes

    def encoded(self) -> bytes:
        """Return the value of the entry."""
        return self.migration_id + self.state.encode()

    @classmethod
    def decoded(cls, value: bytes) -> MigrationMark:
        """Read the value of the entry. Raises StoreDamaged."""
        try:
            return cls(MoveState(value[ID_BYTES:].decode("ascii")), value[:ID_BYTES])
        except ValueError:
            raise errors.StoreDamaged("the mark of a migration cannot be read") from None


def read_mark(path: Path) -> MigrationMark | None:
    """Return the mark of a database that may be in use; None where it has none. Raises StoreFault.

    A file that is no database of ours has none either: who opens it will say so.
    """
    with look_into(path) as look:
        tables = look.connection.execute(
            "SELECT count(*) FROM sqlite_master WHERE name = 'store_meta'"
        ).fetchone()
        return mark_in(look.connection) if tables == (1,) else None


def mark_in(connection: sqlite3.Connection) -> MigrationMark | None:
    """Return the mark of an open database."""
    found = connection.execute("SELECT value FROM store_meta WHERE name = ?", (ENTRY,)).fetchone()
    return None if found is None else MigrationMark.decoded(found[0])


def require_unmarked(connection: sqlite3.Connection) -> None:
    """Raise StoreMoved where the mail of an open database is, or may be, elsewhere."""
    mark = mark_in(connection)
    if mark is None:
        return
    if mark.state is MoveState.GOING:
        raise errors.StoreMoved(
            "its mail is on the way to Redis: run the same `hushpost-relay migrate` again to finish"
            " it, or the same with --undo to go back"
        )
    raise errors.StoreMoved(
        'its mail was moved to Redis: set store = "redis" and redis_url. Mail must not be accepted'
        " in two places; docs/operating.md, 'Moving from SQLite to Redis', says what ways back"
        " there are"
    )


def write_mark(connection: sqlite3.Connection, mark: MigrationMark | None) -> None:
    """Set the mark, or take it away; durable on return where `synchronous` is FULL."""
    if mark is None:
        connection.execute("DELETE FROM store_meta WHERE name = ?", (ENTRY,))
    else:
        connection.execute(
            "INSERT OR REPLACE INTO store_meta (name, value) VALUES (?, ?)",
            (ENTRY, mark.encoded()),
        )
