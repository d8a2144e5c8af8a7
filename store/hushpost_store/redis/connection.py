"""The edge to redis-py: one connection, bytes out, answers in. Nothing else here imports it.

redis-py connects and logs in. From then on bytes go their own way (`resp`): its reading of one
answer at a time, each with a coroutine and a timer of its own, cost a third of the relay's time.
"""

from __future__ import annotations

import asyncio
from binascii import crc_hqx
from collections import deque
from collections.abc import Iterable
from typing import Final, Protocol, cast

import redis.exceptions
from redis.asyncio.connection import Connection, SSLConnection

from hushpost_store import errors
from hushpost_store.redis.address import Address
from hushpost_store.redis.command import (
    SLOTS,
    Answer,
    CommandRefused,
    ConnectionLost,
    Redirected,
    Unreadable,
)
from hushpost_store.redis.refusals import refusal
from hushpost_store.redis.resp import AnswerParser, Garbled, packed
from hushpost_store.redis.url import RedisUrl

# Redirections of a cluster, and states that pass.
_PASSING: Final = ("MOVED", "ASK", "TRYAGAIN", "CLUSTERDOWN", "NOSCRIPT", "READONLY")
# How Redis names a script of ours in an error of it.
_SCRIPT: Final = "user_script:"
_POINTING: Final = ("MOVED", "ASK")
# A server that reads its log anew, or whose password was changed: connecting anew tells more.
_ENDING: Final = ("LOADING", "NOAUTH")


# What one read takes at most: the answers to a few hundred commands.
_READ_BYTES: Final = 1 << 16


class _Streams(Protocol):
    """What redis-py connected: it has no public way to hand that over."""

    _reader: asyncio.StreamReader | None
    _writer: asyncio.StreamWriter | None

    async def connect(self) -> None: ...


class ServerConnection:
    """A connection to one server; every failure but a command's own is ConnectionLost."""

    def __init__(self, url: RedisUrl, address: Address, connect_seconds_max: float) -> None:
        self._seconds_max = connect_seconds_max
        self._address = address
        self._has_tls = url.has_tls
        kind = SSLConnection if url.has_tls else Connection
        # protocol 2: plain lists, as the scripts return them. No retries here: whether a command
        # may be repeated is for the store to know.
        self._connection = kind(
            host=address.host,
            port=address.port,
            username=url.user,
            password=url.password,
            socket_connect_timeout=connect_seconds_max,
            protocol=2,
            client_name="hushpost",
        )
        self._streams = cast("_Streams", self._connection)
        self._parser = AnswerParser(_meaning)
        self._answers: deque[Answer] = deque()

    async def open(self) -> None:
        """Connect and log in. Raises ConnectionLost, which quotes nothing."""
        try:
            # The library bounds the connection, and not the greeting that follows it.
            async with asyncio.timeout(self._seconds_max):
                await self._streams.connect()
        except (redis.exceptions.RedisError, OSError, TimeoutError) as error:
            await self.close()
            raise refusal(self._address, error, has_tls=self._has_tls) from None
        except asyncio.CancelledError:
            await self.close()
            raise

    async def write(self, commands: Iterable[tuple[bytes | int, ...]], seconds_max: float) -> None:
        """Write commands together, and wait until the server takes them. Raises ConnectionLost."""
        self.write_soon(b"".join(map(packed, commands)))
        try:
            async with asyncio.timeout(seconds_max):
                await self._writer().drain()
        except (OSError, TimeoutError):
            raise ConnectionLost("Redis does not take what is written") from None

    def write_soon(self, data: bytes) -> None:
        """Write packed commands; what the server does not take waits here. Raises ConnectionLost.

        The caller bounds what waits: an answer that is overdue ends the connection.
        """
        self._writer().write(data)

    async def read(self, seconds_max: float) -> Answer:
        """Return the next answer; a command's failure is returned as ServerError.

        Raises ConnectionLost, also when nothing comes in time.
        """
        if not self._answers:
            try:
                async with asyncio.timeout(seconds_max):
                    self._answers.extend(await self.read_all())
            except TimeoutError:
                raise ConnectionLost("Redis does not answer") from None
        answer = self._answers.popleft()
        if isinstance(answer, ConnectionLost):
            raise answer
        return answer

    async def read_all(self) -> list[Answer]:
        """Return all answers that have come, one at least, in the order of the commands.

        Raises ConnectionLost; the caller bounds how long it waits.
        """
        found: list[Answer] = []
        while not found:
            data = await self._read_some()
            try:
                found = self._parser.receive_data(data)
            except Garbled:
                raise ConnectionLost("Redis answers what is no answer") from None
        return found

    async def _read_some(self) -> bytes:
        reader = self._streams._reader  # pyright: ignore[reportPrivateUsage] - see there
        try:
            data = b"" if reader is None else await reader.read(_READ_BYTES)
        except OSError:
            data = b""
        if not data:
            raise ConnectionLost("Redis does not answer")
        return data

    def _writer(self) -> asyncio.StreamWriter:
        writer = self._streams._writer  # pyright: ignore[reportPrivateUsage] - see there
        if writer is None or writer.is_closing():
            # redis-py would connect anew, and answers would no longer fit what waits for them.
            raise ConnectionLost("the connection to Redis is closed")
        return writer

    def abort(self) -> None:
        """End the connection now: a server that hangs would never take what is to be written."""
        streams = self._streams
        writer = streams._writer  # pyright: ignore[reportPrivateUsage] - see there
        streams._reader = streams._writer = None  # pyright: ignore[reportPrivateUsage] - see there
        if writer is not None:
            writer.transport.abort()

    async def close(self) -> None:
        """End the connection, and let the event loop free what it had."""
        self.abort()
        await asyncio.sleep(0)


def slot_of(key: bytes) -> int:
    """Return the slot of a key: that of its tag, where it has one (CRC-16/XMODEM of it)."""
    start = key.find(b"{") + 1
    end = key.find(b"}", start) if start else -1
    return crc_hqx(key[start:end] if end > start else key, 0) % SLOTS


def _meaning(error: str) -> errors.StoreFault:
    """Keep an error's first word, and where it points: the rest may quote what was sent."""
    words = error.split()
    word = words[0] if words else "ERR"
    if word in _ENDING:
        return ConnectionLost(f"Redis answers {word}")
    if word in _PASSING:
        return Redirected(word, words[-1] if word in _POINTING else "")
    if word == "WRONGTYPE" or (word == "ERR" and _SCRIPT in error):
        return Unreadable("a value in Redis is not of the form that was written")
    return CommandRefused(f"Redis refused a command: {word}")
