"""Versions of the database and the way from one to the next (docs/spec/store.md, "Schema").

A migration is one transaction: a crash within leaves the version before. A database of a newer
version, or of another program, is refused and not touched.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from hushpost_store import errors
from hushpost_store.sqlite import inventory, row_digest

# "hush" in ASCII: tells our files from other programs' (SQLite's application_id).
APPLICATION_ID: Final = 0x68757368
GENERATION_BYTES: Final = 16


def _nothing(_: int) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Migration:
    """The statements that lead to `version` from the one before; `of_bucket` for each bucket's."""

    version: int
    statements: tuple[str, ...]
    of_bucket: Callable[[int], tuple[str, ...]] = _nothing


# What a new database gets at once.
LAYOUT: Final = Migration(2, tuple(sql for table in inventory.TABLES for sql in table.statements()))
MIGRATIONS: Final = (
    # Digests of rows, taken of what is there: what was damaged before cannot be told.
    Migration(
        2,
        tuple(sql for table in inventory.TABLES for sql in table.to_version_2()),
        lambda bucket: inventory.envelope_table(bucket).to_version_2(),
    ),
)


def migrate(
    connection: sqlite3.Connection,
    bucket_sizes: Sequence[int],
    migrations: Sequence[Migration] = MIGRATIONS,
) -> None:
    """Bring the database to the newest version, with a table for every bucket.

    Raises StoreNewer, StoreDamaged.
    """
    version = _version(connection)
    newest = migrations[-1].version
    if version > newest:
        raise errors.StoreNewer(
            f"the database has schema version {version}, this hushpost knows up to {newest}: "
            "upgrade hushpost, or restore a backup that this version made"
        )
    if not row_digest.is_installed(connection):
        row_digest.install(connection, row_digest.Damage())
    if version == 0:
        _apply(connection, LAYOUT)
        version = LAYOUT.version
    for migration in migrations:
        if migration.version > version:
            _apply(connection, migration)
    present = envelope_buckets(connection)
    missing = [bucket for bucket in bucket_sizes if bucket not in present]
    if missing:
        _create_buckets(connection, missing)


def envelope_buckets(connection: sqlite3.Connection) -> tuple[int, ...]:
    """Return the buckets that have a table, smallest first."""
    prefix = inventory.ENVELOPE_TABLE_PREFIX
    names = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB ?", (f"{prefix}*",)
    )
    sizes = (name.removeprefix(prefix) for (name,) in names)
    return tuple(sorted(int(size) for size in sizes if size.isdecimal()))


def _version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application != APPLICATION_ID and (tables or version or application):
        raise errors.StoreDamaged("the file is a database of another program: name another file")
    if tables and not version:
        raise errors.StoreDamaged("the database has tables and no version")
    return int(version)


def _apply(connection: sqlite3.Connection, migration: Migration) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in migration.statements:
            connection.execute(statement)
        for bucket in envelope_buckets(connection):
            for statement in migration.of_bucket(bucket):
                connection.execute(statement)
        if migration is LAYOUT:
            renew_generation(connection)
        # PRAGMA takes no parameters; both are our own integers. Both are part of the transaction.
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {migration.version}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def renew_generation(connection: sqlite3.Connection) -> None:
    """Draw a new generation: the store is new, or came back from a backup."""
    connection.execute(
        "INSERT OR REPLACE INTO store_meta (name, value) VALUES ('generation', ?)",
        (secrets.token_bytes(GENERATION_BYTES),),
    )


def _create_buckets(connection: sqlite3.Connection, buckets: Sequence[int]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        for bucket in buckets:
            for statement in inventory.envelope_table(bucket).statements():
                connection.execute(statement)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
