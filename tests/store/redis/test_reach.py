"""Asking whether every server is there, on real servers that are ended and frozen."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from hushpost_demo.redis_servers import RedisServer, redis_server
from hushpost_store.errors import StoreFault
from hushpost_store.redis.options import RedisOptions
from hushpost_store.redis.store import RedisStore


async def impatient(server: RedisServer) -> RedisStore:
    """Open a store that waits half a second for a connection, and for an answer."""
    options = replace(
        RedisOptions(server.url), answer_seconds_max=0.5, connect_seconds_max=0.5, node="n"
    )
    store = RedisStore(options)
    await store.open()
    return store


async def until_reached(store: RedisStore) -> None:
    """Ask until it answers; the test's own timeout ends what never does."""
    while True:
        try:
            await store.reach()
        except StoreFault:
            await asyncio.sleep(0.05)
        else:
            return


async def test_a_server_that_is_there_is_reached(redis_store: RedisStore) -> None:
    """Nothing is raised."""
    await redis_store.reach()


@pytest.mark.timeout(60)
async def test_a_dead_and_a_silent_server_are_named_in_time(tmp_path: Path) -> None:
    """Killed or frozen: host and port are said within two seconds, and again when it is back."""
    async with redis_server(tmp_path) as server:
        store = await impatient(server)
        server.kill()
        with pytest.raises(StoreFault, match=f"127.0.0.1:{server.port} does not answer"):
            await store.reach()
        await server.start()
        await until_reached(store)
        assert server.process is not None
        server.process.send_signal(signal.SIGSTOP)
        for _ in range(2):  # on the connection that stands, and on one to be made
            async with asyncio.timeout(2):
                with pytest.raises(StoreFault, match=f"127.0.0.1:{server.port} does not answer"):
                    await store.reach()
        server.process.send_signal(signal.SIGCONT)
        await until_reached(store)
        await store.close()


@pytest.mark.timeout(60)
async def test_a_server_that_refuses_is_said_to_be_there(tmp_path: Path) -> None:
    """Who may not even ask is told so, and not that nobody answers."""
    async with redis_server(tmp_path) as server:
        store = await impatient(server)
        await store._shards.ask_server(  # pyright: ignore[reportPrivateUsage] - the way in
            store._shards.primaries[0],  # pyright: ignore[reportPrivateUsage] - as above
            *(b"ACL", b"SETUSER", b"default", b"-ping"),
        )
        with pytest.raises(StoreFault, match=r"answers, and is not well: .*NOPERM"):
            await store.reach()
        await store.close()
