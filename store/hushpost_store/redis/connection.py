"""The edge to redis-py: one connection, bytes out, answers in. Nothing else here imports it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable
from contextlib import suppress
from typing import Final, Protocol, cast

import redis.exceptions
from redis.asyncio.connection import Connection, SSLConnection
from redis.crc import key_slot

from hushpost_store.redis.address import Address
from hushpost_store.redis.command import Answer, ConnectionLost, Redirected, ServerError
from hushpost_store.redis.url import RedisUrl

# Redirections of a cluster, and states that pass.
_PASSING: Final = ("MOVED", "ASK", "TRYAGAIN", "CLUSTERDOWN", "NOSCRIPT", "READONLY")
_POINTING: Final = ("MOVED", "ASK")


class _Reads(Protocol):
    """What redis-py's connection can do, where it types it too loosely."""

    async def connect(self) -> None: ...

    async def read_response(
        self,
        disable_decoding: bool,
        timeout: float,  # noqa: ASYNC109 - the name is redis-py's
        *,
        disconnect_on_error: bool,
    ) -> Answer: ...


class ServerConnection:
    """A connection to one server; every failure but a command's own is ConnectionLost."""

    def __init__(self, url: RedisUrl, address: Address, connect_seconds_max: float) -> None:
        self._seconds_max = connect_seconds_max
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
        self._reads = cast("_Reads", self._connection)

    async def open(self) -> None:
        """Connect and log in. Raises ConnectionLost, which quotes nothing."""
        try:
            await self._reads.connect()
        except (redis.exceptions.RedisError, OSError, TimeoutError) as error:
            await self.close()
            raise ConnectionLost(f"cannot reach Redis: {type(error).__name__}") from None
        except asyncio.CancelledError:
            await self.close()
            raise

    async def write(self, commands: Iterable[tuple[bytes | int, ...]], seconds_max: float) -> None:
        """Write commands together. Raises ConnectionLost."""
        if not self._connection.is_connected:
            # redis-py would connect anew, and answers would no longer fit what waits for them.
            raise ConnectionLost("the connection to Redis is closed")
        packed = self._connection.pack_commands(commands)
        try:
            async with asyncio.timeout(seconds_max):
                await self._connection.send_packed_command(packed, check_health=False)
        except (redis.exceptions.RedisError, OSError, TimeoutError):
            raise ConnectionLost("Redis does not take what is written") from None

    async def read(self, seconds_max: float) -> Answer:
        """Return the next answer; a command's failure is returned as ServerError.

        Raises ConnectionLost, also when nothing comes in time.
        """
        try:
            async with asyncio.timeout(seconds_max):
                return await self._reads.read_response(
                    disable_decoding=True, timeout=math.inf, disconnect_on_error=False
                )
        except redis.exceptions.ResponseError as error:
            return _meaning(error)
        except (redis.exceptions.RedisError, OSError, TimeoutError):
            raise ConnectionLost("Redis does not answer") from None

    async def close(self) -> None:
        """Close, and wait no longer for the other side's agreement than for a connection."""
        with suppress(redis.exceptions.RedisError, OSError, TimeoutError):
            async with asyncio.timeout(self._seconds_max):
                await self._connection.disconnect()


def slot_of(key: bytes) -> int:
    """Return the slot of a key: that of its tag, where it has one."""
    return key_slot(key)


def _meaning(error: redis.exceptions.ResponseError) -> ServerError:
    """Keep an error's first word, and where it points: the rest may quote what was sent."""
    word = error.status_code or "ERR"
    if word in _PASSING:
        return Redirected(word, str(error).split()[-1] if word in _POINTING else "")
    return ServerError(f"Redis refused a command: {word}")
