"""Every row is produced for the one account that it belongs to."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from hushpost_store import errors
from hushpost_store.conformance import digest
from hushpost_store.sqlite.inventory import Owner
from hushpost_store.sqlite.owned_rows import OwnedRows, owned_rows, ownerless
from hushpost_store.sqlite.schema_audit import declared_tables

from tests.store.sqlite.full_store import NAMES, full_store, markers


@pytest.fixture
async def full(tmp_path: Path) -> sqlite3.Connection:
    """Give a connection to a closed store with rows of every kind."""
    async with full_store(tmp_path / "relay.db"):
        pass
    return sqlite3.connect(tmp_path / "relay.db", isolation_level=None)


def raw_rows(connection: sqlite3.Connection) -> Counter[tuple[object, ...]]:
    """Read every row of every table that SQLite knows, whatever is declared."""
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    return Counter(
        (name, *row) for (name,) in names for row in connection.execute(f"SELECT * FROM {name}")
    )


def produced_rows(produced: tuple[OwnedRows, ...]) -> Counter[tuple[object, ...]]:
    """Return the same of what was produced for one account."""
    return Counter((part.table.name, *row.values()) for part in produced for row in part.rows)


async def test_every_row_is_produced_once_for_its_owner(full: sqlite3.Connection) -> None:
    """All accounts' rows and those of the database itself are all the rows there are."""
    with closing(full) as connection:
        left = raw_rows(connection)
        for name in NAMES:
            produced = owned_rows(connection, digest(name))
            assert all(part.rows for part in produced), "the store lacks a kind of row"
            rows = produced_rows(produced)
            others = [marker for other in NAMES if other != name for marker in markers(other)]
            for row in rows:
                cells = [cell for cell in row if isinstance(cell, bytes)]
                assert not any(marker in cell for marker in others for cell in cells)
            assert rows <= left
            left -= rows
        assert {row[0] for row in left} == {"store_meta"}
        assert ownerless(connection) == {}


async def test_an_unknown_account_has_no_rows(full: sqlite3.Connection) -> None:
    """Nothing is produced for an id that is not here."""
    with closing(full) as connection:
        assert not any(part.rows for part in owned_rows(connection, digest("mallory")))


@pytest.mark.parametrize(
    ("planted", "name"),
    [
        ("CREATE TABLE visitor (address TEXT)", "table visitor"),
        ("ALTER TABLE account ADD COLUMN phone TEXT", "column account.phone"),
    ],
)
async def test_a_database_with_undeclared_parts_is_refused(
    full: sqlite3.Connection, planted: str, name: str
) -> None:
    """Of a table that nobody declared, nobody can say whose rows it holds."""
    with closing(full) as connection:
        connection.execute(planted)
        with pytest.raises(errors.StoreDamaged, match=name):
            owned_rows(connection, digest("bob"))


@pytest.mark.parametrize(
    ("planted", "table"),
    [
        ("DELETE FROM device WHERE account_id = :bob", "mailbox_drop"),
        ("DELETE FROM device WHERE account_id = :bob", "envelope_4096"),
        ("DELETE FROM account WHERE account_id = :bob", "one_time_prekey"),
        ("DELETE FROM account WHERE account_id = :bob", "mailbox"),
    ],
)
async def test_rows_of_a_broken_off_deletion_are_counted(
    full: sqlite3.Connection, planted: str, table: str
) -> None:
    """Rows that lead to no account are not passed over in silence."""
    with closing(full) as connection:
        connection.execute(planted, {"bob": digest("bob")})
        assert ownerless(connection)[table] > 0


async def test_every_declared_table_says_whose_its_rows_are(full: sqlite3.Connection) -> None:
    """Only what describes the database itself belongs to nobody."""
    with closing(full) as connection:
        tables = declared_tables(connection)
    assert {t.name for t in tables if t.owner is Owner.NOBODY} == {"store_meta"}
