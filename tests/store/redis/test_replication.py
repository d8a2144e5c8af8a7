"""Which replicas follow a primary."""

import asyncio
import signal
from pathlib import Path

import pytest
from hushpost_demo.redis_servers import cli, redis_server
from hushpost_store.redis.address import Address
from hushpost_store.redis.command import Answer, ServerError
from hushpost_store.redis.options import RedisOptions
from hushpost_store.redis.replication import life_of, replicas_of
from hushpost_store.redis.shards import Shards
from hushpost_store.redis.url import RedisUrl

from tests.store.redis.conftest import follows


def test_a_life_that_cannot_be_read_is_a_fault() -> None:
    """Of a server that calls itself a primary and does not say more, or nonsense."""
    assert life_of(b"role:slave\r\n") is None
    assert life_of(b"role:master\r\nmaster_replid:%s\r\n" % (b"ab" * 20)) == b"\xab" * 8
    for said in (b"role:master\r\n", b"role:master\r\nmaster_replid:xyz\r\n", None):
        with pytest.raises(ServerError):
            life_of(said)


async def test_replicas_that_cannot_be_read_are_passed_over(
    shards: Shards, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line of another form hides no replica beside it."""
    rows = (b"ip=h,port=1,state=online", b"ip=h,port=,state=online", b"nonsense=", b"state=online")
    said = b"".join(b"slave%d:%s\r\n" % row for row in enumerate(rows)) + b"slave_x:1\r\n\xff"

    async def ask(_shards: Shards, _address: Address, *_: bytes | int) -> Answer:
        return said

    monkeypatch.setattr(Shards, "ask_server", ask)
    assert await replicas_of(shards, shards.primaries[0]) == [Address("h", 1)]
    monkeypatch.undo()


async def test_a_replica_is_named_once_it_follows(tmp_path: Path) -> None:
    """None before, its address after; one that hangs is none that follows."""
    async with redis_server(tmp_path / "p") as primary, redis_server(tmp_path / "r") as replica:
        shards = Shards(RedisUrl.parse(primary.url), RedisOptions(primary.url))
        await shards.open()
        (address,) = shards.primaries
        assert await replicas_of(shards, address) == []
        await cli("-p", str(replica.port), "replicaof", "127.0.0.1", str(primary.port))
        await follows(primary)
        assert await replicas_of(shards, address) == [Address("127.0.0.1", replica.port)]
        assert len(await replicas_of(shards, address, silent_seconds_max=5)) == 1
        assert replica.process is not None
        replica.process.send_signal(signal.SIGSTOP)
        async with asyncio.timeout(10):
            while await replicas_of(shards, address, silent_seconds_max=1):  # noqa: ASYNC110  nothing announces it
                await asyncio.sleep(0.1)
        # What has to forget is named all the same.
        assert len(await replicas_of(shards, address)) == 1
        replica.process.send_signal(signal.SIGCONT)
        await shards.close()
