"""The eavesdropper's place: a TCP proxy between clients and relay that keeps every byte.

It changes nothing and knows no protocol. Each connection leaves two files, `<number>.up` (to the
relay) and `<number>.down`; bytes are written before they are passed on, so whatever arrived
anywhere is on record. While the relay is dead, every second connection is closed at once, as by a
machine without a relay, and every other is held until the relay is back, as by a balancer in front.
"""

import asyncio
import itertools
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from hushpost_proof.harness.relay_process import free_port

_CHUNK_BYTES = 1 << 16
_HOLD_SECONDS_MAX = 5.0
_TRY_AGAIN_SECONDS = 0.05


class RecordingProxy:
    """Listens on `port`; connects on to whatever port it is told. Use as a context.

    `addresses`: the relay sees the connections come from these, in turn.
    """

    def __init__(self, folder: Path, *, addresses: Sequence[str] = ()) -> None:
        self.folder = folder
        self.addresses = tuple(addresses)
        self.port = free_port()
        self.host = f"127.0.0.1:{self.port}"
        self.url = f"ws://{self.host}"
        self.connections = 0
        self.bytes_carried = 0
        self._relay_ports: tuple[int, ...] = (0,)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def lead_to(self, *relay_ports: int) -> None:
        """Say where the relay is; of several each connection gets the next one that takes it."""
        self._relay_ports = relay_ports

    async def __aenter__(self) -> Self:
        self.folder.mkdir()
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
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
        self.connections += 1
        name = self.folder / f"{self.connections:06}"
        async with _closing(writer):
            try:
                async with asyncio.timeout(_HOLD_SECONDS_MAX):
                    relay_reader, relay_writer = await self._reach_relay()
            except (OSError, TimeoutError):
                return
            async with _closing(relay_writer):
                with (
                    name.with_suffix(".up").open("wb", buffering=0) as up,
                    name.with_suffix(".down").open("wb", buffering=0) as down,
                ):
                    await asyncio.gather(
                        self._pump(reader, relay_writer, up),
                        self._pump(relay_reader, writer, down),
                    )

    async def _reach_relay(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        held = self.connections % 2 == 0
        for turn in itertools.count(self.connections):
            port = self._relay_ports[turn % len(self._relay_ports)]
            try:
                return await asyncio.open_connection("127.0.0.1", port, local_addr=self._source())
            except OSError:
                if not held and turn - self.connections >= len(self._relay_ports) - 1:
                    raise
            await asyncio.sleep(_TRY_AGAIN_SECONDS)
        raise AssertionError("counting has no end")

    def _source(self) -> tuple[str, int] | None:
        if not self.addresses:
            return None
        return self.addresses[self.connections % len(self.addresses)], 0

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, record: BinaryIO
    ) -> None:
        with suppress(ConnectionError):
            while chunk := await reader.read(_CHUNK_BYTES):
                record.write(chunk)
                self.bytes_carried += len(chunk)
                writer.write(chunk)
                await writer.drain()
        # One end is gone; without a reader the other direction ends as well.
        writer.close()


@asynccontextmanager
async def _closing(writer: asyncio.StreamWriter) -> AsyncGenerator[None]:
    try:
        yield
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
