"""The balancer leads to whoever is there, in turn."""

import asyncio
import socket
import struct
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

from hushpost_demo.balancer import Balancer


@asynccontextmanager
async def naming(name: bytes) -> AsyncGenerator[int]:
    """Run a server that says its name and then what it hears."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(name)
        while data := await reader.read(100):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()


async def _ask(port: int, word: bytes) -> bytes:
    """Say a word and return all that comes until the other side ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(word)
    writer.write_eof()
    answer = await reader.read(-1)
    writer.close()
    await writer.wait_closed()
    return answer


async def test_connections_are_led_in_turn_and_past_the_dead() -> None:
    """Both are reached; with one gone every connection reaches the other; with none it ends."""
    async with naming(b"b") as second, Balancer() as balancer:
        async with naming(b"a") as first:
            balancer.targets = (first, second)
            names = [await _ask(balancer.port, b"!") for _ in range(4)]
            assert sorted(names) == [b"a!", b"a!", b"b!", b"b!"]
        assert [await _ask(balancer.port, b"?") for _ in range(2)] == [b"b?", b"b?"]
        balancer.targets = (1,)
        assert await _ask(balancer.port, b"") == b""
    assert balancer.host.startswith("127.0.0.1:")


async def test_who_waits_for_an_answer_hears_of_a_relay_that_was_killed() -> None:
    """A killed process resets connections of which it had not read all: their clients end too."""

    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        connection: socket.socket = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    server = await asyncio.start_server(reset, "127.0.0.1", 0)
    async with server, Balancer((server.sockets[0].getsockname()[1],)) as balancer:
        for _ in range(20):
            reader, writer = await asyncio.open_connection("127.0.0.1", balancer.port)
            writer.write(b"!")
            async with asyncio.timeout(10):
                with suppress(ConnectionError):
                    assert await reader.read(-1) == b""
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
