"""Servers of the wrong kind, real ones: a replica, a Sentinel, several that are no cluster."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hushpost_demo.redis_servers import (
    KEEPS,
    RedisCluster,
    RedisServer,
    cli,
    free_ports,
    redis_server,
)
from hushpost_store.redis.options import RedisOptions
from hushpost_store.redis.role import WrongServer
from hushpost_store.redis.store import RedisStore

from tests.store.redis.acting_server import ActingServer, Asked, acting, bulk
from tests.store.redis.conftest import follows, opened
from tests.waiting import until


async def refused(url: str, words: str) -> None:
    """See that a store does not open and says why."""
    with pytest.raises(WrongServer, match=words):
        await RedisStore(RedisOptions(url)).open()


async def test_a_replica_names_its_primary(tmp_path: Path) -> None:
    """Connecting would succeed, and no mail be taken."""
    async with (
        redis_server(tmp_path / "primary") as primary,
        redis_server(tmp_path / "replica") as replica,
    ):
        await cli("-p", str(replica.port), "replicaof", "127.0.0.1", str(primary.port))
        await follows(primary)
        await refused(replica.url, f"is a replica of 127.0.0.1:{primary.port}")
        await (await opened(primary.url)).close()


def _written(folder: Path, port: int, watched: RedisServer) -> Path:
    folder.mkdir()
    configuration = folder / "sentinel.conf"
    configuration.write_text(
        f"port {port}\nbind 127.0.0.1\ndir {folder}\n"
        f"sentinel monitor office 127.0.0.1 {watched.port} 1\n"
    )
    return configuration


@asynccontextmanager
async def sentinel(folder: Path, watched: RedisServer) -> AsyncGenerator[int]:
    """Run a Sentinel that watches a server, and give its port."""
    (port,) = free_ports(1)
    configuration = _written(folder, port, watched)
    with subprocess.Popen(  # noqa: ASYNC220 - it returns at once, and outlives the event loop
        ["redis-server", str(configuration), "--sentinel"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            await until(lambda: _takes(port))
            yield port
        finally:
            process.kill()


def _takes(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def test_a_sentinel_is_no_redis(tmp_path: Path) -> None:
    """It answers on a port that looks the same."""
    async with (
        redis_server(tmp_path / "redis") as server,
        sentinel(tmp_path / "sentinel", server) as port,
    ):
        await refused(f"redis://127.0.0.1:{port}", "is a Sentinel")


async def test_several_servers_without_a_cluster_are_refused(tmp_path: Path) -> None:
    """The first that answers would be taken, and relays might find different ones."""
    async with redis_server(tmp_path / "a", KEEPS) as one, redis_server(tmp_path / "b") as other:
        url = f"redis://127.0.0.1:{one.port},127.0.0.1:{other.port}"
        await refused(url, "names 2 servers")


async def test_a_server_that_is_too_old_is_named() -> None:
    """Its version is said, and that of a server that says none is not guessed."""
    for said, words in ((b"6.2.6", r"version 6\.2\.6, and relays need 7\.0"), (b"", "unknown")):
        info = bulk(b"redis_version:%s\r\n" % said)

        def old(asked: Asked, info: bytes = info) -> bytes | None:
            return info if asked == [b"INFO", b"server"] else None

        async with acting(ActingServer(old)) as server:
            await refused(f"redis://127.0.0.1:{server.port}", words)


async def test_a_user_that_may_do_too_little_is_told_so(tmp_path: Path) -> None:
    """Without its channels mail would come late, and without scripts not at all."""
    async with redis_server(tmp_path) as server:
        url = f"redis://u:p@127.0.0.1:{server.port}"
        for rules, words in (
            (("~*", "resetchannels", "+@all"), "does not let the relay's user use the channels"),
            (("~*", "&*", "+@all", "-script"), "does not let the relay's user load scripts"),
        ):
            await cli("-p", str(server.port), "acl", "setuser", "u", "reset", "on", ">p", *rules)
            await refused(url, words)


async def test_a_member_of_a_cluster_leads_to_all(running_cluster: RedisCluster) -> None:
    """Naming one replica of a cluster is enough."""
    await (await opened(running_cluster.servers[-1].url)).close()
