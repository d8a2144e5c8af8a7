"""Each trouble of the proxy in front of Redis does what it says, and only that."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from hushpost_proof.redis_faults.redis_proxy import RedisProxy, Trouble

HINT = b"*3\r\n$8\r\nsmessage\r\n"


@asynccontextmanager
async def _listening(
    delay_seconds: float = 0.1,
) -> AsyncGenerator[tuple[RedisProxy, asyncio.StreamReader, asyncio.StreamWriter]]:
    """Run a server that echoes, the proxy before it, and a connection through both."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(4096):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, RedisProxy(port, delay_seconds=delay_seconds) as proxy:
        place = int(proxy.url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", place)
        try:
            yield proxy, reader, writer
        finally:
            writer.close()


async def test_slow_delays_both_ways_and_keeps_the_order() -> None:
    """What passes comes a delay later each way, also where the trouble ends meanwhile."""
    async with _listening() as (proxy, reader, writer):
        proxy.let_fall(Trouble.SLOW)
        began = time.monotonic()
        writer.write(b"first")
        await asyncio.sleep(0.02)
        proxy.let_fall(Trouble.NONE)
        writer.write(b"second")
        assert await reader.readexactly(11) == b"firstsecond"
        assert time.monotonic() - began >= 0.1
        assert proxy.struck == 1


async def test_unheard_takes_hints_alone() -> None:
    """A hint vanishes, what is none passes on the same connection."""
    async with _listening() as (proxy, reader, writer):
        proxy.let_fall(Trouble.UNHEARD)
        writer.write(HINT)
        await asyncio.sleep(0.05)
        writer.write(b"pong")
        assert await reader.readexactly(4) == b"pong"
        assert proxy.struck == 1


@pytest.mark.parametrize("is_early", [True, False])
async def test_cut_ends_who_listens(*, is_early: bool) -> None:
    """A connection that asked for the channel is closed, then and whenever it asks again."""
    async with _listening() as (proxy, reader, writer):
        if is_early:
            proxy.let_fall(Trouble.CUT)
        writer.write(b"SSUBSCRIBE channel")
        if not is_early:
            assert await reader.readexactly(18) == b"SSUBSCRIBE channel"
            proxy.let_fall(Trouble.CUT)
        assert await reader.read() == b""
        assert proxy.struck == 1


async def test_cut_leaves_others_alone() -> None:
    """Commands of who does not listen pass while the channel is cut."""
    async with _listening() as (proxy, reader, writer):
        proxy.let_fall(Trouble.CUT)
        writer.write(b"EVALSHA")
        assert await reader.readexactly(7) == b"EVALSHA"
        assert proxy.struck == 0
