"""Looking through a whole database: each planted fault is found, and a sound one is sound."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hushpost_store import SqliteStore, errors
from hushpost_store.conformance.stage import envelope, post, with_drops
from hushpost_store.sqlite.examination import examine, prepare, require_sound
from hushpost_store.sqlite.row_digest import Damage, Finding, install


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """Give a closed database with an account, a drop and an envelope."""
    store = SqliteStore(tmp_path / "relay.db")
    await store.open()
    await with_drops(store, "alice")
    await post(store, envelope("alice", 1))
    await store.close()
    return tmp_path / "relay.db"


def found(path: Path, *, planted: str = "", envelopes: bool = True) -> tuple[Finding, ...]:
    """Examine a database after `planted` was done to it by somebody who keeps no digests."""
    if planted:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.create_function("row_digest", -1, lambda *_: bytes(8))
            connection.create_function("row_intact", -1, lambda *_: 1)
            connection.execute("PRAGMA writable_schema = ON")
            connection.execute(planted)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        prepare(connection)
        return examine(connection, envelopes=envelopes)


def test_a_sound_database_has_no_findings(path: Path) -> None:
    """Nothing is wrong with what a store wrote and closed."""
    assert found(path) == ()


@pytest.mark.parametrize(
    ("planted", "table", "word"),
    [
        ("UPDATE device SET device_key = x'00'", "device", "written"),
        ("UPDATE envelope_4096 SET not_after = 1", "envelope_4096", "written"),
        ("UPDATE envelope_4096 SET envelope = x'00'", "envelope_4096", "written"),
        ("UPDATE store_meta SET value = x'00'", "store_meta", "written"),
        ("DELETE FROM mailbox", "device", "mailbox"),
        ("DELETE FROM device_list", "account", "list"),
        ("DELETE FROM account", "device", "account"),
        ("DROP TRIGGER device_changed", "", "device_changed"),
        ("CREATE TABLE more (x)", "", "more"),
        ("UPDATE sqlite_master SET rootpage = 3 WHERE name = 'device'", "", "SQLite finds"),
    ],
)
def test_each_fault_is_found(path: Path, planted: str, table: str, word: str) -> None:
    """Rows changed or gone without their partner, a changed schema and a broken file are named."""
    findings = found(path, planted=planted)
    assert any(one.table == table and word in one.sentence for one in findings), findings


def test_a_store_is_opened_on_a_sound_file_alone(path: Path) -> None:
    """Damaged rows are counted; a damaged schema and a file not to be written are refused."""
    counted = Damage()
    found(path, planted="UPDATE mailbox SET knocks = 7")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        install(connection, counted)
        require_sound(connection, counted, envelopes=True)
        assert counted.count == 1
        connection.execute("PRAGMA query_only = ON")
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            require_sound(connection, counted, envelopes=True)
        connection.execute("PRAGMA query_only = OFF")
        connection.execute("CREATE TABLE more (x)")
        with pytest.raises(errors.StoreDamaged, match="schema"):
            require_sound(connection, counted, envelopes=True)


def test_envelopes_may_be_left_out(path: Path) -> None:
    """Without them a damaged envelope is not looked at: that is for a database of gigabytes."""
    planted = "UPDATE envelope_4096 SET envelope = x'00'"
    assert found(path, planted=planted, envelopes=False) == ()
    assert found(path) == (Finding("envelope_4096", "rows are not what was written", 1),)


def test_a_file_that_cannot_be_read_is_a_finding(path: Path) -> None:
    """However bad the damage, examining says so and raises nothing."""
    data = bytearray(path.read_bytes())
    data[4096:] = bytes(len(data) - 4096)
    path.write_bytes(data)
    assert any("file" in finding.sentence for finding in found(path))
