"""Looking after a Redis as a whole while another store moves into it, or is taken out again.

docs/spec/store.md, "Moving": whether it is empty, whether relays use it, how much is there, and
removing all of it, from the servers' logs too.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

from hushpost_store import errors
from hushpost_store.redis import answers
from hushpost_store.redis.aof_rewriter import AofRewriter
from hushpost_store.redis.durable_run import write_durably
from hushpost_store.redis.keys import STORE_KEY, SWEEP_KEY
from hushpost_store.redis.options import RedisOptions
from hushpost_store.redis.probe import probe
from hushpost_store.redis.shards import Shards
from hushpost_store.redis.url import RedisUrl

_SCAN_COUNT: Final = 1_000
_REMOVED_AT_ONCE: Final = 256
# What describes the store, and the zeros that pass through a server's memory.
_OF_NO_ACCOUNT: Final = (b"{hushpost}:", b"{blank-")
_WAKE_CHANNELS: Final = b"{*}:wake"


@asynccontextmanager
async def reached(options: RedisOptions) -> AsyncGenerator[Shards]:
    """Give connections to servers that keep what `options.durability` promises.

    Raises ServerUnfit, StoreFault.
    """
    shards = Shards(RedisUrl.parse(options.url), options)
    try:
        await shards.open()
        shards.barrier = await probe(shards, options)
        if shards.barrier is not None:
            await shards.reopen()
        yield shards
    finally:
        await shards.close()


async def every_key(shards: Shards) -> AsyncIterator[list[bytes]]:
    """Yield all keys of all primaries, some at a time; one may come twice."""
    for address in shards.primaries:
        cursor = b""
        while cursor != b"0":
            answer = await shards.ask_server(
                address, b"SCAN", cursor or b"0", b"COUNT", _SCAN_COUNT
            )
            following, found = answers.items(answer)
            cursor = answers.blob(following)
            yield [answers.blob(key) for key in answers.items(found)]


async def holds_anything(shards: Shards) -> bool:
    """Whether there is any key but those that describe an empty store."""
    async for keys in every_key(shards):
        if any(not key.startswith(_OF_NO_ACCOUNT) for key in keys):
            return True
    return False


async def counted(shards: Shards) -> tuple[int, int]:
    """Count the accounts and the mailboxes."""
    accounts = mailboxes = 0
    async for keys in every_key(shards):
        accounts += sum(key.endswith(b"}:account") for key in keys)
        mailboxes += sum(key.endswith(b"}:mailbox") for key in keys)
    return accounts, mailboxes


async def relays_running(shards: Shards) -> int:
    """Count the relays that listen for hints, which every relay does while it runs."""
    channels: set[bytes] = set()
    for address in shards.primaries:
        answer = await shards.ask_server(address, b"PUBSUB", b"SHARDCHANNELS", _WAKE_CHANNELS)
        channels |= {answers.blob(name) for name in answers.items(answer)}
    return len(channels)


async def begin_store(shards: Shards) -> None:
    """Forget what describes the empty store that was there before."""
    for key in (STORE_KEY, SWEEP_KEY):
        await write_durably(shards, key, b"UNLINK", key)


async def describe_store(shards: Shards, form: bytes, generation: bytes) -> None:
    """Give the store that has arrived its form and the generation it had before."""
    await write_durably(
        *(shards, STORE_KEY, b"HSET", STORE_KEY, b"format", form, b"generation", generation)
    )


async def remove_all(shards: Shards, options: RedisOptions) -> int:
    """Remove every account and mailbox, from the servers' logs too; returns how many keys went.

    Raises StoreFault; what is left is removed by calling it again.
    """
    removed = 0
    async for keys in every_key(shards):
        ours = [key for key in keys if not key.startswith(_OF_NO_ACCOUNT)]
        for start in range(0, len(ours), _REMOVED_AT_ONCE):
            batch = ours[start : start + _REMOVED_AT_ONCE]
            gone = await asyncio.gather(
                *(write_durably(shards, key, b"UNLINK", key) for key in batch)
            )
            removed += sum(map(answers.number, gone))
    # Now, and not when it would be due.
    rewriter = AofRewriter(shards, replace(options, rewrite_after_seconds=0.0), time.time)
    rewriter.deleted()
    try:
        await rewriter.look()
        await rewriter.rewrite()
    except TimeoutError:
        raise errors.StoreFault("a server does not finish rewriting its log") from None
    await begin_store(shards)
    return removed
