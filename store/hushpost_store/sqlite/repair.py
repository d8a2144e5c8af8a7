"""Taking damaged rows out of a database that nobody has open (docs/spec/store.md, "Damage").

What clients bring again by themselves is removed where it is damaged: envelopes, prekeys, drops,
notices. The database gets a new generation, so that every owner that logs in settles its drops,
lists and prekeys. An envelope whose drop is still known is counted as never fetched: its owner
learns through which drop, and can ask that contact to send again. Accounts, devices and mailboxes
cannot be made from nothing: where their rows are damaged, a backup is what helps.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hushpost_store import errors
from hushpost_store.sqlite import inventory, schema, sweeper
from hushpost_store.sqlite.database import FileLock, fault, lock_of
from hushpost_store.sqlite.examination import damaged_condition, examine, prepare
from hushpost_store.sqlite.inventory import Table
from hushpost_store.sqlite.migration_mark import require_unmarked
from hushpost_store.sqlite.row_digest import rest_is_intact

REMOVABLE: Final = (
    inventory.DROP,
    inventory.EXPIRED,
    inventory.ONE_TIME_PREKEY,
    inventory.STANDING_RECORD,
)


@dataclass(frozen=True, slots=True)
class Repaired:
    """How many rows of each table were removed, and of how many envelopes the owners are told."""

    removed: dict[str, int]
    told: int


def repair(path: Path, tolerated: Sequence[Table] = ()) -> Repaired:
    """Remove the damaged rows that may be removed, in one transaction; durable on return.

    Damaged rows of `tolerated` tables stay as they are. Raises StoreInUse (a relay runs),
    StoreDamaged (what is damaged cannot be removed), StoreMoved.
    """
    lock = FileLock(lock_of(path))
    lock.take()
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("PRAGMA synchronous = FULL")
            prepare(connection)
            _require_sound_file(connection, tolerated)
            require_unmarked(connection)
            connection.execute("BEGIN IMMEDIATE")
            repaired = _remove(connection)
            schema.renew_generation(connection)
            connection.execute("COMMIT")
            return repaired
    except sqlite3.Error as error:
        raise fault(error) from error
    finally:
        lock.release()


def _require_sound_file(connection: sqlite3.Connection, tolerated: Sequence[Table]) -> None:
    for finding in examine(connection, envelopes=False):
        removable = {table.name for table in (*REMOVABLE, inventory.META, *tolerated)}
        if finding.table not in removable:
            raise errors.StoreDamaged(
                f"{finding.table or 'the file'}: {finding.sentence}; no repair makes that again,"
                " restore a backup"
            )


def _remove(connection: sqlite3.Connection) -> Repaired:
    removed: dict[str, int] = {}
    for table in REMOVABLE:
        condition = damaged_condition(table)
        removed[table.name] = connection.execute(
            f"DELETE FROM {table.name} WHERE {condition}"  # noqa: S608 - names of ours
        ).rowcount
    told = 0
    for bucket in schema.envelope_buckets(connection):
        table = inventory.envelope_table(bucket)
        count, known = _remove_envelopes(connection, table, bucket)
        removed[table.name] = count
        told += known
    return Repaired({name: count for name, count in removed.items() if count}, told)


def _remove_envelopes(connection: sqlite3.Connection, table: Table, bucket: int) -> tuple[int, int]:
    rows = connection.execute(
        "SELECT id, not_after, envelope_id, drop_ref, envelope_bytes, digest"  # noqa: S608 - names of ours
        f" FROM {table.name} WHERE {damaged_condition(table)}"
    ).fetchall()
    connection.executemany(
        f"DELETE FROM {table.name} WHERE id = ?",  # noqa: S608 - names of ours
        [(row[0],) for row in rows],
    )
    known: Sequence[tuple[int, bytes]] = [
        (row[0], row[3]) for row in rows if rest_is_intact(row[5], *row[:5])
    ]
    told = sweeper.note_lost(connection, list(known), bucket)
    return len(rows), len([one for one in told if one.route])
