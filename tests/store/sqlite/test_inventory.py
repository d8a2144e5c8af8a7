"""The declaration of what is stored."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from hushpost_store.policy_clauses import Clause
from hushpost_store.sqlite import inventory


def test_a_declaration_is_the_sql_that_makes_it() -> None:
    """Columns, constraint, options and indexes of a declared table come to be as declared."""
    table = inventory.Table(
        "t",
        "for a test",
        (inventory.Column("a", "INTEGER NOT NULL", "p", "r"), inventory.Column("b", "", "p", "r")),
        constraint="PRIMARY KEY (b, a)",
        options="WITHOUT ROWID",
        indexes=("CREATE INDEX t_a ON t (a)",),
        clause=Clause.SERVICE,
        owner=inventory.Owner.NOBODY,
    )
    create, index = table.statements()
    assert create == "CREATE TABLE t (a INTEGER NOT NULL, b , PRIMARY KEY (b, a)) WITHOUT ROWID"
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(create)
        connection.execute(index)
        key = connection.execute("SELECT name FROM pragma_table_info('t') WHERE pk ORDER BY pk")
        assert key.fetchall() == [("b",), ("a",)]


def test_no_column_orders_mailboxes_in_time() -> None:
    """No table counts its rows by itself, and no time is finer than the wire's day or hour."""
    tables = [*inventory.TABLES, inventory.envelope_table(4096)]
    declared = " ".join(sql for table in tables for sql in table.statements()).upper()
    assert "AUTOINCREMENT" not in declared
    assert "TIMESTAMP" not in declared
    named = {column.name for table in tables for column in table.columns}
    times = {name for name in named if name.endswith(("_day", "_at", "_time", "_end", "_after"))}
    assert times == {"created_day", "knock_day", "expiry_day", "life_end", "not_after"}


def test_all_rows_of_an_envelope_table_have_one_size() -> None:
    """Each bucket has a table, so that a deleted row is overwritten by its like."""
    tables = {inventory.envelope_table(bucket).name for bucket in (1024, 4096, 16384)}
    assert tables == {"envelope_1024", "envelope_4096", "envelope_16384"}
