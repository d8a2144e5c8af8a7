"""Whether a database holds what is declared and nothing else (docs/spec/store.md, "Schema").

The declaration makes the database; this looks at one that has been used, perhaps by others, and
names every table, column, index, view and trigger that `inventory` does not know.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from typing import Final

from hushpost_store.sqlite import inventory
from hushpost_store.sqlite.inventory import ENVELOPE_TABLE_PREFIX, Table

# What the table `store_meta` may name, with what each is for.
META_NAMES: Final = {
    "generation": "random generation of the store, drawn anew by a restore",
    "migration": "keeps relays from serving a database whose mail moves, or moved, to Redis",
}

Shape = dict[str, str]
"""What stands in a schema, by name, with what defines it."""


def declared_tables(connection: sqlite3.Connection) -> tuple[Table, ...]:
    """Return the declared tables, with one for envelopes of each bucket that this database has."""
    names = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB ?",
        (f"{ENVELOPE_TABLE_PREFIX}*",),
    ).fetchall()
    suffixes = (name.removeprefix(ENVELOPE_TABLE_PREFIX) for (name,) in names)
    buckets = sorted(int(suffix) for suffix in suffixes if suffix.isdecimal())
    return (*inventory.TABLES, *map(inventory.envelope_table, buckets))


def undeclared(connection: sqlite3.Connection) -> tuple[str, ...]:
    """Name whatever is in the database and not declared, or declared otherwise; empty: nothing."""
    tables = declared_tables(connection)
    declared, found = _declared_shape(tables), _shape(connection)
    odd = [name for name, made in found.items() if declared.get(name) != made]
    if "table store_meta" in found:
        names = connection.execute("SELECT name FROM store_meta").fetchall()
        odd += [f"store_meta entry {name}" for (name,) in names if name not in META_NAMES]
    return tuple(odd)


def missing(connection: sqlite3.Connection) -> tuple[str, ...]:
    """Name whatever is declared and not in the database; empty: nothing."""
    found = _shape(connection)
    return tuple(name for name in _declared_shape(declared_tables(connection)) if name not in found)


def _declared_shape(tables: Sequence[Table]) -> Shape:
    with closing(sqlite3.connect(":memory:")) as reference:
        for table in tables:
            for statement in table.statements():
                reference.execute(statement)
        return _shape(reference)


def _shape(connection: sqlite3.Connection) -> Shape:
    shape: Shape = {}
    entries = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()
    for kind, name, table, sql in entries:
        # Columns are compared one by one: a migration may have added them in another order.
        shape[f"{kind} {name}"] = table if kind == "table" else f"{table} {sql}"
        if kind == "table":
            columns = connection.execute(
                # Hidden and generated columns too.
                'SELECT name, type, "notnull", pk, hidden FROM pragma_table_xinfo(?)',
                (name,),
            )
            shape |= {f"column {name}.{column}": f"{rest}" for column, *rest in columns}
    return shape
