"""Asks a Redis server as its operator would with `redis-cli`, and shares no code with the relay.

Only what the demo asks: commands of byte strings and numbers out, answers of RESP 2 in.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

from hushpost_demo.errors import RedisSilent
from hushpost_demo.redis_servers import RedisServer

ANSWER_SECONDS_MAX: Final = 5.0
# An envelope is sixteen KiB at most; a list of all keys of a demo is a few.
_LINE_BYTES_MAX: Final = 1 << 20

Answer = bytes | int | list["Answer"] | None


class RedisQuestions:
    """A connection to one server. Every failure is `RedisSilent`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def ask(self, *command: bytes | int) -> Answer:
        """Give the answer to one command."""
        parts = [part if isinstance(part, bytes) else b"%d" % part for part in command]
        packed = b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)
        try:
            self._writer.write(b"*%d\r\n%b" % (len(parts), packed))
            return await self.hear(ANSWER_SECONDS_MAX)
        except OSError as error:
            raise RedisSilent(f"Redis does not listen: {error.strerror}") from error

    async def hear(self, seconds_max: float) -> Answer:
        """Give what the server says next, asked or not."""
        try:
            async with asyncio.timeout(seconds_max):
                return await self._read()
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            raise RedisSilent("Redis does not answer") from error

    async def _read(self) -> Answer:
        line = await self._reader.readuntil(b"\r\n")
        kind, rest = line[:1], line[1:-2]
        match kind:
            case b"+":
                return rest
            case b":":
                return int(rest)
            case b"$":
                return None if rest == b"-1" else (await self._exactly(int(rest)))
            case b"*":
                return None if rest == b"-1" else [await self._read() for _ in range(int(rest))]
            case _:
                raise RedisSilent(f"Redis refuses: {rest.decode(errors='replace')}")

    async def _exactly(self, size: int) -> bytes:
        return (await self._reader.readexactly(size + 2))[:-2]


@asynccontextmanager
async def asking(server: RedisServer) -> AsyncGenerator[RedisQuestions]:
    """Connect to one server; raises `RedisSilent` where it does not listen."""
    try:
        opened = asyncio.open_connection("127.0.0.1", server.port, limit=_LINE_BYTES_MAX)
        reader, writer = await opened
    except OSError as error:
        raise RedisSilent(f"no Redis listens at port {server.port}") from error
    try:
        yield RedisQuestions(reader, writer)
    finally:
        writer.close()


def blob(answer: Answer) -> bytes:
    """Give an answer that is a string; raises `RedisSilent`."""
    if not isinstance(answer, bytes):
        raise RedisSilent("Redis answered what is no string")
    return answer


def number(answer: Answer) -> int:
    """Give an answer that is a number; raises `RedisSilent`."""
    if not isinstance(answer, int):
        raise RedisSilent("Redis answered what is no number")
    return answer


def items(answer: Answer) -> list[Answer]:
    """Give an answer that is a list; raises `RedisSilent`."""
    if not isinstance(answer, list):
        raise RedisSilent("Redis answered what is no list")
    return answer
