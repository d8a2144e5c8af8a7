"""Real Redis servers for the tests of this folder: started once, emptied for each test."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace

import pytest
from hushpost_demo.redis_servers import (
    RedisCluster,
    RedisServer,
    cli,
    free_ports,
    is_installed,
    redis_cluster,
)
from hushpost_store.conformance import QUOTAS
from hushpost_store.quotas import Quotas
from hushpost_store.redis.options import RedisOptions
from hushpost_store.redis.shards import Shards
from hushpost_store.redis.store import RedisStore
from hushpost_store.redis.url import RedisUrl

from tests.conftest import require_or_skip


def _require() -> None:
    require_or_skip(is_installed(), "Redis is not installed: apt-get install redis-server")


@pytest.fixture(scope="session")
def running_server(tmp_path_factory: pytest.TempPathFactory) -> Generator[RedisServer]:
    """Run one server for all tests."""
    _require()
    server = RedisServer(tmp_path_factory.mktemp("redis"), free_ports(1)[0])
    asyncio.run(server.start())
    yield server
    server.kill()


@pytest.fixture(scope="session")
def running_cluster(tmp_path_factory: pytest.TempPathFactory) -> Generator[RedisCluster]:
    """Run three primaries and three replicas for all tests."""
    _require()
    context: AbstractAsyncContextManager[RedisCluster] = redis_cluster(
        tmp_path_factory.mktemp("cluster")
    )
    with asyncio.Runner() as runner:
        yield runner.run(context.__aenter__())
        runner.run(context.__aexit__(None, None, None))


@pytest.fixture(params=["single", "cluster"])
def redis_url(request: pytest.FixtureRequest) -> str:
    """Give the URL of an empty single server, then of an empty cluster."""
    kind = "running_server" if request.param == "single" else "running_cluster"
    url: str = request.getfixturevalue(kind).url
    asyncio.run(empty(url))
    return url


@pytest.fixture
def single_url(running_server: RedisServer) -> str:
    """Give the URL of an empty single server."""
    asyncio.run(empty(running_server.url))
    return running_server.url


@pytest.fixture
async def shards(single_url: str) -> AsyncGenerator[Shards]:
    """Open connections to an empty single server."""
    every = Shards(RedisUrl.parse(single_url), RedisOptions(single_url))
    await every.open()
    yield every
    await every.close()


@pytest.fixture
async def redis_store(single_url: str) -> AsyncGenerator[RedisStore]:
    """Open a store on an empty single server, with the quotas of the conformance suite."""
    store = await opened(single_url)
    yield store
    await store.close()


async def opened(url: str, quotas: Quotas = QUOTAS, node: str = "node-a") -> RedisStore:
    """Open a store for a relay of this name."""
    store = RedisStore(replace(RedisOptions(url), node=node), quotas)
    await store.open()
    return store


async def empty(url: str) -> None:
    """Forget all that the servers hold."""
    every = Shards(RedisUrl.parse(url), RedisOptions(url))
    await every.open()
    for address in every.primaries:
        await every.ask_server(address, b"FLUSHALL")
    await every.close()


async def follows(primary: RedisServer) -> None:
    """Wait until a replica of this server has all that it has."""
    async with asyncio.timeout(20):
        while "state=online" not in await cli(  # noqa: ASYNC110 - no event of ours
            "-p", str(primary.port), "info", "replication"
        ):
            await asyncio.sleep(0.02)


@asynccontextmanager
async def stand_in(talk: Callable[[bytes], bytes]) -> AsyncGenerator[int]:
    """Run a server that answers what comes by `talk`, give its port, and end all it has."""
    handlers: set[asyncio.Task[None] | None] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handlers.add(asyncio.current_task())
        while data := await reader.read(4096):
            writer.write(talk(data))
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    await asyncio.gather(*(handler for handler in handlers if handler is not None))


def greeting(data: bytes) -> bytes:
    """Answer OK to every command of a connection's beginning."""
    return b"+OK\r\n" * data.count(b"*")
