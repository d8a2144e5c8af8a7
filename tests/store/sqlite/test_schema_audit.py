"""Whatever is in a database and not declared is named."""

from __future__ import annotations

import sqlite3

import pytest
from hushpost_store.sqlite import inventory
from hushpost_store.sqlite.schema_audit import META_NAMES, declared_tables, undeclared


def test_a_database_as_it_is_made_holds_what_is_declared(connection: sqlite3.Connection) -> None:
    """A fresh database has no undeclared part, and the tables of its own buckets are known."""
    assert undeclared(connection) == ()
    names = {table.name for table in declared_tables(connection)}
    assert {"account", "envelope_4096", "envelope_16384"} <= names
    assert all(META_NAMES.values())


@pytest.mark.parametrize(
    ("planted", "name"),
    [
        ("CREATE TABLE visitor (address TEXT)", "table visitor"),
        ("CREATE TABLE envelope_x (sender BLOB)", "table envelope_x"),
        ("ALTER TABLE account ADD COLUMN phone TEXT", "column account.phone"),
        (
            "ALTER TABLE account ADD COLUMN day2 INTEGER AS (created_day) VIRTUAL",
            "column account.day2",
        ),
        ("CREATE INDEX by_day ON account (created_day)", "index by_day"),
        ("CREATE VIEW everyone AS SELECT * FROM account", "view everyone"),
        (
            "CREATE TRIGGER seen AFTER INSERT ON account BEGIN DELETE FROM mailbox; END",
            "trigger seen",
        ),
        ("INSERT INTO store_meta (name, value) VALUES ('owner', x'00')", "store_meta entry owner"),
        ("DROP INDEX one_time_prekey_expiry", None),
    ],
)
def test_each_planted_part_is_found(
    connection: sqlite3.Connection, planted: str, name: str | None
) -> None:
    """A table, column, index, view, trigger or entry that nobody declared is named."""
    connection.execute(planted)
    assert (undeclared(connection) != ()) == (name is not None)
    if name is not None:
        assert name in undeclared(connection)


def test_a_column_declared_otherwise_is_found(connection: sqlite3.Connection) -> None:
    """The type of a column is part of its declaration."""
    connection.execute("DROP TABLE expired_notice")
    create = inventory.EXPIRED.statements()[0].replace("envelopes INTEGER", "envelopes TEXT")
    connection.execute(create)
    assert undeclared(connection) == ("column expired_notice.envelopes",)
