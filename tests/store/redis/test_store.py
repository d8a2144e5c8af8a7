"""The Redis store keeps the contract, alone and among several relays."""

import asyncio
from dataclasses import replace
from pathlib import Path
from time import time

import pytest
from hushpost_demo.redis_servers import cli
from hushpost_store import errors
from hushpost_store.conformance import (
    DAY,
    NOW,
    QUOTAS,
    Recorder,
    account,
    backlog,
    check,
    digest,
    envelope,
    post,
    route,
    run_conformance,
    with_drops,
)
from hushpost_store.quotas import Quotas
from hushpost_store.redis import accounts
from hushpost_store.redis.clocks import ClocksApart
from hushpost_store.redis.keys import STORE_KEY, account_keys, mailbox_keys
from hushpost_store.redis.options import RedisOptions
from hushpost_store.redis.probe import ServerUnfit
from hushpost_store.redis.shards import Shards
from hushpost_store.redis.store import RedisStore
from hushpost_store.rows import OneTimePrekey, Refusal, ServiceMark

from tests.store.redis.conftest import empty, opened
from tests.store.redis.test_wake_ups import Watcher

DAY_SECONDS = 86_400


async def test_the_conformance_suite_passes(redis_url: str) -> None:
    """Every case holds, on a single server and on a cluster."""

    async def factory(quotas: Quotas) -> RedisStore:
        await empty(redis_url)
        return await opened(redis_url, quotas)

    results = await run_conformance(factory)
    assert len(results) > 15
    assert [result for result in results if not result.passed] == []


async def test_what_one_relay_took_another_delivers(redis_url: str) -> None:
    """A login at one node ends that at another, and finds what was posted at either."""
    await empty(redis_url)
    one, other = await opened(redis_url), await opened(redis_url, node="node-b")
    await with_drops(one, "alice")
    stale = await one.open_mailbox(route("bob"), NOW)
    first = await post(one, envelope("alice", 1))
    await post(other, envelope("alice", 2))
    present = await other.open_mailbox(route("bob"), NOW)
    assert present.epoch > stale.epoch
    assert first.place is not None
    one.acknowledge(route("bob"), stale.epoch, [first.place.sequence], NOW)
    assert (
        await one.read_backlog(route("bob"), stale.epoch, after_sequence=0, limit=9, now=NOW) == []
    )
    assert len(await backlog(other)) == 2
    await one.close()
    await other.close()


async def test_what_is_accepted_outlives_the_store(
    redis_store: RedisStore, single_url: str
) -> None:
    """Closed and opened anew, the store has mail, accounts, figures and generation as before."""
    await with_drops(redis_store, "alice")
    await post(redis_store, envelope("alice", 1))
    before = redis_store.stats()
    await redis_store.close()
    again = await opened(single_url)
    after = again.stats()
    assert (after.accounts, after.queued_envelopes, after.queued_bytes) == (1, 1, 4096)
    assert after.generation == before.generation
    assert len(after.generation) == 16
    assert [row.envelope for row in await backlog(again)] == [envelope("alice", 1).envelope]
    await again.close()


async def test_one_relay_sweeps_at_a_time(redis_store: RedisStore, single_url: str) -> None:
    """While one relay has the turn, another leaves what has expired alone."""
    other = await opened(single_url, node="node-b")
    await with_drops(redis_store, "alice")
    await post(redis_store, envelope("alice", 1, not_after=(DAY + 1) * 24))
    await redis_store.sweep(NOW)
    late = NOW + 2 * DAY_SECONDS
    assert (await other.sweep(late)).envelopes == 0
    report = await redis_store.sweep(late)
    assert (report.envelopes, report.routes) == (1, (route("bob"),))
    assert redis_store.stats().queued_envelopes == 0
    await other.close()


async def test_a_sweep_finishes_what_a_crash_broke_off(
    redis_store: RedisStore, shards: Shards, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A half deleted account is finished; a mailbox of nobody goes, but not at first sight."""
    await with_drops(redis_store, "alice")
    await shards.run("claim", mailbox_keys(b"r" * 16), digest("nobody") + b"d" * 16, b"c" * 8)
    await redis_store.create_account(account("carol"))
    await shards.run("mark_deleting", account_keys(digest("carol")), b"m" * 8)
    assert await redis_store.load_account(digest("carol")) is None
    await redis_store.sweep(NOW)
    assert await shards.run("open", mailbox_keys(b"r" * 16), b"node", 9, 9, 1) is not None
    monkeypatch.setattr(accounts, "ORPHAN_SECONDS", 0.0)
    await redis_store.sweep(NOW)
    assert await shards.run("open", mailbox_keys(b"r" * 16), b"node", 9, 9, 1) is None
    assert await shards.run("open", mailbox_keys(route("carol")), b"node", 9, 9, 1) is None
    assert await redis_store.load_account(digest("bob")) is not None
    assert redis_store.stats().accounts == 1


async def test_what_no_relay_swept_is_told_all_the_same(
    redis_store: RedisStore, shards: Shards
) -> None:
    """Redis ends what outlived its time by itself; the owner learns how many there were."""
    await with_drops(redis_store, "alice")
    await post(redis_store, envelope("alice", 1))
    keys = mailbox_keys(route("bob"))
    left = await shards.ask(keys[4], b"TTL", keys[4])
    assert isinstance(left, int)
    assert 14 * DAY_SECONDS < left < 17 * DAY_SECONDS
    for key in keys[2:5]:
        await shards.ask(key, b"EXPIRE", key, -1)
    opened_mailbox = await redis_store.open_mailbox(route("bob"), NOW)
    assert opened_mailbox.queued == 0
    assert [drop.envelopes for drop in opened_mailbox.expired[0].drops] == [1]
    assert (await post(redis_store, envelope("alice", 2))).reason is None
    assert len(await backlog(redis_store)) == 1


async def test_prekeys_go_out_once_among_relays(redis_store: RedisStore, single_url: str) -> None:
    """Two relays that take at once never hand out one record twice."""
    other = await opened(single_url, node="node-b")
    bob = account("bob")
    await redis_store.create_account(bob)
    records = [OneTimePrekey(digest(f"p{n}")[:16], DAY + 9, b"record %d" % n) for n in range(4)]
    device_id = bob.devices[0].device_id
    await redis_store.publish_prekeys(bob.account_id, device_id, one_time=records, day=DAY)
    takes = [store.take_prekeys(bob.account_id, DAY) for store in (redis_store, other) * 4]
    taken = [one.bundles[0].one_time for one in await asyncio.gather(*takes) if one is not None]
    assert sorted(record for record in taken if record) == [prekey.record for prekey in records]
    await other.close()


async def test_a_store_of_a_newer_format_is_not_touched(
    redis_store: RedisStore, shards: Shards, single_url: str
) -> None:
    """Opening refuses and says to upgrade."""
    await shards.ask(STORE_KEY, b"HSET", STORE_KEY, b"format", b"2")
    with pytest.raises(errors.StoreNewer, match="upgrade"):
        await opened(single_url)


async def test_there_is_no_backup_of_a_shared_store(
    redis_store: RedisStore, tmp_path: Path
) -> None:
    """The answer says what takes its place."""
    with pytest.raises(errors.BackupUnsupported, match="replicas"):
        await redis_store.backup(tmp_path / "copy")


async def test_pressure_is_what_waits_for_answers(redis_store: RedisStore) -> None:
    """Nothing waits when all is answered, and closing waits for what is under way."""
    await with_drops(redis_store, "alice")
    recorder = Recorder()
    redis_store.submit(envelope("alice", 1), recorder, NOW)
    assert redis_store.stats().pending_bytes > 4096
    assert not redis_store.under_pressure()
    await redis_store.pressure_relieved()
    await redis_store.close()
    check(recorder.told == ["admitted", "committed"], "closing waits for the answer")
    assert redis_store.deletion_lag(NOW) == 0.0
    late = await post(redis_store, envelope("alice", 2))
    assert late.told == ["refused"]
    assert QUOTAS.drops_max == 4


async def test_a_full_redis_frees_itself(single_url: str) -> None:
    """Senders retry; owners log in and acknowledge, sweeps delete, accounts go, nodes start."""
    store = await opened(single_url)
    await with_drops(store, "alice")
    for number in range(2):
        await post(store, envelope("alice", number, not_after=(DAY + 1) * 24))
    port = single_url.rpartition(":")[2]
    await cli("-p", port, "config", "set", "maxmemory", "1mb")
    try:
        assert (await post(store, envelope("nobody", 7))).reason is Refusal.NO_DROP
        assert (await post(store, envelope("alice", 7))).reason is Refusal.RETRY
        assert store.stats().faulty
        mailbox = await store.open_mailbox(route("bob"), NOW)
        store.acknowledge(route("bob"), mailbox.epoch, [1], NOW)
        assert (await store.sweep(NOW + 2 * DAY_SECONDS)).envelopes == 1
        await (await opened(single_url, node="node-b")).close()
        assert await store.delete_account(digest("bob"))
    finally:
        await cli("-p", port, "config", "set", "maxmemory", "0")
        await store.close()


async def test_relays_agree_on_who_they_are(redis_store: RedisStore, single_url: str) -> None:
    """The first mark stands for all of them until somebody names it to replace it."""
    other = await opened(single_url, node="node-b")
    mine, theirs = ServiceMark(b"a" * 32, "one.test"), ServiceMark(b"b" * 32, "two.test")
    assert await other.service() is None
    assert await redis_store.claim_service(mine, instead_of=None) == mine
    assert await other.claim_service(theirs, instead_of=None) == mine
    assert await other.service() == mine
    assert await other.claim_service(theirs, instead_of=mine) == theirs
    assert await redis_store.service() == theirs
    await other.close()


async def test_who_was_logged_in_before_redis_forgot_is_told(
    redis_store: RedisStore, single_url: str
) -> None:
    """Its device comes again, and learns that its mail and mailbox are gone."""
    watcher = Watcher()
    redis_store.watch(watcher)
    await with_drops(redis_store, "alice")
    login = await redis_store.open_mailbox(route("bob"), NOW)
    await empty(single_url)
    await redis_store._tally.tell()  # pyright: ignore[reportPrivateUsage] - what its timer calls
    async with asyncio.timeout(10):
        while (route("bob"), login.epoch) not in watcher.lost:  # noqa: ASYNC110 - no event of ours
            await asyncio.sleep(0.02)


async def test_a_setting_that_is_no_more_is_told_until_it_is_mended(single_url: str) -> None:
    """By who looks after the relay, at each look; and servers that are well are looked at less."""
    port = single_url.rpartition(":")[2]
    options = replace(RedisOptions(single_url), probe_seconds=3_600.0)
    store = RedisStore(options, QUOTAS)
    await store.open()
    await store.reach()
    await cli("-p", port, "config", "set", "maxmemory-policy", "allkeys-lru")
    try:
        await store.reach()  # it was well a moment ago
        store._probe_at = 0.0  # pyright: ignore[reportPrivateUsage] - an hour later
        for _ in range(2):
            with pytest.raises(ServerUnfit, match="noeviction"):
                await store.reach()
    finally:
        await cli("-p", port, "config", "set", "maxmemory-policy", "noeviction")
    await store.reach()
    await store.close()


async def test_by_a_wrong_clock_nothing_is_swept(single_url: str) -> None:
    """What is not due stays; with the right time it goes on."""
    drift = [0.0]
    store = RedisStore(RedisOptions(single_url), QUOTAS, machine_clock=lambda: time() + drift[0])
    await store.open()
    drift[0] = 90_000.0
    with pytest.raises(ClocksApart):
        await store.sweep(NOW)
    drift[0] = 0.0
    assert (await store.sweep(NOW)).envelopes == 0
    await store.close()
