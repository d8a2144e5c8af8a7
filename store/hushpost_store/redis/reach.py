"""Asking every server whether it is there: for health, on a relay that has nothing else to ask."""

from __future__ import annotations

import asyncio

from hushpost_store import errors
from hushpost_store.redis.address import Address
from hushpost_store.redis.command import ConnectionLost
from hushpost_store.redis.options import RedisOptions
from hushpost_store.redis.shards import Shards


async def reach(shards: Shards, options: RedisOptions) -> None:
    """Return once every primary has answered; raises StoreFault, which names the one that did not.

    It takes no longer than one connection and one answer may.
    """
    seconds_max = options.connect_seconds_max + options.answer_seconds_max
    asked = [_ask(shards, address, seconds_max) for address in shards.primaries]
    # All are heard, so that none is asked on after the first that is away.
    for outcome in await asyncio.gather(*asked, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome


async def _ask(shards: Shards, address: Address, seconds_max: float) -> None:
    place = f"Redis at {address.host}:{address.port}"
    try:
        async with asyncio.timeout(seconds_max):
            await shards.ask_server(address, b"PING")
    except (ConnectionLost, TimeoutError):
        raise errors.StoreFault(f"{place} does not answer") from None
    except errors.StoreFault as fault:
        raise errors.StoreFault(f"{place} answers, and is not well: {fault}") from None
