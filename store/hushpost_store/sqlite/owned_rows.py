"""Every row that belongs to one account, whole, from every table (docs/spec/store.md).

For whoever must say all that is stored about an account. Which rows those are follows from what
the declaration says of each table's owner, so that a table cannot be forgotten; a database with
anything undeclared in it is refused, since of that nothing could be said.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from hushpost_store import errors
from hushpost_store.sqlite.inventory import Owner, Table
from hushpost_store.sqlite.mailboxes import SEQUENCE_BITS, SEQUENCE_MASK
from hushpost_store.sqlite.schema_audit import declared_tables, undeclared

Cell = int | str | bytes | None
StoredRow = Mapping[str, Cell]

_SLOTS: Final = "SELECT slot FROM device WHERE account_id = :account"
_ALL_SLOTS: Final = "SELECT slot FROM device JOIN account USING (account_id)"
_OF_ACCOUNT: Final = {
    Owner.NOBODY: "0",
    Owner.ACCOUNT: "account_id = :account",
    Owner.MAILBOX: f"slot IN ({_SLOTS})",
    # By ranges of the key, so that not every envelope of the relay is read.
    Owner.ENVELOPE: (
        "id IN (SELECT e.id FROM device d JOIN {table} e"  # noqa: S608 - names of ours
        f" ON e.id BETWEEN d.slot << {SEQUENCE_BITS} AND (d.slot << {SEQUENCE_BITS}"
        f" | {SEQUENCE_MASK}) WHERE d.account_id = :account)"
    ),
}
_OF_NO_ACCOUNT: Final = {
    Owner.NOBODY: "0",
    Owner.ACCOUNT: "account_id NOT IN (SELECT account_id FROM account)",
    Owner.MAILBOX: f"slot NOT IN ({_ALL_SLOTS})",
    Owner.ENVELOPE: f"id >> {SEQUENCE_BITS} NOT IN ({_ALL_SLOTS})",
}


@dataclass(frozen=True, slots=True)
class OwnedRows:
    """What one table holds for one account; `rows` may be empty."""

    table: Table
    rows: tuple[StoredRow, ...]


def owned_rows(connection: sqlite3.Connection, account_id: bytes) -> tuple[OwnedRows, ...]:
    """Return the account's rows, of every table that can hold any.

    To be called within one transaction. Raises StoreDamaged for a database with undeclared parts.
    """
    _require_declared(connection)
    return tuple(
        OwnedRows(table, _rows(connection, table, account_id))
        for table in declared_tables(connection)
        if table.owner is not Owner.NOBODY
    )


def ownerless(connection: sqlite3.Connection) -> dict[str, int]:
    """Count by table the rows that lead to no account: what a broken-off deletion left behind.

    The next start of the relay finishes it.
    """
    counts = {
        table.name: int(
            connection.execute(
                f"SELECT count(*) FROM {table.name} WHERE {_OF_NO_ACCOUNT[table.owner]}"  # noqa: S608 - names of ours
            ).fetchone()[0]
        )
        for table in declared_tables(connection)
    }
    return {name: count for name, count in counts.items() if count}


def _rows(connection: sqlite3.Connection, table: Table, account_id: bytes) -> tuple[StoredRow, ...]:
    condition = _OF_ACCOUNT[table.owner].format(table=table.name)
    found = connection.execute(
        f"SELECT * FROM {table.name} WHERE {condition} ORDER BY 1, 2",  # noqa: S608 - names of ours
        {"account": account_id},
    )
    names = [column[0] for column in found.description]
    return tuple(dict(zip(names, row, strict=True)) for row in found.fetchall())


def _require_declared(connection: sqlite3.Connection) -> None:
    odd = undeclared(connection)
    if odd:
        raise errors.StoreDamaged(
            f"the database holds what hushpost never declared ({', '.join(odd)}): whatever made it,"
            " nobody can say what of it belongs to whom"
        )
