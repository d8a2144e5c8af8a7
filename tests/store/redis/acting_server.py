"""A stand-in that speaks Redis's protocol and answers as a test says, one command at a time.

For what a real server does in a bad moment that lasts, or does to nobody: see `redis_servers` for
all the rest.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha1
from typing import cast

import hiredis

Asked = list[bytes]
LIFE = "0123456789abcdef" * 2 + "01234567"


@dataclass(slots=True)
class ActingServer:
    """`answers` decides first: bytes of the protocol, or None for what a server answers."""

    answers: Callable[[Asked], bytes | None]
    slots: list[tuple[int, int, int]] | None = None
    """First and last slot and the port of who owns them, of a cluster; None: a single server."""
    is_whole: bool = True
    asked: list[Asked] = field(default_factory=list[Asked])
    connections: int = 0
    port: int = 0

    def count(self, *words: bytes) -> int:
        """Return how often a command that begins with these words was asked."""
        return sum(tuple(asked[: len(words)]) == words for asked in self.asked)

    def talk(self, asked: Asked) -> bytes:
        """Return the answer to one command."""
        self.asked.append(asked)
        answer = self.answers(asked)
        if answer is not None:
            return answer
        match asked[:2]:
            case [b"INFO", b"cluster"]:
                return bulk(b"cluster_enabled:%d\r\n" % (self.slots is not None))
            case [b"INFO", b"replication"]:
                return bulk(b"role:master\r\nmaster_replid:%s\r\n" % LIFE.encode())
            case [b"CLUSTER", b"INFO"]:
                return bulk(b"cluster_state:ok\r\n" if self.is_whole else b"cluster_state:fail\r\n")
            case [b"CLUSTER", b"SLOTS"]:
                return b"*%d\r\n" % len(self.slots or ()) + b"".join(map(_row, self.slots or ()))
            case [b"SCRIPT", b"LOAD"]:
                return bulk(sha1(asked[2], usedforsecurity=False).hexdigest().encode())
            case _:
                return b"+OK\r\n"


def bulk(text: bytes) -> bytes:
    """Return a string as the protocol writes it."""
    return b"$%d\r\n%s\r\n" % (len(text), text)


def _row(row: tuple[int, int, int]) -> bytes:
    first, last, port = row
    return b"*3\r\n:%d\r\n:%d\r\n*2\r\n%s:%d\r\n" % (first, last, bulk(b"127.0.0.1"), port)


@asynccontextmanager
async def acting(server: ActingServer) -> AsyncGenerator[ActingServer]:
    """Have a stand-in listen for the time of a block; then all it has ends."""
    open_now: dict[asyncio.StreamWriter, asyncio.Task[None] | None] = {}

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_now[writer] = asyncio.current_task()
        server.connections += 1
        parser = hiredis.Reader()
        with suppress(ConnectionResetError):
            while data := await reader.read(1 << 16):
                parser.feed(data)
                while (asked := cast("Asked | bool", parser.gets())) is not False:
                    assert isinstance(asked, list)
                    writer.write(server.talk(asked))
        writer.transport.abort()

    listening = await asyncio.start_server(handle, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        for writer in open_now:
            writer.transport.abort()
        await asyncio.gather(*(task for task in open_now.values() if task is not None))
