"""A network that breaks: a recording proxy that does to connections what the weather says.

    CUT         passes some bytes of what came, then closes both sides in order
    RESET       passes some bytes of what came, then resets both sides
    HALF_OPEN   swallows what comes, for good; nobody is told, and neither side is closed
    SLOW        passes a few kilobytes a second
    BLACK_HOLE  holds what comes until the weather is fair again
    REORDERED   ends all, then holds new connections for random times, so that later ones overtake

Weather falls on connections that are there and on new ones; most of it strikes when bytes pass.
"""

import asyncio
import random
import socket
import struct
from collections import Counter
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, Final

from hushpost_proof.harness.recording_proxy import RecordingProxy

_PIECE_BYTES: Final = 512
# 8 KiB a second: an envelope of 4 KiB takes half a second.
_PIECE_SECONDS: Final = 1 / 16
_CHUNK_BYTES: Final = 1 << 16
_HOLD_SECONDS_MAX: Final = 0.6
_RESET_AT_CLOSE: Final = struct.pack("ii", 1, 0)


class Weather(StrEnum):
    """What the network does."""

    FAIR = "fair"
    CUT = "cut at a random byte"
    RESET = "reset at a random byte"
    HALF_OPEN = "half-open, all swallowed"
    SLOW = "slow"
    BLACK_HOLE = "black hole, then healed"
    REORDERED = "connects overtaking each other"


class FaultyProxy(RecordingProxy):
    """The proxy; set `weather`. `struck` counts the times a weather hit a connection."""

    def __init__(self, folder: Path, seed: int) -> None:
        super().__init__(folder)
        self.struck: Counter[Weather] = Counter()
        self._chance = random.Random(seed)
        self._weather = Weather.FAIR
        self._healed = asyncio.Event()
        self._clients: list[asyncio.StreamWriter] = []

    @property
    def weather(self) -> Weather:
        """What the network does at this moment."""
        return self._weather

    @weather.setter
    def weather(self, weather: Weather) -> None:
        self._weather = weather
        if weather is Weather.BLACK_HOLE:
            self._healed.clear()
        else:
            self._healed.set()
        if weather is Weather.REORDERED:
            for client in self._clients:
                client.transport.abort()
            self._clients.clear()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients.append(writer)
        super()._accept(reader, writer)

    async def _reach_relay(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._weather is Weather.REORDERED:
            self.struck[Weather.REORDERED] += 1
            await asyncio.sleep(self._chance.uniform(0, _HOLD_SECONDS_MAX))
        return await super()._reach_relay()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, record: BinaryIO
    ) -> None:
        with suppress(ConnectionError):
            while chunk := await reader.read(_CHUNK_BYTES):
                record.write(chunk)
                self.bytes_carried += len(chunk)
                if not await self._pass(chunk, reader, writer):
                    break
        writer.close()

    async def _pass(
        self, chunk: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Pass a chunk on as the weather has it; false if the connection is over."""
        weather = self._weather
        if weather in _FAIR_ENOUGH:
            await _send(writer, chunk)
            return True
        self.struck[weather] += 1
        if weather is Weather.SLOW:
            await self._drip(chunk, writer)
        elif weather is Weather.BLACK_HOLE:
            await self._healed.wait()
            await _send(writer, chunk)
        elif weather is Weather.HALF_OPEN:
            while await reader.read(_CHUNK_BYTES):
                pass  # swallowed, until whoever sends gives up
            return False
        else:
            await _send(writer, chunk[: self._chance.randrange(len(chunk))])
            if weather is Weather.RESET:
                _reset_at_close(writer)
            return False
        return True

    async def _drip(self, chunk: bytes, writer: asyncio.StreamWriter) -> None:
        for start in range(0, len(chunk), _PIECE_BYTES):
            await _send(writer, chunk[start : start + _PIECE_BYTES])
            if self._weather is Weather.SLOW:
                await asyncio.sleep(_PIECE_SECONDS)


_FAIR_ENOUGH: Final = (Weather.FAIR, Weather.REORDERED)


async def _send(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)
    await writer.drain()


def _reset_at_close(writer: asyncio.StreamWriter) -> None:
    connection: socket.socket = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
