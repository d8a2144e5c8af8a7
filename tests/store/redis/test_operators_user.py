"""The user that docs/operating.md gives to relays: all that they do is allowed, and little else."""

import re
from pathlib import Path

import pytest
from hushpost_demo.redis_servers import KEEPS, RedisCluster, cli, redis_server
from hushpost_store.conformance import NOW, envelope, post, route, with_drops
from hushpost_store.redis.command import ServerError
from hushpost_store.redis.options import Durability, RedisOptions
from hushpost_store.redis.store import RedisStore

from tests.store.redis.conftest import empty

PAGE = Path(__file__).parents[3] / "docs" / "operating.md"
USER = re.compile(r"^user hushpost on >PASSWORD (.+)$", re.MULTILINE)
DENIED = (
    (b"FLUSHALL",),
    (b"KEYS", b"*"),
    (b"MONITOR",),
    (b"CONFIG", b"SET", b"appendonly", b"no"),
    (b"SHUTDOWN", b"NOSAVE"),
    (b"REPLICAOF", b"127.0.0.1", b"1"),
    (b"ACL", b"LIST"),
)


def rules() -> list[str]:
    """Give the rules as they stand on the page."""
    (line,) = USER.findall(PAGE.read_text())
    return ["reset", "on", ">PASSWORD", *line.split()]


async def serves_mail(url: str, durability: Durability) -> RedisStore:
    """Do what relays do all day; gives the store, which is open."""
    store = RedisStore(RedisOptions(url, durability))
    await store.open()
    await store.reach()
    await with_drops(store, "alice")
    taken = await post(store, envelope("alice", 1))
    login = await store.open_mailbox(route("bob"), NOW)
    assert taken.place is not None
    store.acknowledge(route("bob"), login.epoch, [taken.place.sequence], NOW)
    await store.sweep(NOW)
    await store._rewriter.look()  # pyright: ignore[reportPrivateUsage] - what its timer calls
    await store._rewriter.rewrite()  # pyright: ignore[reportPrivateUsage] - as above
    assert store.stats().checkpoints == 1
    assert not store.stats().faulty
    return store


async def test_the_user_of_the_page_serves_mail(tmp_path: Path) -> None:
    """On a single server; and what would empty, watch or change the server is refused to it."""
    async with redis_server(tmp_path, {**KEEPS, "protected-mode": "yes"}) as server:
        place = ("-p", str(server.port))
        assert "OK" in await cli(*place, "acl", "setuser", "hushpost", *rules())
        await cli(*place, "acl", "setuser", "default", "off")
        store = await serves_mail(f"redis://hushpost:PASSWORD@{server.place}", Durability.SYNCED)
        shards = store._shards  # pyright: ignore[reportPrivateUsage] - to speak as this user
        (address,) = shards.primaries
        for command in DENIED:
            with pytest.raises(ServerError, match="NOPERM"):
                await shards.ask_server(address, *command)
        await store.close()


async def test_the_user_of_the_page_serves_mail_in_a_cluster(running_cluster: RedisCluster) -> None:
    """On primaries and replicas, with replicas that are waited for."""
    await empty(running_cluster.url)
    ports = [str(server.port) for server in running_cluster.servers]
    for port in ports:
        assert "OK" in await cli("-p", port, "acl", "setuser", "hushpost", *rules())
    url = running_cluster.url.replace("redis://", "redis://hushpost:PASSWORD@")
    store = await serves_mail(url, Durability.REPLICATED)
    await store.close()
    for port in ports:
        await cli("-p", port, "acl", "deluser", "hushpost")
