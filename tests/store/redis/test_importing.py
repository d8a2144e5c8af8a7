"""Importing into Redis: what was copied is equal, and a relay finds it as if it had made it."""

from __future__ import annotations

from pathlib import Path

from hushpost_store import Quotas
from hushpost_store.admission import HOUR_SECONDS
from hushpost_store.conformance.stage import (
    DAY,
    NOT_AFTER,
    NOW,
    account,
    digest,
    envelope,
    post,
    route,
)
from hushpost_store.redis import arrival
from hushpost_store.redis.importing import RedisImport
from hushpost_store.redis.keys import mailbox_keys
from hushpost_store.redis.tally import FORMAT
from hushpost_store.rows import OneTimePrekey, Refusal

from tests.store.redis.conftest import opened as opened_store
from tests.store.redis.moving import both, connections, copy_all, source

LATER = NOW + 2 * HOUR_SECONDS


async def test_what_was_imported_is_equal_on_a_server_and_on_a_cluster(
    redis_url: str, tmp_path: Path
) -> None:
    """Every account has the digest that it has in SQLite, also when it is copied a second time."""
    async with source(tmp_path) as export, connections(redis_url) as shards:
        for _ in range(2):
            await copy_all(export, shards)
            wanted, found = await both(export, shards)
            assert wanted == found
        assert await arrival.counted(shards) == (3, 6)


async def test_a_relay_goes_on_where_the_other_store_stopped(
    single_url: str, tmp_path: Path
) -> None:
    """Mail in order, repetitions, used drops, quotas, knocks, prekeys and notices are as before."""
    async with source(tmp_path) as export, connections(single_url) as shards:
        await copy_all(export, shards)
        await arrival.describe_store(shards, FORMAT, b"g" * 16)
        expected = [row.envelope_id for row in await export.envelopes(route("alice"), 0)]
        mailbox = await export.mailbox(digest("alice"), account("alice").devices[0])
        assert mailbox is not None
    store = await opened_store(single_url, Quotas(knocks_per_day=2))
    alice = digest("alice")
    try:
        assert store.stats().generation == b"g" * 16
        assert (await store.expired_notices(route("alice")))[0].drops == mailbox.expired[0].drops
        opened = await store.open_mailbox(route("alice"), LATER)
        rows = await store.read_backlog(
            route("alice"), opened.epoch, after_sequence=0, limit=99, now=LATER
        )
        assert [row.envelope_id for row in rows] == expected
        assert opened.backlog_end == mailbox.last_sequence
        repeated = await post(store, envelope("alice contact", 4096, to="alice"), LATER)
        assert repeated.place is not None
        assert repeated.place.duplicate
        other = await post(store, envelope("alice used", 5, to="alice"), LATER)
        assert other.reason is Refusal.NO_DROP
        one = await post(store, envelope("alice knock", 6, to="alice"), LATER)
        two = await post(store, envelope("alice knock", 7, to="alice"), LATER)
        assert (one.reason, two.reason) == (None, Refusal.FULL)
        assert one.place is not None
        assert one.place.sequence == mailbox.last_sequence + 1
        taken = OneTimePrekey(digest("alice prekey 0")[:16], DAY + 9, b"again")
        device = account("alice").devices[0].device_id
        assert await store.publish_prekeys(alice, device, one_time=[taken], day=DAY) == 1
        store.acknowledge(route("alice"), opened.epoch, [row.sequence for row in rows], LATER)
        assert (await store.sweep(NOW + 40 * 24 * HOUR_SECONDS)).envelopes > 0
        assert await store.delete_account(alice)
    finally:
        await store.close()


async def test_redis_ends_nothing_before_it_is_told_to(single_url: str, tmp_path: Path) -> None:
    """A migration that waits loses no envelope; afterwards the keys have an end of their own."""
    async with source(tmp_path) as export, connections(single_url) as shards:
        await copy_all(export, shards)
        _, _, heads, order, bodies, _ = mailbox_keys(route("alice"))
        for key in (heads, order, bodies):
            assert await shards.ask(key, b"TTL", key) == -1
        target = RedisImport(shards)
        await target.set_ends(route("alice"), NOT_AFTER, NOW)
        left = await shards.ask(heads, b"TTL", heads)
        assert left == NOT_AFTER * HOUR_SECONDS - int(NOW) + 2 * HOUR_SECONDS
        await target.set_ends(route("alice"), 1, NOW)
        assert await shards.ask(order, b"TTL", order) == 2 * HOUR_SECONDS
