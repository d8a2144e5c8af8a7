"""Which replicas follow a primary."""

from pathlib import Path

from hushpost_demo.redis_servers import cli, redis_server
from hushpost_store.redis.address import Address
from hushpost_store.redis.options import RedisOptions
from hushpost_store.redis.replication import replicas_of
from hushpost_store.redis.shards import Shards
from hushpost_store.redis.url import RedisUrl

from tests.store.redis.conftest import follows


async def test_a_replica_is_named_once_it_follows(tmp_path: Path) -> None:
    """None before, its address after."""
    async with redis_server(tmp_path / "p") as primary, redis_server(tmp_path / "r") as replica:
        shards = Shards(RedisUrl.parse(primary.url), RedisOptions(primary.url))
        await shards.open()
        (address,) = shards.primaries
        assert await replicas_of(shards, address) == []
        await cli("-p", str(replica.port), "replicaof", "127.0.0.1", str(primary.port))
        await follows(primary)
        assert await replicas_of(shards, address) == [Address("127.0.0.1", replica.port)]
        await shards.close()
