"""Migrations: one transaction each, from the declaration."""

from __future__ import annotations

import gzip
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hushpost_store.sqlite import inventory, schema
from hushpost_store.sqlite.examination import examine
from hushpost_store.sqlite.schema_audit import undeclared

OLD = "data/schema_1.db.gz"


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
    second = schema.Migration(3, ("CREATE TABLE extra (x)", "INSERT INTO missing VALUES (1)"))
    mended = schema.Migration(3, ("CREATE TABLE extra (x)",))
    with closing(sqlite3.connect(tmp_path / "a.db", isolation_level=None)) as connection:
        schema.migrate(connection, (4096,))
        with pytest.raises(sqlite3.OperationalError, match="missing"):
            schema.migrate(connection, (4096,), (*schema.MIGRATIONS, second))
        assert connection.execute("PRAGMA user_version").fetchone() == (2,)
        assert (
            connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'extra'").fetchone()
            is None
        )
        schema.migrate(connection, (4096,), (*schema.MIGRATIONS, mended))
        assert connection.execute("PRAGMA user_version").fetchone() == (3,)


def test_a_database_of_version_1_is_brought_to_the_present_one(tmp_path: Path) -> None:
    """A kept file of the first version opens: every row is there, has its digest, and the layout.

    It holds two accounts, each kind of drop, prekeys (one taken) and five envelopes.
    """
    path = tmp_path / "old.db"
    path.write_bytes(gzip.decompress((Path(__file__).parents[1] / OLD).read_bytes()))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        before = _counts(connection)
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        schema.migrate(connection, (4096, 16384))
        assert connection.execute("PRAGMA user_version").fetchone() == (2,)
        assert _counts(connection) == before
        assert before["envelope_4096"] == 5
        assert undeclared(connection) == ()
        assert examine(connection) == ()
        connection.execute("UPDATE mailbox SET knocks = 7")
        assert examine(connection) == ()


def _counts(connection: sqlite3.Connection) -> dict[str, int]:
    names = [table.name for table in (*inventory.TABLES, inventory.envelope_table(4096))]
    count = "SELECT count(*) FROM "
    return {name: connection.execute(count + name).fetchone()[0] for name in names}
