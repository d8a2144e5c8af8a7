"""Scripts and commands whose outcome must last (docs/spec/store.md, "Durable", of Redis)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

from hushpost_store import errors
from hushpost_store.redis.command import Answer, OnAnswer, OnDurable
from hushpost_store.redis.shards import Shards


async def run_durably(
    shards: Shards, script: str, keys: Sequence[bytes], *arguments: bytes | int
) -> Answer:
    """Run a script and return its answer once what it wrote is as durable as the options promise.

    Raises StoreFault, also where replicas do not say that they have it: it was done all the same,
    and who asks again MUST be answered by a script that writes again.
    """
    return await _durable(shards, partial(shards.send, script, keys, arguments))


async def write_durably(shards: Shards, key: bytes, *arguments: bytes | int) -> Answer:
    """Send a command that writes; see `run_durably`."""
    return await _durable(shards, partial(shards.send_command, key, arguments))


async def _durable(shards: Shards, send: Callable[[OnAnswer, OnDurable | None], None]) -> Answer:
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[Answer] = loop.create_future()
    held: asyncio.Future[bool] = loop.create_future()

    def take(answer: Answer) -> None:
        if not answered.done():
            answered.set_result(answer)

    def durable(has_it: bool) -> None:
        if not held.done():
            held.set_result(has_it)

    waits = shards.barrier is not None
    send(take, durable if waits else None)
    answer = await answered
    if isinstance(answer, errors.StoreFault):
        raise answer
    if waits and not await held:
        raise errors.StoreFault("the replicas of a server do not say that they have what was sent")
    return answer
