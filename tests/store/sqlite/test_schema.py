"""Migrations: one transaction each, from the declaration."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hushpost_store.sqlite import inventory, schema


def test_every_stored_column_is_declared() -> None:
    """The database has the declared tables and columns and no others, each with its purpose."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        schema.migrate(connection, (4096, 16384))
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        stored = {
            name: [row[1] for row in connection.execute(f"PRAGMA table_info({name})")]
            for (name,) in names.fetchall()
        }
    tables = [*inventory.TABLES, *map(inventory.envelope_table, (4096, 16384))]
    assert stored == {table.name: [c.name for c in table.columns] for table in tables}
    assert all(c.purpose and c.retention for table in tables for c in table.columns)


def test_a_migration_that_breaks_off_leaves_the_version_before(tmp_path: Path) -> None:
    """A failing statement undoes its whole migration, and the same database can go on later."""
    second = schema.Migration(2, ("CREATE TABLE extra (x)", "INSERT INTO missing VALUES (1)"))
    mended = schema.Migration(2, ("CREATE TABLE extra (x)",))
    with closing(sqlite3.connect(tmp_path / "a.db", isolation_level=None)) as connection:
        schema.migrate(connection, (4096,))
        with pytest.raises(sqlite3.OperationalError, match="missing"):
            schema.migrate(connection, (4096,), (*schema.MIGRATIONS, second))
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        assert (
            connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'extra'").fetchone()
            is None
        )
        schema.migrate(connection, (4096,), (*schema.MIGRATIONS, mended))
        assert connection.execute("PRAGMA user_version").fetchone() == (2,)
