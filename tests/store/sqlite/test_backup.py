"""Backups: a restored relay knows people, and nothing that could be delivered twice."""

# ruff: noqa: ASYNC240 - nothing else runs on these loops

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hushpost_store import DropKind, SqliteStore, errors, restore
from hushpost_store.conformance import (
    DAY,
    NOW,
    account,
    backlog,
    digest,
    envelope,
    post,
    route,
    with_drops,
)
from hushpost_store.rows import OneTimePrekey, StandingRecord
from hushpost_store.sqlite import backup
from hushpost_store.sqlite.row_digest import Damage, install


async def test_a_backup_brings_nothing_back_to_life(tmp_path: Path) -> None:
    """A restored store knows people and drops, and no envelope, one-use drop or prekey."""
    store = SqliteStore(tmp_path / "relay.db")
    await store.open()
    await with_drops(store, "alice")
    await store.register_drop(route("bob"), digest("once"), DropKind.ONCE, NOW)
    bob = account("bob")
    prekey = OneTimePrekey(b"p" * 16, DAY + 9, b"one-time")
    await store.publish_prekeys(
        bob.account_id,
        bob.devices[0].device_id,
        one_time=[prekey],
        signed=StandingRecord(DAY + 9, b"signed"),
        day=DAY,
    )
    submission = envelope("alice", 1)
    await post(store, submission)
    await store.backup(tmp_path / "backup.db")
    with pytest.raises(errors.BackupExists):
        await store.backup(tmp_path / "backup.db")
    before = store.stats().generation
    await store.close()
    assert submission.envelope[:64] not in (tmp_path / "backup.db").read_bytes()
    with pytest.raises(errors.BackupExists):
        restore(tmp_path / "backup.db", tmp_path / "relay.db")
    restore(tmp_path / "backup.db", tmp_path / "restored.db")
    restored = SqliteStore(tmp_path / "restored.db")
    await restored.open()
    assert restored.stats().generation != before
    assert await restored.load_account(bob.account_id) == bob
    assert await backlog(restored) == []
    assert (await post(restored, envelope("once", 1))).told == ["refused"]
    assert (await post(restored, envelope("alice", 1))).told == ["admitted", "committed"]
    await restored.publish_prekeys(
        bob.account_id, bob.devices[0].device_id, one_time=[prekey], day=DAY
    )
    taken = await restored.take_prekeys(bob.account_id, DAY)
    assert taken is not None
    assert (taken.bundles[0].one_time, taken.bundles[0].signed) == (None, b"signed")
    await restored.close()


async def test_a_deletion_under_way_is_finished_in_the_backup(tmp_path: Path) -> None:
    """An account that is being deleted is in no table of a backup, another one in all."""
    store = SqliteStore(tmp_path / "relay.db")
    await store.open()
    await with_drops(store, "alice")
    await store.create_account(account("carol"))
    await store.close()
    with closing(sqlite3.connect(tmp_path / "relay.db")) as connection:
        install(connection, Damage())
        connection.execute("UPDATE account SET deleting = 1 WHERE account_id = ?", (digest("bob"),))
        connection.commit()
    backup.write(tmp_path / "relay.db", tmp_path / "backup.db", (4096,))
    with closing(sqlite3.connect(tmp_path / "backup.db")) as connection:
        counts = {
            table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("account", "device", "device_list", "mailbox", "mailbox_drop")
        }
    assert counts == {**dict.fromkeys(counts, 1), "mailbox_drop": 0}


async def test_a_damaged_or_foreign_backup_is_refused(tmp_path: Path) -> None:
    """Nothing is put where the store would be, and no half of a file stays."""
    (tmp_path / "text").write_bytes(b"no database at all " * 300)
    with closing(sqlite3.connect(tmp_path / "foreign")) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    store = SqliteStore(tmp_path / "relay.db")
    await store.open()
    await with_drops(store, *map(str, range(300)))
    await store.backup(tmp_path / "whole")
    await store.close()
    damaged = bytearray((tmp_path / "whole").read_bytes())
    damaged[len(damaged) // 2 :] = bytes(len(damaged) - len(damaged) // 2)
    (tmp_path / "damaged").write_bytes(damaged)
    for name in ("text", "foreign", "damaged"):
        with pytest.raises(errors.StoreDamaged):
            restore(tmp_path / name, tmp_path / "restored.db")
    assert not list(tmp_path.glob("restored*"))


async def test_a_log_of_the_store_before_is_not_replayed(tmp_path: Path) -> None:
    """A write-ahead log that lies where the backup is restored to is removed with its mail."""
    store = SqliteStore(tmp_path / "relay.db")
    await store.open()
    await with_drops(store, "alice")
    await store.backup(tmp_path / "backup.db")
    await post(store, envelope("alice", 1))
    log = (tmp_path / "relay.db-wal").read_bytes()
    await store.close()
    (tmp_path / "relay.db").unlink()
    (tmp_path / "relay.db-wal").write_bytes(log)
    restore(tmp_path / "backup.db", tmp_path / "relay.db")
    await store.open()
    assert store.stats().queued_envelopes == 0
    await store.close()


async def test_a_backup_that_fails_leaves_no_file(tmp_path: Path) -> None:
    """A source that is no store, or a folder that is not there, is an error without leftovers."""
    with closing(sqlite3.connect(tmp_path / "empty.db")) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    with pytest.raises(errors.StoreFault):
        backup.write(tmp_path / "empty.db", tmp_path / "backup.db", (4096,))
    assert [path.name for path in tmp_path.iterdir()] == ["empty.db"]


async def test_a_restore_that_was_cut_off_harms_neither_the_next_nor_the_store_before(
    tmp_path: Path,
) -> None:
    """Its piece may be another name of a database in use, with a journal: both go, untouched."""
    store = SqliteStore(tmp_path / "relay.db")
    await store.open()
    await with_drops(store, "alice")
    await store.backup(tmp_path / "backup.db")
    await store.close()
    part = tmp_path / "relay.db.part"
    part.hardlink_to(tmp_path / "relay.db")
    moved = (tmp_path / "relay.db").rename(tmp_path / "moved.db")
    before = moved.read_bytes()
    (tmp_path / "relay.db.part-journal").write_bytes(b"a journal of another file")
    restore(tmp_path / "backup.db", tmp_path / "relay.db")
    assert moved.read_bytes() == before
    assert not list(tmp_path.glob("*.part*"))
    # Cut off behind its last step, it leaves another name of the database: opening removes it.
    part.hardlink_to(tmp_path / "relay.db")
    await store.open()
    assert not list(tmp_path.glob("*.part*"))
    await store.close()
