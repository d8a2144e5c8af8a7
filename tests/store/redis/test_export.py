"""Exporting from Redis: what relays wrote there themselves, and each defect that can be planted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hushpost_store import Quotas, errors
from hushpost_store.admission import HOUR_SECONDS
from hushpost_store.conformance.stage import NOW, account, digest, route
from hushpost_store.contents import copy_account
from hushpost_store.contents_digest import AccountDigest, digest_account
from hushpost_store.redis.export import RedisExport
from hushpost_store.redis.importing import RedisImport
from hushpost_store.redis.keys import account_keys, mailbox_keys
from hushpost_store.redis.shards import Shards
from hushpost_store.sqlite.export import SqliteExport

from tests.store.redis.conftest import opened as opened_store
from tests.store.redis.moving import both, connections, copy_all, source
from tests.store.sqlite.full_store import NAMES, fill

ALICE = account("alice", devices=2)
ACCOUNT, LISTS, FRESH, RECORDS, TAKEN, STANDING = account_keys(ALICE.account_id)
MAILBOX, DROPS, HEADS, ORDER, BODIES, EXPIRED = mailbox_keys(route("alice"))
REF = digest("alice contact")[:16]
USED = digest("alice used")


async def test_two_stores_that_did_the_same_are_equal(single_url: str, tmp_path: Path) -> None:
    """What scripts wrote into Redis is what SQLite has after the same requests.

    But for the last sequence, which SQLite counts anew from what is queued.
    """
    store = await opened_store(single_url, Quotas())
    try:
        await fill(store)
        await store.sweep(NOW + 2 * HOUR_SECONDS)
    finally:
        await store.close()
    async with source(tmp_path) as export, connections(single_url) as shards:
        there = RedisExport(shards)
        for person in (account(name, devices=2) for name in NAMES):
            assert await there.account(person.account_id) == await export.account(person.account_id)
            for device in person.devices:
                one = await export.mailbox(person.account_id, device)
                other = await there.mailbox(person.account_id, device)
                assert one is not None
                assert other is not None
                assert replace(other, last_sequence=one.last_sequence) == one
                rows = await export.envelopes(device.route, 0)
                assert await there.envelopes(device.route, 0) == rows


_CHANGED = {
    "an envelope less": (b"ZREMRANGEBYRANK", ORDER, 0, 0),
    "a head less": (b"HDEL", HEADS, b"%first"),
    "a flipped byte": (b"HSET", BODIES, b"%first", bytes(4080)),
    "a short body": (b"HSET", BODIES, b"%first", b"short"),
    "another place": (b"ZADD", ORDER, 99, b"%first"),
    "a lost used mark": (b"HSET", DROPS, USED[:16], b"%cut"),
    "a drop less": (b"HDEL", DROPS, REF),
    "a broken drop": (b"HSET", DROPS, REF, b"x"),
    "a count by drop": (b"HSET", MAILBOX, b"#" + REF, 9),
    "bytes by drop": (b"HSET", MAILBOX, b"%" + REF, 9),
    "a count by drop less": (b"HDEL", MAILBOX, b"#" + REF),
    "a count": (b"HSET", MAILBOX, b"queued", 9),
    "bytes": (b"HSET", MAILBOX, b"bytes", 9),
    "no number": (b"HSET", MAILBOX, b"knocks", b"many"),
    "knocks": (b"HSET", MAILBOX, b"knocks", 0),
    "an owner": (b"HSET", MAILBOX, b"owner", bytes(48)),
    "a lost end of drops": (b"HDEL", MAILBOX, b"drop_end"),
    "what gathers": (b"HSET", EXPIRED, b"g" + REF, 9),
    "a broken notice": (b"HSET", EXPIRED, b"n1", b"x"),
    "a device key": (b"HSET", ACCOUNT, b"device_key:1", b"x"),
    "a genesis less": (b"HDEL", ACCOUNT, b"genesis"),
    "a device's number": (b"HSET", ACCOUNT, b"number:" + ALICE.devices[0].device_id, 7),
    "a list less": (b"HDEL", LISTS, 1),
    "a prekey without record": (b"DEL", RECORDS),
    "a prekey given out twice": (b"DEL", TAKEN),
    "a standing record": (b"DEL", STANDING),
    "a broken standing record": (b"HSET", STANDING, b"1" + bytes(16), b"x"),
    "all prekeys": (b"DEL", FRESH),
}


async def test_each_planted_defect_shows(shards: Shards, tmp_path: Path) -> None:
    """Read back it is another digest, or damage; never the same."""
    async with source(tmp_path) as export:
        wanted = await digest_account(export, ALICE.account_id)
        first = (await export.envelopes(route("alice"), 0))[0].envelope_id
        missed = [
            name
            for name, change in _CHANGED.items()
            if not await _shows(export, shards, change, first, wanted)
        ]
    assert not missed


async def _shows(
    export: SqliteExport,
    shards: Shards,
    change: tuple[bytes | int, ...],
    first: bytes,
    wanted: AccountDigest | None,
) -> bool:
    """Copy anew, plant one defect, and say whether reading back finds it."""
    await copy_account(export, RedisImport(shards), ALICE.account_id)
    assert await digest_account(RedisExport(shards), ALICE.account_id) == wanted
    drop = await shards.ask(DROPS, b"HGET", DROPS, USED[:16])
    assert isinstance(drop, bytes)
    stands_for = {b"%first": first, b"%cut": drop[:21]}
    parts = [stands_for.get(part, part) if isinstance(part, bytes) else part for part in change]
    key = parts[1]
    assert isinstance(key, bytes)
    await shards.ask(key, *parts)
    try:
        found = await digest_account(RedisExport(shards), ALICE.account_id)
    except errors.StoreDamaged:
        return True
    assert found is not None
    assert wanted is not None
    return found != wanted and bool(wanted.differences(found))


async def test_a_surplus_shows_too(shards: Shards, tmp_path: Path) -> None:
    """One more drop is a difference; so is an account that is being deleted, which is not there."""
    async with source(tmp_path) as export:
        await copy_all(export, shards)
        wanted, found = await both(export, shards)
        assert wanted == found
        await shards.ask(DROPS, b"HSET", DROPS, bytes(16), bytes(16) + b"\x01" + bytes(4))
        wanted, found = await both(export, shards)
        assert wanted != found
        await shards.ask(ACCOUNT, b"HSET", ACCOUNT, b"deleting", 1)
        assert await RedisExport(shards).account(ALICE.account_id) is None
