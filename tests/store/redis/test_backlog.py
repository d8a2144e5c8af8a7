"""What a primary keeps for replicas that fall behind is overwritten."""

import asyncio
from pathlib import Path

import pytest
from hushpost_demo.redis_servers import RedisCluster, RedisServer, cli, redis_server
from hushpost_store.redis import backlog
from hushpost_store.redis.command import ServerError
from hushpost_store.redis.options import RedisOptions
from hushpost_store.redis.shards import Shards
from hushpost_store.redis.url import RedisUrl

from tests.store.redis.conftest import follows

PIECE = b"0123456789abcdef" * 4


def _times_in_memory(server: RedisServer) -> int:
    """Count a piece in what a server mapped without a file: there it keeps what it is given."""
    assert server.process is not None
    place = Path(f"/proc/{server.process.pid}")
    times = 0
    with (place / "maps").open() as maps, (place / "mem").open("rb", buffering=0) as memory:
        for line in maps:
            places, rights, _, _, _, *name = line.split()
            if rights.startswith("rw") and (not name or name == ["[heap]"]):
                first, last = (int(place, 16) for place in places.split("-"))
                memory.seek(first)
                times += memory.read(last - first).count(PIECE)
    return times


async def test_what_was_deleted_leaves_the_backlogs_of_both(tmp_path: Path) -> None:
    """It stays in the memory of primary and replica until zeros were written over it.

    But for the buffer from which a replica took it, which the next command overwrites.
    """
    async with redis_server(tmp_path / "p") as primary, redis_server(tmp_path / "r") as replica:
        await cli("-p", str(replica.port), "replicaof", "127.0.0.1", str(primary.port))
        await follows(primary)
        shards = Shards(RedisUrl.parse(primary.url), RedisOptions(primary.url))
        await shards.open()
        (address,) = shards.primaries
        # From a connection that ends: its own buffer goes with it.
        await cli("-p", str(primary.port), "set", "mail", (PIECE * 100).decode())
        await shards.ask_server(address, b"DEL", b"mail")
        await shards.ask_server(address, b"WAIT", 1, 5_000)
        assert _times_in_memory(primary) >= 100
        held = _times_in_memory(replica)
        assert held > 150
        assert await backlog.overwrite(shards, address) == (1 << 20) + (512 << 10)
        async with asyncio.timeout(20):
            while _times_in_memory(primary) or _times_in_memory(replica) > held - 50:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        assert await shards.ask_server(address, b"DBSIZE") == 0
        await shards.close()


async def test_without_replicas_nothing_is_written(shards: Shards) -> None:
    """A server that has no backlog is left alone."""
    (address,) = shards.primaries
    assert await backlog.overwrite(shards, address) == 0


async def test_what_scripts_were_given_is_freed(tmp_path: Path) -> None:
    """It stays with the interpreter until it is told; a user who may not tell it is no fault."""
    async with redis_server(tmp_path) as server:
        shards = Shards(RedisUrl.parse(server.url), RedisOptions(server.url))
        await shards.open()
        (address,) = shards.primaries
        given = (PIECE * 100).decode()
        await cli("-p", str(server.port), "eval", "return #ARGV[1]", "0", given)
        assert _times_in_memory(server) >= 100
        await backlog.collect(shards, address)
        assert _times_in_memory(server) == 0
        await cli("-p", str(server.port), "acl", "setuser", "default", "-eval")
        await backlog.collect(shards, address)
        await shards.close()


async def test_what_connections_took_last_is_overwritten(tmp_path: Path) -> None:
    """A server keeps it in the buffers of each of them until something else comes that way."""
    async with redis_server(tmp_path) as server:
        shards = Shards(RedisUrl.parse(server.url), RedisOptions(server.url))
        await shards.open()
        for number in range(40):
            key = b"{%d}:mail" % number
            await shards.ask(key, b"SET", key, PIECE * 60)
            await shards.ask(key, b"GET", key)
            await shards.ask(key, b"DEL", key)
        assert _times_in_memory(server) > 60
        shards.overwrite_buffers()
        async with asyncio.timeout(20):
            while _times_in_memory(server):  # noqa: ASYNC110 - another process's work
                await asyncio.sleep(0.1)
        await shards.close()


async def test_a_full_server_is_no_fault(tmp_path: Path) -> None:
    """It cannot take the zeros, and what frees room goes on."""
    async with redis_server(tmp_path / "p") as primary, redis_server(tmp_path / "r") as replica:
        await cli("-p", str(replica.port), "replicaof", "127.0.0.1", str(primary.port))
        await follows(primary)
        await cli("-p", str(primary.port), "config", "set", "maxmemory", "1")
        shards = Shards(RedisUrl.parse(primary.url), RedisOptions(primary.url))
        await shards.open()
        assert await backlog.overwrite(shards, shards.primaries[0]) == 0
        await shards.close()


async def test_each_primary_of_a_cluster_has_a_key(running_cluster: RedisCluster) -> None:
    """The name is drawn until its slot is the server's; a server without slots has none."""
    url = running_cluster.url
    shards = Shards(RedisUrl.parse(url), RedisOptions(url))
    await shards.open()
    keys = {address: backlog.key_at(shards, address) for address in shards.primaries}
    assert len(set(keys.values())) == 3
    assert all(shards.owner_of(key) == address for address, key in keys.items())
    with pytest.raises(ServerError, match="owns no slot"):
        backlog.key_at(shards, keys.popitem()[0]._replace(port=1))
    await shards.close()
