"""Looking through a whole database for damage (docs/spec/store.md, "Damage").

A row that is read is checked where it is read. What is not read, or cannot be found because the
damage is in its key, shows only here: SQLite's own check of the file, the schema against the
declaration, every row against its digest, and the rows that must have each other.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Final

from hushpost_store import errors
from hushpost_store.sqlite.inventory import ENVELOPE_TABLE_PREFIX, Owner, Table
from hushpost_store.sqlite.row_digest import Damage, Finding, install
from hushpost_store.sqlite.schema_audit import declared_tables, missing, undeclared

# Enough to see what is wrong; a file whose middle is gone has thousands.
FINDINGS_MAX: Final = 100
_PAIRS: Final = (
    # A row of the left table without its partner in the right one.
    ("device", "slot", "mailbox", "slot", "a device without its mailbox"),
    ("device", "account_id", "account", "account_id", "a device of no account"),
    ("account", "account_id", "device_list", "account_id", "an account without its device list"),
)


def examine(connection: sqlite3.Connection, *, envelopes: bool = True) -> tuple[Finding, ...]:
    """Return what is wrong with a database of the present version; empty: nothing.

    Reads all of it: a second a gigabyte, about; without `envelopes` their rows are not looked at
    one by one. Raises no error for damage, however bad.
    """
    try:
        return tuple(_examine(connection, envelopes=envelopes))
    except sqlite3.DatabaseError as error:
        name = getattr(error, "sqlite_errorname", "") or "SQLITE_ERROR"
        return (Finding("", f"the file cannot be read to its end ({name})"),)


def require_sound(connection: sqlite3.Connection, damage: Damage, *, envelopes: bool) -> None:
    """Look through a database before anything is served from it, or deleted by what it says.

    Damaged rows are counted in `damage`, and are not served. Raises StoreDamaged for a file that is
    damaged as such, and SQLite's error for one that may not be written.
    """
    findings = examine(connection, envelopes=envelopes)
    for finding in findings:
        if not finding.table:
            raise errors.StoreDamaged(finding.sentence)
    damage.found(findings)
    # SQLite says it now, and not with the first envelope.
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("UPDATE store_meta SET value = value")
    connection.execute("ROLLBACK")


def _examine(connection: sqlite3.Connection, *, envelopes: bool) -> Iterator[Finding]:
    broken = connection.execute(f"PRAGMA integrity_check({FINDINGS_MAX})").fetchall()
    if broken != [("ok",)]:
        yield Finding("", f"SQLite finds {len(broken)} faults in the file, first: {broken[0][0]}")
    odd = (*undeclared(connection), *missing(connection))
    if odd:
        yield Finding("", f"the schema is not what hushpost made: {', '.join(odd)}")
        return
    for table in declared_tables(connection):
        if envelopes or table.owner is not Owner.ENVELOPE:
            damaged = _damaged_rows(connection, table)
            if damaged:
                yield Finding(table.name, "rows are not what was written", damaged)
    for left, key, right, name, sentence in _PAIRS:
        alone = connection.execute(
            f"SELECT count(*) FROM {left} WHERE {key} NOT IN (SELECT {name} FROM {right})"  # noqa: S608 - names of ours
        ).fetchone()[0]
        if alone:
            yield Finding(left, sentence, alone, is_about_rows=False)


def damaged_condition(table: Table) -> str:
    """Return the condition under which a row is not what was written. Each such row is noted."""
    if table.is_digested:
        return f"NOT {table.intact()}"
    columns = ", ".join(column.name for column in table.columns[:-1])
    bucket = int(table.name.removeprefix(ENVELOPE_TABLE_PREFIX))
    return f"digest <> envelope_digest({columns}) AND envelope_damaged({bucket}, id) IS NULL"


def _damaged_rows(connection: sqlite3.Connection, table: Table) -> int:
    return int(
        connection.execute(
            f"SELECT count(*) FROM {table.name} WHERE {damaged_condition(table)}"  # noqa: S608 - names of ours
        ).fetchone()[0]
    )


def prepare(connection: sqlite3.Connection) -> None:
    """Give a connection that only looks the functions that looking needs."""
    install(connection, Damage())
