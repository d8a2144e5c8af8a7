"""A TCP proxy between relays and one Redis server that delays, or cuts the wake-up channel.

    SLOW     every answer and every command comes later by `delay_seconds`, in order
    UNHEARD  hints vanish on their way to who listens; all else passes, pings too
    CUT      a connection that listens is closed as soon as it begins to, again and again

It knows of Redis's protocol what it must: the words `SSUBSCRIBE` and `smessage`.
"""

import asyncio
from contextlib import suppress
from enum import StrEnum
from types import TracebackType
from typing import Final, Self

_CHUNK_BYTES: Final = 1 << 16


class Trouble(StrEnum):
    """What the proxy does to what passes."""

    NONE = "none"
    SLOW = "slow"
    UNHEARD = "hints vanish"
    CUT = "the channel is cut"


class RedisProxy:
    """Listens on loopback; set `trouble`. `struck` counts chunks delayed, swallowed, or cuts."""

    def __init__(self, port: int, *, delay_seconds: float = 0.2) -> None:
        self.trouble = Trouble.NONE
        self.struck = 0
        self._to = port
        self._delay_seconds = delay_seconds
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._listeners: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        """Return what relays are told."""
        assert self._server is not None
        return f"redis://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def let_fall(self, trouble: Trouble) -> None:
        """Begin a trouble, also for who listens already."""
        self.trouble = trouble
        if trouble is Trouble.CUT:
            for writer in self._listeners:
                writer.close()
                self.struck += 1

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._carry(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            back, forth = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            writer.close()
            return
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(reader, forth, listener=writer))
                group.create_task(self._pump(back, writer))
        finally:
            self._listeners.discard(writer)
            for each in (writer, forth):
                each.close()

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        listener: asyncio.StreamWriter | None = None,
    ) -> None:
        """Carry one direction; `listener` is who sends, where it may ask for the channel."""
        late: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        delivering = asyncio.create_task(self._deliver(late, writer))
        clock = asyncio.get_running_loop().time
        try:
            with suppress(OSError):
                while chunk := await reader.read(_CHUNK_BYTES):
                    if listener is not None and b"SSUBSCRIBE" in chunk:
                        self._listeners.add(listener)
                        if self.trouble is Trouble.CUT:
                            self.struck += 1
                            break
                    if self.trouble is Trouble.UNHEARD and b"smessage" in chunk:
                        self.struck += 1
                        continue
                    is_slow = self.trouble is Trouble.SLOW
                    self.struck += is_slow
                    late.put_nowait((clock() + self._delay_seconds * is_slow, chunk))
                await asyncio.sleep(0)
        finally:
            delivering.cancel()
            await asyncio.gather(delivering, return_exceptions=True)
            writer.close()

    @staticmethod
    async def _deliver(
        late: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter
    ) -> None:
        clock = asyncio.get_running_loop().time
        with suppress(OSError):
            while True:
                due, chunk = await late.get()
                await asyncio.sleep(max(0.0, due - clock()))
                writer.write(chunk)
                await writer.drain()
