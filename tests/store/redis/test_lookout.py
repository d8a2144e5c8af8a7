"""Who is asked who owns what, and who is believed."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from hushpost_store import errors
from hushpost_store.redis.address import Address
from hushpost_store.redis.command import SLOTS
from hushpost_store.redis.connection import ServerConnection
from hushpost_store.redis.lookout import Lookout
from hushpost_store.redis.node_link import NodeLink
from hushpost_store.redis.url import RedisUrl

from tests.store.redis.acting_server import ActingServer, Asked, acting

HERE = "127.0.0.1"


def _as_usual(_asked: Asked) -> None:
    """Answer as a server does."""


def _link_to(address: Address) -> NodeLink:
    url = RedisUrl.parse(f"redis://{address.host}:{address.port}")
    return NodeLink(ServerConnection(url, address, 0.5), 0.5, lambda _: None)


@asynccontextmanager
async def _two(one: ActingServer, other: ActingServer) -> AsyncGenerator[Lookout]:
    async with AsyncExitStack() as stack:
        for server in (one, other):
            await stack.enter_async_context(acting(server))
        lookout = Lookout([Address(HERE, one.port), Address(HERE, other.port)], _link_to)
        yield lookout
        await lookout.close()


async def test_who_lost_sight_of_the_others_is_not_believed() -> None:
    """The owners are those that a server in touch with the majority names, whoever is asked."""
    lost = ActingServer(_as_usual, slots=[(0, SLOTS - 1, 1)], is_whole=False)
    well = ActingServer(_as_usual, slots=[(0, SLOTS - 1, 2)])
    async with _two(lost, well) as lookout:
        topology = await lookout.look()
        assert topology.primaries == (Address(HERE, 2),)
        assert lookout.is_cluster
        before = lost.connections
        await lookout.look()
        assert lost.connections == before, "who was in touch is asked first, and alone"
        well.is_whole = False
        assert not (await lookout.look()).is_whole


async def test_where_nobody_is_in_touch_who_knows_most_is_believed() -> None:
    """A server that came back without its memory names no owners, and hides nobody's."""
    blank = ActingServer(_as_usual, slots=[], is_whole=False)
    lost = ActingServer(_as_usual, slots=[(0, SLOTS - 1, 2)], is_whole=False)
    async with _two(blank, lost) as lookout:
        assert (await lookout.look()).primaries == (Address(HERE, 2),)


async def test_a_server_that_hangs_holds_up_no_look() -> None:
    """The others are asked beside it; when it is the only one left, that is said."""
    hung = ActingServer(lambda _: b"", slots=[])
    well = ActingServer(_as_usual, slots=[(0, SLOTS - 1, 2)])
    async with _two(hung, well) as lookout:
        began = time.monotonic()
        assert (await lookout.look()).primaries == (Address(HERE, 2),)
        assert time.monotonic() - began < 0.4
        well.answers = lambda _: b""
        with pytest.raises(errors.StoreFault, match="no answer in time"):
            await lookout.look()


async def test_looks_at_once_are_one() -> None:
    """Whoever asks after a moment that a look has seen already shares it, also while it goes on."""
    server = ActingServer(_as_usual)
    async with _two(server, server) as lookout:
        since = time.monotonic()
        server.connections = 0
        found = await asyncio.gather(*(lookout.look(since) for _ in range(50)))
        assert len(set(found)) == 1
        assert found[0].primaries == (Address(HERE, server.port),)
        assert not lookout.is_cluster
        assert await lookout.look(since) is found[0]
        assert server.connections == 1
        await lookout.look()
        assert server.connections == 2
