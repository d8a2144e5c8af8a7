"""Deleted envelopes leave the logs of every server, in time."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hushpost_demo.redis_servers import RedisServer, cli, redis_server
from hushpost_store import errors
from hushpost_store.conformance import NOW, QUOTAS, envelope, post, route, with_drops
from hushpost_store.redis import aof_rewriter
from hushpost_store.redis.aof_rewriter import AofRewriter
from hushpost_store.redis.options import RedisOptions
from hushpost_store.redis.shards import Shards
from hushpost_store.redis.store import RedisStore

from tests.store.redis.conftest import follows


class Clock:
    """The relay's clock, moved by hand."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        """Return the time."""
        return self.now


async def _used(url: str, clock: Callable[[], float], **changes: float) -> RedisStore:
    """Open a store, and let one envelope of bob's be acknowledged and one wait."""
    options = replace(RedisOptions(url), **changes)  # type: ignore[arg-type]  # numbers all
    store = RedisStore(options, QUOTAS, clock)
    await store.open()
    await with_drops(store, "alice")
    gone = await post(store, envelope("alice", 1))
    await post(store, envelope("alice", 2))
    opened = await store.open_mailbox(route("bob"), NOW)
    assert gone.place is not None
    store.acknowledge(route("bob"), opened.epoch, [gone.place.sequence], NOW)
    assert await store.expired_notices(route("bob")) == ()
    return store


def _holds(server: RedisServer, number: int) -> bool:
    """Whether any file of a server has the middle of an envelope."""
    piece = envelope("alice", number).envelope[1_000:1_400]
    files = [path for path in server.folder.rglob("*") if path.is_file()]
    return any(piece in path.read_bytes() for path in files)


async def test_a_deleted_envelope_leaves_every_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is in the logs of primary and replica until the rewrite, and in no file after it."""
    monkeypatch.setattr(aof_rewriter, "LOOK_SECONDS", 0.05)
    clock = Clock()
    async with redis_server(tmp_path / "p") as primary, redis_server(tmp_path / "r") as replica:
        await cli("-p", str(replica.port), "replicaof", "127.0.0.1", str(primary.port))
        await follows(primary)
        store = await _used(primary.url, clock)
        await cli("-p", str(primary.port), "wait", "1", "5000")
        clock.now = NOW + 599
        assert store.deletion_lag(clock.now) == 599
        await asyncio.sleep(0.2)
        assert [_holds(server, 1) for server in (primary, replica)] == [True, True]
        clock.now = NOW + 601
        async with asyncio.timeout(30):
            while (  # noqa: ASYNC110 - files of other processes
                store.deletion_lag(clock.now) or _holds(primary, 1) or _holds(replica, 1)
            ):
                await asyncio.sleep(0.05)
        assert [_holds(server, 2) for server in (primary, replica)] == [True, True]
        assert store.stats().checkpoints == 1
        assert store.stats().deletion_seconds_max == 900
        await store.close()


async def test_much_deleted_is_rewritten_early(
    single_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bytes deleted count too, whatever their age."""
    monkeypatch.setattr(aof_rewriter, "LOOK_SECONDS", 0.05)
    store = await _used(single_url, Clock(), rewrite_after_bytes=4096)
    async with asyncio.timeout(30):
        while not store.stats().checkpoints:  # noqa: ASYNC110 - another process's work
            await asyncio.sleep(0.05)
    assert store.deletion_lag(NOW) == 0
    await store.close()


async def test_a_rewrite_of_another_relay_counts(shards: Shards, single_url: str) -> None:
    """What was deleted well before another relay's rewrite began is gone; later things are not."""
    clock = Clock()
    one, other = (AofRewriter(shards, RedisOptions(single_url), clock) for _ in range(2))
    other.deleted(5)
    clock.now += 700
    one.deleted(5)
    assert other.is_due()
    await one.rewrite()
    await other.rewrite()
    assert (one.rewrites, other.rewrites) == (1, 1)
    other.deleted(5)
    clock.now += 650
    one.deleted(5)
    await one.rewrite()
    assert other.lag(clock.now) == 650
    clock.now += 1
    await other.rewrite()
    assert one.lag(clock.now) == 0


async def test_a_rewrite_that_fails_leaves_the_lag(
    shards: Shards, single_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that cannot rewrite is named, and what was deleted still counts from then."""
    clock = Clock()
    rewriter = AofRewriter(shards, RedisOptions(single_url), clock)
    rewriter.deleted()
    clock.now += 700

    async def broken(_self: object, _server: object) -> dict[str, str]:
        return {"aof_enabled": "1", "aof_last_bgrewrite_status": "err"}

    monkeypatch.setattr(AofRewriter, "_idle", broken)
    with pytest.raises(errors.StoreFault, match="look at its disk"):
        await rewriter.rewrite()
    assert rewriter.lag(clock.now) == 700
    assert rewriter.is_due()
    monkeypatch.undo()
    # The server is still at the rewrite that was asked for above: that one is waited for first.
    await rewriter.rewrite()
    assert rewriter.lag(clock.now) == 0


async def test_nothing_deleted_is_nothing_to_rewrite(shards: Shards, single_url: str) -> None:
    """Without a deletion no server is asked."""
    rewriter = AofRewriter(shards, RedisOptions(single_url), Clock())
    await rewriter.rewrite()
    assert (rewriter.rewrites, rewriter.is_due(), rewriter.lag(NOW)) == (0, False, 0)
