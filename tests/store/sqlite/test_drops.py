"""Drops as rows."""

from __future__ import annotations

import sqlite3

import pytest
from hushpost_store import DropKind, errors
from hushpost_store.admission import DropState
from hushpost_store.conformance import digest
from hushpost_store.sqlite import drops


def _held(connection: sqlite3.Connection) -> list[tuple[int, bytes, int, int]]:
    return connection.execute(
        "SELECT slot, drop_hash, kind, life_end FROM mailbox_drop ORDER BY drop_hash"
    ).fetchall()


def test_registering_again_changes_nothing(connection: sqlite3.Connection) -> None:
    """The first registration of a drop stands; revoking removes it from its mailbox alone."""
    drops.insert(connection, 1, b"a", DropState(DropKind.ONCE, 77), 9)
    drops.insert(connection, 1, b"a", DropState(DropKind.CONTACT), 9)
    drops.insert(connection, 2, b"a", DropState(DropKind.CONTACT), 9)
    drops.delete(connection, 2, b"a")
    drops.delete(connection, 2, b"a")
    assert _held(connection) == [(1, b"a", DropKind.ONCE, 77)]


def test_the_bound_holds_against_registrations_at_the_same_moment(
    connection: sqlite3.Connection,
) -> None:
    """Whatever the cache thought when two were let through, the table takes no more than it may."""
    for number in range(3):
        drops.insert(connection, 1, digest(str(number)), DropState(DropKind.CONTACT), 3)
    with pytest.raises(errors.DropsFull, match="revoke one first"):
        drops.insert(connection, 1, digest("one more"), DropState(DropKind.CONTACT), 3)
    assert len(_held(connection)) == 3
