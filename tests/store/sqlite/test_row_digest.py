"""Digests of rows: each byte counts, triggers keep them, and no writer covers damage up."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing

import pytest
from hushpost_store.sqlite.inventory import MAILBOX, TABLES
from hushpost_store.sqlite.row_digest import (
    Cell,
    Damage,
    envelope_digest,
    install,
    is_installed,
    report,
    rest_is_intact,
    row_digest,
)

ROW = (1 << 62 | 5, 499_992, bytes(range(16)), bytes(range(16, 32)), 4096)


def test_a_digest_covers_table_and_every_cell_with_its_type() -> None:
    """No two different rows share their bytes: neither by joining cells nor by changing a type."""
    rows: list[tuple[str, tuple[Cell, ...]]] = [
        ("a", (b"x", b"y")),
        ("b", (b"x", b"y")),
        ("a", (b"xy", b"")),
        ("a", (b"x", "y")),
        ("a", (b"x", None)),
        ("a", (b"x", 121)),
        ("a", (b"x",)),
    ]
    assert len({row_digest(table, *cells) for table, cells in rows}) == len(rows)


def test_every_flipped_byte_of_an_envelopes_row_shows() -> None:
    """Numbers, ids, size and each byte of the envelope: the digest is another one."""
    envelope = os.urandom(4096)
    digest = envelope_digest(*ROW, envelope)
    assert rest_is_intact(digest, *ROW)
    for column in range(5):
        cell = ROW[column]
        size = 8 if isinstance(cell, int) else len(cell)
        for place in range(size):
            flipped = _flipped(cell, place)
            changed = (*ROW[:column], flipped, *ROW[column + 1 :])
            assert not rest_is_intact(digest, *changed), (column, place)
    for place in range(0, 4096, 37):
        assert envelope_digest(*ROW, bytes(_flipped(envelope, place))) != digest


def _flipped(cell: int | bytes, place: int) -> int | bytes:
    if isinstance(cell, int):
        return cell ^ 0x41 << 8 * place
    return cell[:place] + bytes((cell[place] ^ 0x41,)) + cell[place + 1 :]


def test_triggers_keep_the_digest_of_a_row(connection: sqlite3.Connection) -> None:
    """An inserted and a changed row is intact; so is one whose key is changed, or is replaced."""
    statements = (
        "INSERT INTO expired_notice (slot, notice_id, drop_ref, envelopes) VALUES (1, 1, x'aa', 1)",
        "UPDATE expired_notice SET notice_id = notice_id + 1",
        "INSERT INTO expired_notice (slot, notice_id, drop_ref, envelopes)"
        " VALUES (1, 2, x'aa', 7) ON CONFLICT DO UPDATE SET envelopes = envelopes + 2",
    )
    for statement in statements:
        connection.execute(statement)
        assert _damaged(connection, "expired_notice") == 0
    assert connection.execute("SELECT envelopes FROM expired_notice").fetchone() == (3,)


def test_no_change_covers_damage_up(connection: sqlite3.Connection) -> None:
    """A damaged row is left as it is by a change, which changes its neighbours."""
    columns = "(slot, route, knock_day, knocks, notices_closed)"
    for slot in (5, 6):
        connection.execute(
            f"INSERT INTO mailbox {columns} VALUES (?, ?, 0, 0, 0)", (slot, b"r%d" % slot)
        )
    connection.execute("UPDATE mailbox SET digest = x'0102030405060708' WHERE slot = 5")
    connection.execute("UPDATE mailbox SET knocks = 9")
    assert connection.execute("SELECT slot, knocks FROM mailbox").fetchall() == [(5, 0), (6, 9)]
    assert _damaged(connection, "mailbox") == 1


def test_a_copied_row_keeps_its_digest(connection: sqlite3.Connection) -> None:
    """What is copied with its digest stays damaged: a backup does not make damage look whole."""
    connection.execute("INSERT INTO mailbox VALUES (5, x'00', 0, 0, 0, x'0102030405060708')")
    assert _damaged(connection, "mailbox") == 1


def test_damage_is_counted_once_a_row() -> None:
    """A damaged row met twice is one; an envelope is named by its key; SQLite's word counts."""
    damage = Damage()
    with closing(sqlite3.connect(":memory:")) as connection:
        assert not is_installed(connection)
        install(connection, damage)
        assert is_installed(connection)
        for _ in range(2):
            connection.execute("SELECT row_intact(x'00', 'device', 1)")
            report(connection, 4096, [7, 8])
        assert damage.count == 3
        assert {table: len(rows) for table, rows in damage.rows.items()} == {
            "device": 1,
            "envelope_4096": 2,
        }
    damage.look_at(ValueError())
    error = sqlite3.DatabaseError()
    error.sqlite_errorname = "SQLITE_CORRUPT_INDEX"
    damage.look_at(error)
    assert damage.broken == 1


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_each_table_has_triggers_by_its_key(table: object) -> None:
    """The key that a trigger names is the key that SQLite knows."""
    assert table in TABLES
    with closing(sqlite3.connect(":memory:")) as connection:
        one = next(each for each in TABLES if each is table)
        for statement in one.statements():
            connection.execute(statement)
        query = "SELECT name FROM pragma_table_info(?) WHERE pk ORDER BY pk"
        keys = tuple(name for (name,) in connection.execute(query, (one.name,)))
        assert keys == one.keys
    assert MAILBOX.keys == ("slot",)


def _damaged(connection: sqlite3.Connection, name: str) -> int:
    table = next(each for each in TABLES if each.name == name)
    query = f"SELECT count(*) FROM {name} WHERE NOT {table.intact()}"
    return int(connection.execute(query).fetchone()[0])
