"""A damaged row is not served, deletes nothing, and is counted (docs/spec/store.md, "Damage")."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hushpost_store import SqliteStore, errors
from hushpost_store.conformance.stage import (
    NOW,
    account,
    backlog,
    device_list,
    digest,
    envelope,
    post,
    route,
    with_drops,
)
from hushpost_store.rows import OneTimePrekey, Refusal

from tests.store.sqlite.test_repair import damage

PREKEYS = [OneTimePrekey(b"k%015d" % n, 99_999, b"record %d" % n) for n in range(3)]


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """Give a closed database: two drops, three envelopes, three prekeys."""
    store = SqliteStore(tmp_path / "relay.db")
    await store.open()
    await with_drops(store, "alice", "dora")
    bob = account("bob")
    await store.publish_prekeys(bob.account_id, bob.devices[0].device_id, one_time=PREKEYS, day=1)
    for drop, number in (("alice", 1), ("dora", 2), ("dora", 3)):
        await post(store, envelope(drop, number))
    await store.close()
    return tmp_path / "relay.db"


async def opened(path: Path) -> SqliteStore:
    """Open the store."""
    store = SqliteStore(path)
    await store.open()
    return store


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE account SET deleting = 1",
        "UPDATE device SET slot = slot + 1",
        "UPDATE device SET account_id = x'00'",
        "UPDATE device SET position = 1",
        "UPDATE mailbox SET route = x'00'",
    ],
)
async def test_damage_deletes_no_account_and_no_mailbox(path: Path, statement: str) -> None:
    """A flipped mark of deletion, or a device that leads elsewhere: the mail is still there."""
    damage(path, statement)
    store = await opened(path)
    assert store.stats().queued_envelopes == 3
    assert store.stats().damaged > 0
    with pytest.raises(errors.StoreDamaged):
        await store.load_account(digest("bob"))
    await store.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM envelope_4096").fetchone() == (3,)


async def test_a_sender_through_a_damaged_drop_is_told_to_retry(path: Path) -> None:
    """Not that there is no such drop; the other drop works, an unknown one waits as well."""
    damage(path, f"UPDATE mailbox_drop SET kind = 2 WHERE drop_hash = x'{digest('dora').hex()}'")
    store = await opened(path)
    assert (await post(store, envelope("dora", 9))).reason is Refusal.RETRY
    assert (await post(store, envelope("nobody", 9))).reason is Refusal.RETRY
    assert (await post(store, envelope("alice", 9))).reason is None
    await store.close()


async def test_a_mailbox_whose_row_is_damaged_takes_nothing_for_good(path: Path) -> None:
    """Its senders are told to retry, and its owner that the store is damaged."""
    damage(path, "UPDATE mailbox SET knocks = 7")
    store = await opened(path)
    assert (await post(store, envelope("alice", 9))).reason is Refusal.RETRY
    with pytest.raises(errors.StoreDamaged):
        await store.open_mailbox(route("bob"), NOW)
    await store.close()


@pytest.mark.parametrize(
    "column", ["envelope = zeroblob(4096)", "not_after = 1", "drop_ref = x'7f'"]
)
async def test_a_damaged_envelope_keeps_its_place_and_nobody_gets_it(
    path: Path, column: str
) -> None:
    """Neither delivered nor swept; the others come, in pages of one too, and a new one follows."""
    last = "(SELECT max(id) FROM envelope_4096)"
    damage(path, f"UPDATE envelope_4096 SET {column} WHERE id = {last}")
    store = await opened(path)
    await store.sweep(NOW)
    assert (await post(store, envelope("alice", 9))).reason is None
    expected = [envelope("alice", 1), envelope("dora", 2), envelope("alice", 9)]
    assert [one.envelope for one in await backlog(store)] == [one.envelope for one in expected]
    mailbox = await store.open_mailbox(route("bob"), NOW)
    after, pages = 0, 0
    while rows := await store.read_backlog(
        route("bob"), mailbox.epoch, after_sequence=after, limit=1, now=NOW
    ):
        after, pages = rows[-1].sequence, pages + 1
    assert pages == 3
    assert store.stats().damaged == 1
    await store.close()


async def test_no_older_list_passes_for_a_damaged_newest_one(path: Path) -> None:
    """The newest list's version is damaged downwards: the account is refused, not set back."""
    store = await opened(path)
    devices, first = account("bob").devices, device_list("bob", 1)
    second = device_list("bob", 2)
    await store.publish_device_list(
        digest("bob"), expected_head=first.head, device_list=second, devices=devices
    )
    await store.close()
    damage(path, "UPDATE device_list SET version = 0 WHERE version = 2")
    store = await opened(path)
    with pytest.raises(errors.StoreDamaged):
        await store.load_account(digest("bob"))
    await store.close()


async def test_a_damaged_prekey_is_not_handed_out(path: Path) -> None:
    """The two others are; the damaged one is counted."""
    first = PREKEYS[0].prekey_id.hex()
    damage(path, f"UPDATE one_time_prekey SET record = x'00' WHERE prekey_id = x'{first}'")
    store = await opened(path)
    served: list[bytes | None] = []
    for _ in range(3):
        taken = await store.take_prekeys(digest("bob"), 1)
        assert taken is not None
        served.append(taken.bundles[0].one_time)
    assert served == [PREKEYS[1].record, PREKEYS[2].record, None]
    assert store.stats().damaged == 1
    await store.close()


@pytest.mark.parametrize("place", [24, 60, 18, 100 + 8])
def test_a_damaged_header_is_a_refusal_that_changes_nothing(path: Path, place: int) -> None:
    """Change counters are nothing; versions and the root page are: refused or right, never odd."""
    data = bytearray(path.read_bytes())
    data[place] ^= 0x20
    path.write_bytes(data)

    async def look() -> int:
        store = await opened(path)
        try:
            return store.stats().queued_envelopes
        finally:
            await store.close()

    try:
        assert asyncio.run(look()) == 3
    except errors.StoreFault:
        assert path.read_bytes() == data


async def test_a_damaged_log_is_refused_as_it_is(path: Path, tmp_path: Path) -> None:
    """Commits behind a damaged frame: not opened, and no byte of the log is changed."""
    store = await opened(path)
    for number in range(4, 9):
        await post(store, envelope("dora", number))
    copy = tmp_path / "copy.db"
    for suffix in ("", "-wal"):
        shutil.copy(f"{path}{suffix}", f"{copy}{suffix}")
    await store.close()
    flip(copy.with_name("copy.db-wal"), 32 + 24 + 50)
    before = contents(copy)
    with pytest.raises(errors.StoreDamaged, match="log"):
        await opened(copy)
    assert contents(copy) == before


async def test_a_schema_that_is_no_text_is_damage(path: Path) -> None:
    """SQLite quotes the bytes it cannot read; what comes of it is still a documented error."""
    flip(path, contents(path)[0].index(b"CREATE TABLE account") + 8, 0x80)
    with pytest.raises(errors.StoreDamaged):
        await opened(path)


def contents(path: Path) -> tuple[bytes, bytes]:
    """Give the bytes of a database and of its log."""
    log = path.with_name(path.name + "-wal")
    return path.read_bytes(), log.read_bytes() if log.exists() else b""


def flip(path: Path, place: int, mask: int = 1) -> None:
    """Change one byte of a file."""
    data = bytearray(path.read_bytes())
    data[place] ^= mask
    path.write_bytes(data)
