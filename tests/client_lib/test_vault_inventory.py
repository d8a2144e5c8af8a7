"""Tests of hushpost.vault_inventory: it makes the file."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from hushpost import vault_schema
from hushpost.vault_inventory import TABLES


def shape(connection: sqlite3.Connection) -> dict[str, list[str]]:
    """Return the tables with their columns, and the indexes."""
    entries = connection.execute("SELECT type, name FROM sqlite_master").fetchall()
    return {
        name: [row[1] for row in connection.execute(f"PRAGMA table_xinfo({name})")]
        for kind, name in entries
        if kind in {"table", "view", "trigger"}
    }


def test_a_vault_has_the_declared_columns_and_no_others() -> None:
    """The file is made from the declaration; a planted column is seen."""
    declared = {table.name: [column.name for column in table.columns] for table in TABLES}
    with closing(sqlite3.connect(":memory:")) as connection:
        vault_schema.initialise(connection)
        assert shape(connection) == declared
        connection.execute("ALTER TABLE directory ADD COLUMN name TEXT")
        assert shape(connection) != declared


def test_every_column_says_what_for_and_until_when() -> None:
    """No column is without purpose and end."""
    for table in TABLES:
        assert all(column.purpose and column.retention for column in table.columns)
