"""A Redis as a whole: whether it is empty, who uses it, and taking everything out again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hushpost_demo.redis_servers import KEEPS, RedisServer, redis_server
from hushpost_store import Quotas, errors
from hushpost_store.conformance.stage import envelope
from hushpost_store.redis import arrival
from hushpost_store.redis.keys import STORE_KEY, SWEEP_KEY
from hushpost_store.redis.options import Durability, RedisOptions
from hushpost_store.redis.probe import ServerUnfit
from hushpost_store.redis.shards import Shards

from tests.store.redis.conftest import opened
from tests.store.redis.moving import connections, copy_all, source


async def test_an_empty_store_is_empty(shards: Shards, single_url: str) -> None:
    """What describes a store that was opened once is nothing; a key of anybody's is something."""
    store = await opened(single_url, Quotas())
    await store.sweep(0)
    await store.close()
    assert not await arrival.holds_anything(shards)
    await arrival.begin_store(shards)
    assert await shards.ask(STORE_KEY, b"EXISTS", STORE_KEY) == 0
    assert await shards.ask(SWEEP_KEY, b"EXISTS", SWEEP_KEY) == 0
    await shards.ask(b"visitors", b"SET", b"visitors", b"1")
    assert await arrival.holds_anything(shards)


async def test_relays_that_run_are_counted(shards: Shards, single_url: str) -> None:
    """Each is seen by the channel that it listens on, and not any more when it stopped."""
    stores = [await opened(single_url, node=f"node-{number}") for number in range(2)]
    for store in stores:
        store.watch(Nobody())
    await until_count(shards, 2)
    for store in stores:
        await store.close()
    await until_count(shards, 0)


async def until_count(shards: Shards, wanted: int) -> None:
    """Wait until so many relays are counted."""
    async with asyncio.timeout(20):
        while await arrival.relays_running(shards) != wanted:  # noqa: ASYNC110 - no event of ours
            await asyncio.sleep(0.01)


class Nobody:
    """A relay without clients."""

    def mail_waits(self, route: bytes, sequence: int) -> None:
        """See `LoginWatcher`."""

    def ephemeral_came(
        self, route: bytes, envelope_id: bytes, drop_ref: bytes, not_after: int, envelope: bytes
    ) -> None:
        """See `LoginWatcher`."""

    def login_moved(self, route: bytes, epoch: int) -> None:
        """See `LoginWatcher`."""

    def login_lost(self, route: bytes, epoch: int) -> None:
        """See `LoginWatcher`."""


async def test_everything_is_removed_from_a_cluster(redis_url: str, tmp_path: Path) -> None:
    """Accounts and mailboxes of every server, and what describes the store."""
    async with source(tmp_path) as export, connections(redis_url) as shards:
        await copy_all(export, shards)
        await arrival.describe_store(shards, b"1", bytes(16))
        assert await arrival.remove_all(shards, RedisOptions(redis_url)) > 20
        assert [keys async for keys in arrival.every_key(shards) if keys] == []


async def test_what_was_removed_is_in_no_log(tmp_path: Path) -> None:
    """No envelope is left in the files of the server."""
    piece = envelope("alice contact", 4096, to="alice").envelope[64:128]
    async with (
        redis_server(tmp_path / "redis") as server,
        source(tmp_path) as export,
        arrival.reached(RedisOptions(server.url)) as shards,
    ):
        await copy_all(export, shards)
        assert _in_files(server, piece)
        await arrival.remove_all(shards, RedisOptions(server.url))
        assert not _in_files(server, piece)


def _in_files(server: RedisServer, piece: bytes) -> bool:
    return any(piece in file.read_bytes() for file in server.folder.rglob("*") if file.is_file())


async def test_a_server_that_forgets_is_not_moved_to(tmp_path: Path) -> None:
    """The same settings are asked of it as of any relay's, replicas included."""
    async with redis_server(tmp_path, {**KEEPS, "appendfsync": "everysec"}) as server:
        with pytest.raises(ServerUnfit, match="appendfsync always"):
            await arrival.reached(RedisOptions(server.url)).__aenter__()
        replicated = RedisOptions(server.url, Durability.REPLICATED)
        with pytest.raises(errors.StoreFault):
            await arrival.reached(replicated).__aenter__()
