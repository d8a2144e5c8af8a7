"""Records over a connection, checked against a dictionary."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from hushpost.errors import MisuseError, VaultDamaged
from hushpost.vault_header import UnlockedHeader
from hushpost.vault_rows import RowReader, RowWriter, Table
from hushpost.vault_schema import connect, initialise
from hushpost.vault_sealing import Sealer
from hushpost_crypto.primitives import random_bytes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

UNLOCKED = UnlockedHeader(bytes(16), bytes(32))


def make(path: Path) -> tuple[sqlite3.Connection, RowWriter]:
    """Lay out an empty vault's tables."""
    connection = connect(path)
    initialise(connection)
    connection.execute("PRAGMA journal_mode=WAL")
    return connection, RowWriter(connection, Sealer(UNLOCKED, random_bytes))


OPERATION = st.tuples(
    st.sampled_from(["put", "delete", "delete through"]),
    st.sampled_from([Table.OUTBOX, Table.MESSAGES]),
    st.binary(min_size=1, max_size=2),
    st.sampled_from([0, 100, 850, 4300, 17_000, 40_000]),
    st.none() | st.integers(0, 9),
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(operations=st.lists(OPERATION, max_size=25))
def test_behaves_as_a_dictionary(
    tmp_path: Path, operations: list[tuple[str, Table, bytes, int, int | None]]
) -> None:
    """Any run of puts and deletes, of any size class, leaves what a dictionary would hold."""
    path = tmp_path / random_bytes(8).hex()
    connection, writer = make(path)
    held: dict[Table, dict[bytes, tuple[bytes, int]]] = {Table.OUTBOX: {}, Table.MESSAGES: {}}
    for number, (what, table, key, size, position) in enumerate(operations):
        model = held[table]
        if what == "put":
            value = number.to_bytes(2, "big") + bytes(size)
            old = model.get(key)
            last = max((place for _, place in model.values()), default=-1)
            place = position if position is not None else old[1] if old else last + 1
            assert writer.put(table, key, value, position=position) == place
            model[key] = (value, place)
        elif what == "delete":
            assert writer.delete(table, key) == (model.pop(key, None) is not None)
        else:
            gone = [one for one, (_, place) in model.items() if place <= (position or 0)]
            assert writer.delete_through(table, position or 0) == len(gone)
            for one in gone:
                del model[one]
    for table, model in held.items():
        rows = writer.rows(table)
        assert {row.key: (row.value, row.position) for row in rows} == model
        assert [row.position for row in rows] == sorted(place for _, place in model.values())
        assert writer.count(table) == len(model)
        assert all(writer.get(table, key) == value for key, (value, _) in model.items())
    connection.close()
    path.unlink()


def test_lookup_finds_and_moves(tmp_path: Path) -> None:
    """A record is found by its lookup value, keeps it when rewritten, and loses it when changed."""
    connection, writer = make(tmp_path / "v")
    writer.put(Table.CONTACTS, b"a", b"1", lookup=b"x")
    writer.put(Table.CONTACTS, b"b", b"2", lookup=b"x")
    writer.put(Table.CONTACTS, b"a", b"3")
    assert [row.value for row in writer.find(Table.CONTACTS, b"x")] == [b"3", b"2"]
    writer.put(Table.CONTACTS, b"a", b"4", lookup=b"y")
    assert [row.value for row in writer.find(Table.CONTACTS, b"x")] == [b"2"]
    assert [row.value for row in writer.find(Table.CONTACTS, b"y")] == [b"4"]
    assert writer.find(Table.SESSIONS, b"x") == []
    connection.close()


def test_pages_of_rows(tmp_path: Path) -> None:
    """``after`` and ``limit`` walk a table in order without gap or repeat."""
    connection, writer = make(tmp_path / "v")
    for number in range(10):
        writer.put(Table.OUTBOX, bytes([number]), b"", position=number)
    first = writer.rows(Table.OUTBOX, limit=4)
    rest = writer.rows(Table.OUTBOX, after=first[-1].position)
    assert [row.position for row in first + rest] == list(range(10))
    connection.close()


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE directory SET position = x'7fffffffffffffff'",
        "UPDATE directory SET lookup = zeroblob(16)",
        "UPDATE directory SET form = x'03000001'",
        "UPDATE directory SET form = 'text'",
        "UPDATE directory SET form = x''",
        "UPDATE body_256 SET sealed = zeroblob(256)",
        "UPDATE body_256 SET sealed = x'00'",
        "DELETE FROM body_256",
        "DROP TABLE body_256",
    ],
)
def test_a_tampered_file_is_reported(tmp_path: Path, tampering: str) -> None:
    """Whatever a thief writes into directory or bodies is damage on the next read."""
    connection, writer = make(tmp_path / "v")
    writer.put(Table.CONTACTS, b"a", b"1", lookup=b"x")
    connection.execute(tampering)
    with pytest.raises(VaultDamaged):
        writer.get(Table.CONTACTS, b"a")
    connection.close()


def test_swapped_rows_are_reported(tmp_path: Path) -> None:
    """Two records whose sealed bodies a thief exchanged are both damaged."""
    connection, writer = make(tmp_path / "v")
    writer.put(Table.CONTACTS, b"a", b"1")
    writer.put(Table.CONTACTS, b"b", b"2")
    (first, one), (second, two) = connection.execute("SELECT part, sealed FROM body_256").fetchall()
    connection.execute("UPDATE body_256 SET sealed = ? WHERE part = ?", (two, first))
    connection.execute("UPDATE body_256 SET sealed = ? WHERE part = ?", (one, second))
    for key in (b"a", b"b"):
        with pytest.raises(VaultDamaged):
            writer.get(Table.CONTACTS, key)
    connection.close()


def test_an_ended_reader_refuses(tmp_path: Path) -> None:
    """After its end a reader says what to do and touches the file no more."""
    connection, _ = make(tmp_path / "v")
    reader = RowReader(connection, Sealer(UNLOCKED, random_bytes))
    reader.end()
    with pytest.raises(MisuseError, match="begin another"):
        reader.count(Table.CONTACTS)
    connection.close()


def test_table_names_never_change() -> None:
    """The names are hashed into every row: a renamed table would lose its rows."""
    assert {table.name: table.value for table in Table} == {
        name: name.lower().replace("_", "-") for name in Table.__members__
    }
    assert len(Table) == 21


@pytest.mark.parametrize("change", ["another size", "deleted", "the same size"])
def test_a_reader_sees_one_moment_whatever_is_committed_meanwhile(
    tmp_path: Path, change: str
) -> None:
    """A commit between the directory and the parts of a record makes it neither mixed nor damaged.

    The commit comes from another connection, in the moment in which the first part is asked for.
    """
    path = tmp_path / "v"
    connection, writer = make(path)
    with closing(connection), closing(connect(path)) as second:
        writer.put(Table.EVENTS, b"key", b"old")
        reader = RowReader(second, Sealer(UNLOCKED, random_bytes))

        awaited = True

        def asked(statement: str) -> None:
            nonlocal awaited
            if not awaited or not statement.startswith("SELECT sealed"):
                return
            awaited = False
            connection.execute("BEGIN IMMEDIATE")
            if change == "deleted":
                assert writer.delete(Table.EVENTS, b"key")
            else:
                value = bytes(17_000) if change == "another size" else b"new"
                writer.put(Table.EVENTS, b"key", value, position=7)
            connection.execute("COMMIT")

        second.set_trace_callback(asked)
        reads: tuple[Callable[[], bytes | None], ...] = (
            lambda: reader.get(Table.EVENTS, b"key"),
            lambda: reader.rows(Table.EVENTS)[0].value,
            lambda: reader.find(Table.EVENTS, b"sought")[0].value,
        )
        for read in reads:
            writer.put(Table.EVENTS, b"key", b"old", position=0, lookup=b"sought")
            awaited = True
            assert read() == b"old"
            assert not awaited
            assert not second.in_transaction
            assert reader.get(Table.EVENTS, b"key") != b"old"
        second.set_trace_callback(None)


def test_a_snapshot_holds_for_several_reads_and_ends_with_its_block(tmp_path: Path) -> None:
    """What is read in it is of one moment; one within another is the other."""
    path = tmp_path / "v"
    connection, writer = make(path)
    with closing(connection), closing(connect(path)) as second:
        writer.put(Table.EVENTS, b"key", b"old")
        reader = RowReader(second, Sealer(UNLOCKED, random_bytes))
        with reader.snapshot():
            assert reader.get(Table.EVENTS, b"key") == b"old"
            writer.put(Table.EVENTS, b"key", b"new")
            with reader.snapshot():
                assert reader.get(Table.EVENTS, b"key") == b"old"
            assert reader.count(Table.EVENTS) == 1
            assert reader.rows(Table.EVENTS)[0].value == b"old"
        assert reader.get(Table.EVENTS, b"key") == b"new"


def test_a_snapshot_ends_where_its_block_raises(tmp_path: Path) -> None:
    """Left open it would show the past for ever, and keep what is deleted in the log."""
    connection, writer = make(tmp_path / "v")
    with closing(connection):
        with pytest.raises(KeyError), writer.snapshot():
            raise KeyError
        assert not connection.in_transaction


def test_a_snapshot_within_a_transaction_ends_nothing(tmp_path: Path) -> None:
    """A transaction reads what it wrote, and goes on."""
    connection, writer = make(tmp_path / "v")
    with closing(connection):
        connection.execute("BEGIN IMMEDIATE")
        writer.put(Table.EVENTS, b"key", b"value")
        with writer.snapshot():
            assert writer.get(Table.EVENTS, b"key") == b"value"
        assert connection.in_transaction
        connection.execute("ROLLBACK")
        assert writer.get(Table.EVENTS, b"key") is None
