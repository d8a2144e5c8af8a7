"""The registry: accounts and prekeys through the queue, with the cache following."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hushpost_store import DeviceRow, OneTimePrekey, Refusal, SqliteStore, errors
from hushpost_store.conformance import (
    DAY,
    NOW,
    account,
    device_list,
    digest,
    envelope,
    post,
    route,
    with_drops,
)
from hushpost_store.sqlite import accounts
from hushpost_store.sqlite.row_digest import Damage, install

BOB = account("bob")


async def test_a_route_that_was_unknown_is_found_once_it_is_made(store: SqliteStore) -> None:
    """Who guessed a route before its account was made does not keep it unknown."""
    assert (await post(store, envelope("alice", 1))).reason is Refusal.NO_DROP
    await with_drops(store, "alice")
    assert (await post(store, envelope("alice", 1))).told == ["admitted", "committed"]
    await store.create_account(BOB)
    assert store.stats().accounts == 1


async def test_a_device_that_left_loses_its_mailbox_with_all_in_it(store: SqliteStore) -> None:
    """Its mail goes, figures follow, its login ends, and a new device has a mailbox at once."""
    await with_drops(store, "alice")
    await post(store, envelope("alice", 1))
    opened = await store.open_mailbox(route("bob"), NOW)
    fresh = DeviceRow(b"n" * 16, b"k" * 32, b"new route of 16b")
    await store.publish_device_list(
        BOB.account_id,
        expected_head=BOB.device_list.head,
        device_list=device_list("bob", 2),
        devices=(fresh,),
    )
    assert store.stats().queued_envelopes == 0
    assert (await post(store, envelope("alice", 2))).reason is Refusal.NO_DROP
    rows = await store.read_backlog(route("bob"), opened.epoch, after_sequence=0, limit=9, now=NOW)
    assert rows == []
    assert (await store.open_mailbox(fresh.route, NOW)).queued == 0
    assert await store.device_lists(BOB.account_id, 1) == (device_list("bob", 2),)


async def test_deleting_an_account_ends_in_nothing_of_it(store: SqliteStore) -> None:
    """Account, prekeys and mail are gone, and deleting again says that there was none."""
    await with_drops(store, "alice")
    await post(store, envelope("alice", 1))
    device = BOB.devices[0].device_id
    prekey = OneTimePrekey(b"p" * 16, DAY + 9, b"record")
    assert await store.publish_prekeys(BOB.account_id, device, one_time=[prekey], day=DAY) == 1
    assert await store.count_prekeys(BOB.account_id, device, DAY) == 1
    taken = await store.take_prekeys(BOB.account_id, DAY)
    assert taken is not None
    assert taken.bundles[0].one_time == b"record"
    assert await store.delete_account(BOB.account_id)
    assert not await store.delete_account(BOB.account_id)
    assert await store.load_account(BOB.account_id) is None
    stats = store.stats()
    assert (stats.accounts, stats.queued_envelopes, stats.queued_bytes) == (0, 0, 0)
    with pytest.raises(errors.DeviceUnknown):
        await store.count_prekeys(BOB.account_id, device, DAY)


@pytest.mark.parametrize("sql", ["UPDATE account SET deleting = 1", "DELETE FROM device"])
async def test_a_removal_that_a_crash_broke_off_is_finished_when_opening(
    tmp_path: Path, sql: str
) -> None:
    """Marked accounts and mailboxes without a device are gone, mail included, after opening."""
    path = tmp_path / "relay.db"
    store = SqliteStore(path)
    await store.open()
    await with_drops(store, "alice")
    await post(store, envelope("alice", 1))
    await store.close()
    with closing(sqlite3.connect(path)) as connection:
        install(connection, Damage())
        connection.execute(sql)
        connection.commit()
    await store.open()
    assert store.stats().queued_envelopes == 0
    assert (await post(store, envelope("alice", 2))).reason is Refusal.NO_DROP
    await store.close()
    with closing(sqlite3.connect(path)) as connection:
        for table in ("mailbox", "mailbox_drop", "envelope_4096"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


async def test_a_deletion_broken_off_between_two_mailboxes_is_finished_when_opening(
    tmp_path: Path,
) -> None:
    """A device whose mailbox is gone already is no damage: the store opens, and the rest goes."""
    path = tmp_path / "relay.db"
    store = SqliteStore(path)
    await store.open()
    await store.create_account(account("carol", devices=2))
    await store.close()
    with closing(sqlite3.connect(path)) as connection:
        install(connection, Damage())
        accounts.mark_deleting(connection, digest("carol"))
        accounts.remove_mailbox(connection, route("carol", 0))
        connection.commit()
    await store.open()
    await store.close()
    with closing(sqlite3.connect(path)) as connection:
        for table in ("account", "device", "mailbox"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


async def test_a_list_against_another_head_changes_nothing(store: SqliteStore) -> None:
    """A fork is refused, and devices and mailboxes stand as they stood."""
    await with_drops(store, "alice")
    forked = store.publish_device_list(
        BOB.account_id, expected_head=digest("other"), device_list=device_list("x", 2), devices=()
    )
    with pytest.raises(errors.DeviceListConflict):
        await forked
    assert await store.load_account(BOB.account_id) == BOB
    assert (await post(store, envelope("alice", 1))).told == ["admitted", "committed"]
