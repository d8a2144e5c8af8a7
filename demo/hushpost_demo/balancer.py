"""A TCP balancer in front of several relays, as an operator would put one there.

It leads each connection to the next relay that takes it, and knows no protocol.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

_CHUNK_BYTES = 1 << 16


class Balancer:
    """Listens on loopback at `port`; `targets` may change while it runs. Use as a context."""

    def __init__(self, targets: Sequence[int] = ()) -> None:
        self.targets = tuple(targets)
        self.port = 0
        self._turn = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def host(self) -> str:
        """Return what stands in addresses."""
        return f"127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
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

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._carry(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            reached = await self._reach()
            if reached is not None:
                try:
                    async with asyncio.TaskGroup() as group:
                        group.create_task(_pump(reader, reached[1]))
                        group.create_task(_pump(reached[0], writer))
                finally:
                    await _close(reached[1])
        except* OSError:
            pass  # where one side was reset, as a killed relay's is, the other ends at once
        finally:
            await _close(writer)

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """Connect to the next relay that takes it; None where none does."""
        for _ in self.targets:
            self._turn += 1
            port = self.targets[self._turn % len(self.targets)]
            with suppress(OSError):
                return await asyncio.open_connection("127.0.0.1", port)
        return None


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Carry one direction to its end; raises OSError where a side is reset."""
    while chunk := await reader.read(_CHUNK_BYTES):
        writer.write(chunk)
        await writer.drain()
    # What was still on its way in the other direction may come.
    writer.write_eof()


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
