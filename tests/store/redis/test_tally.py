"""All relays tell the same sums and generation, and notice when the store forgot."""

import asyncio
import time
from dataclasses import replace

import pytest
from hushpost_store import errors
from hushpost_store.conformance import NOW, QUOTAS, backlog, envelope, post, route, with_drops
from hushpost_store.redis import answers, clocks, tally
from hushpost_store.redis.keys import STORE_KEY
from hushpost_store.redis.options import RedisOptions
from hushpost_store.redis.shards import Shards
from hushpost_store.redis.store import RedisStore

from tests.store.redis.conftest import empty, opened
from tests.store.redis.test_wake_ups import Watcher


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "TELL_SECONDS", 0.05)


async def _until(wanted: tuple[int, int], *stores: RedisStore) -> None:
    async with asyncio.timeout(10):
        while any(  # noqa: ASYNC110 - no event of ours
            (store.stats().queued_envelopes, store.stats().queued_bytes) != wanted
            for store in stores
        ):
            await asyncio.sleep(0.02)


async def test_figures_are_shared(redis_store: RedisStore, single_url: str) -> None:
    """What one relay took in and another gave out is nothing at both, and at a third one."""
    other = await opened(single_url, node="node-b")
    await with_drops(redis_store, "alice")
    await post(redis_store, envelope("alice", 1))
    await post(redis_store, envelope("alice", 2))
    await _until((2, 8192), redis_store, other)
    login = await other.open_mailbox(route("bob"), NOW)
    other.acknowledge(route("bob"), login.epoch, [1], NOW)
    await _until((1, 4096), redis_store, other)
    third = await opened(single_url, node="node-c")
    assert (third.stats().accounts, third.stats().queued_envelopes) == (1, 1)
    await other.close()
    await third.close()


async def test_sums_that_drifted_are_counted_anew(
    redis_store: RedisStore, shards: Shards, single_url: str
) -> None:
    """A relay that died before it told is forgotten with the next sweep, at every relay."""
    other = await opened(single_url, node="node-b")
    await with_drops(redis_store, "alice")
    await post(redis_store, envelope("alice", 1))
    await shards.ask(STORE_KEY, b"HSET", STORE_KEY, b"queued", 70, b"bytes", 7)
    await redis_store.sweep(NOW)
    await _until((1, 4096), redis_store, other)
    await other.close()


async def test_an_emptied_redis_is_another_generation(single_url: str) -> None:
    """Relays that run tell the same new one, and have their devices come again."""
    stores = [await opened(single_url, node=f"node-{n}") for n in range(2)]
    watcher = Watcher()
    stores[0].watch(watcher)
    await with_drops(stores[0], "alice")
    login = await stores[0].open_mailbox(route("bob"), NOW)
    before = stores[0].stats().generation
    assert stores[1].stats().generation == before
    await empty(single_url)
    async with asyncio.timeout(10):
        while any(store.stats().generation == before for store in stores):  # noqa: ASYNC110 - no event of ours
            await asyncio.sleep(0.02)
    for store in stores:
        await store._tally.tell()  # pyright: ignore[reportPrivateUsage] - what a second relay or a sweep calls
    assert stores[0].stats().generation == stores[1].stats().generation
    assert (route("bob"), login.epoch) in watcher.lost
    for store in stores:
        await store.close()


async def test_an_older_state_is_another_generation(
    redis_store: RedisStore, shards: Shards
) -> None:
    """Fewer sweeps than a relay has seen: the disk was brought back. As many: it was not."""
    await redis_store.sweep(NOW)
    await redis_store.sweep(NOW)
    before = redis_store.stats().generation
    await redis_store._tally.tell()  # pyright: ignore[reportPrivateUsage] - what a second relay or a sweep calls
    assert redis_store.stats().generation == before
    await shards.ask(STORE_KEY, b"HSET", STORE_KEY, b"sweeps", 1)
    async with asyncio.timeout(10):
        while redis_store.stats().generation == before:  # noqa: ASYNC110 - no event of ours
            await asyncio.sleep(0.02)
    after = redis_store.stats().generation
    await redis_store._tally.tell()  # pyright: ignore[reportPrivateUsage] - what a second relay or a sweep calls
    assert redis_store.stats().generation == after


async def test_an_operator_has_a_generation_drawn(
    redis_store: RedisStore, shards: Shards, single_url: str
) -> None:
    """Removing the field is enough, and relays that run or start then agree on one."""
    before = redis_store.stats().generation
    assert await shards.ask(STORE_KEY, b"HDEL", STORE_KEY, b"generation") == 1
    async with asyncio.timeout(10):
        while redis_store.stats().generation == before:  # noqa: ASYNC110 - no event of ours
            await asyncio.sleep(0.02)
    other = await opened(single_url, node="node-b")
    assert other.stats().generation == redis_store.stats().generation
    await other.close()


async def test_what_was_not_told_is_told_later(
    redis_store: RedisStore, shards: Shards, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault loses no count."""
    await with_drops(redis_store, "alice")
    ran = Shards.run

    async def away(shards: Shards, script: str, *arguments: object) -> object:
        if script == "tally":
            raise errors.StoreFault("away")
        return await ran(shards, script, *arguments)  # type: ignore[arg-type]  # passed on

    monkeypatch.setattr(Shards, "run", away)
    await post(redis_store, envelope("alice", 1))
    await asyncio.sleep(0.2)
    assert redis_store.stats().queued_envelopes == 1
    monkeypatch.undo()
    await redis_store._tally.tell()  # pyright: ignore[reportPrivateUsage] - what a second relay or a sweep calls
    assert await shards.ask(STORE_KEY, b"HGET", STORE_KEY, b"queued") == b"1"
    assert len(await backlog(redis_store)) == 1


async def test_renewing_draws_one_generation_for_all(
    redis_store: RedisStore, single_url: str
) -> None:
    """Two that notice the same draw it once."""
    other = await opened(single_url, node="node-b")
    before = other.stats().generation
    await redis_store._tally.renew()  # pyright: ignore[reportPrivateUsage] - what a second relay or a sweep calls
    await other._tally.renew()  # pyright: ignore[reportPrivateUsage] - what a second relay or a sweep calls
    assert redis_store.stats().generation == other.stats().generation != before
    await other.close()


async def test_a_wrong_clock_neither_opens_nor_sweeps(single_url: str) -> None:
    """By it nothing is deleted where a store is open, and no store opens."""
    drift = [0.0]
    options = replace(RedisOptions(single_url), node="node-z")
    store = RedisStore(options, QUOTAS, machine_clock=lambda: time.time() + drift[0])
    await store.open()
    drift[0] = 90_000.0
    with pytest.raises(clocks.ClocksApart, match="NTP"):
        await store.sweep(NOW)
    again = RedisStore(options, QUOTAS, machine_clock=lambda: time.time() + drift[0])
    with pytest.raises(clocks.ClocksApart):
        await again.open()
    await store.close()


@pytest.mark.parametrize("damage", [b"", b"nan", b"1.5", b"9" * 30, b"\xff"])
async def test_damaged_sums_are_counted_anew(
    redis_store: RedisStore, single_url: str, shards: Shards, damage: bytes
) -> None:
    """They keep no relay from starting, and a sweep puts them right; no relay learns them."""
    await with_drops(redis_store, "alice")
    await post(redis_store, envelope("alice", 1))
    names = (b"accounts", b"queued", b"bytes", b"sweeps")
    damaged = [part for name in names for part in (name, damage)]
    await shards.ask(STORE_KEY, b"HSET", STORE_KEY, *damaged)
    other = await opened(single_url, node="node-b")
    assert other.stats().queued_envelopes == 1
    await shards.ask(STORE_KEY, b"HSET", STORE_KEY, *damaged)
    await redis_store.sweep(NOW)
    # A second later it tells what it saw before: the sweep has counted that.
    await redis_store._tally.tell()  # pyright: ignore[reportPrivateUsage] - what a second relay or a sweep calls
    sums = answers.items(await shards.ask(STORE_KEY, b"HMGET", STORE_KEY, *names))
    assert sums[:3] == [b"1", b"1", b"4096"]
    assert 0 < int(answers.blob(sums[3])) < 1_000
    await other.close()
