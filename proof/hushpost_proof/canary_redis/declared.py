"""A Redis that was used, held against the inventory: all its keys and fields are declared."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from hushpost_store.redis import answers
from hushpost_store.redis.field_inventory import undeclared_in
from hushpost_store.redis.options import RedisOptions
from hushpost_store.redis.shards import Shards
from hushpost_store.redis.url import RedisUrl

# What a careless change would add: a key, a key beside a mailbox's, a field in one that is there.
PLANTED: Final = 3
_COUNT: Final = 1_000


@dataclass(frozen=True, slots=True)
class Declared:
    """How many keys were judged, what is declared nowhere, how much of the planted was found."""

    keys: int
    odd: tuple[str, ...]
    found: int


async def judge(url: str) -> Declared:
    """Judge all that relays left, then once more with what is planted, which is removed again."""
    shards = Shards(RedisUrl.parse(url), RedisOptions(url))
    await shards.open()
    try:
        keys = [key async for key in _all_keys(shards)]
        odd = await undeclared_in(shards, keys)
        planted = await _plant(shards)
        more = await undeclared_in(shards, [key async for key in _all_keys(shards)])
        for key, field in planted:
            await shards.ask(key, b"HDEL", key, field)
        return Declared(len(keys), odd, len(set(more) - set(odd)))
    finally:
        await shards.close()


async def _plant(shards: Shards) -> list[tuple[bytes, bytes]]:
    mailbox = b""
    async for key in _all_keys(shards):
        if key.endswith(b":mailbox"):
            mailbox = key
    beside = mailbox.replace(b":mailbox", b":senders")
    planted = [(b"visitors", b"alice"), (beside, b"alice"), (mailbox, b"last_login")]
    for key, field in planted:
        await shards.ask(key, b"HSET", key, field, b"1")
    return planted


async def _all_keys(shards: Shards) -> AsyncIterator[bytes]:
    for address in shards.primaries:
        cursor = b"0"
        while True:
            answer = await shards.ask_server(address, b"SCAN", cursor, b"COUNT", _COUNT)
            following, found = answers.items(answer)
            for key in answers.items(found):
                yield answers.blob(key)
            cursor = answers.blob(following)
            if cursor == b"0":
                break
