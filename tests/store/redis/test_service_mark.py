"""As whom all relays of one Redis are known: compared and swapped as one."""

from __future__ import annotations

import asyncio

import pytest
from hushpost_store.errors import StoreDamaged
from hushpost_store.interface import Shared
from hushpost_store.redis import service_mark
from hushpost_store.redis.keys import STORE_KEY
from hushpost_store.redis.shards import Shards
from hushpost_store.redis.store import RedisStore
from hushpost_store.rows import ServiceMark

ONE = ServiceMark(bytes(32), "relay.test")
OTHER = ServiceMark(bytes(range(32)), "relay.test:8443")


async def test_the_first_claim_stands(redis_store: RedisStore) -> None:
    """Nothing stands at first; the second one learns who was there, and changes nothing."""
    assert isinstance(redis_store, Shared)
    assert await redis_store.service() is None
    assert await redis_store.claim_service(ONE, instead_of=None) == ONE
    assert await redis_store.claim_service(OTHER, instead_of=None) == ONE
    assert await redis_store.claim_service(ONE, instead_of=None) == ONE
    assert await redis_store.service() == ONE


async def test_a_mark_is_replaced_only_by_who_knows_it(redis_store: RedisStore) -> None:
    """Compare and swap: with what stood before it fails, with what stands it is done."""
    await redis_store.claim_service(ONE, instead_of=None)
    assert await redis_store.claim_service(OTHER, instead_of=OTHER) == ONE
    assert await redis_store.claim_service(OTHER, instead_of=ONE) == OTHER
    assert await redis_store.service() == OTHER


async def test_of_many_at_once_one_wins(shards: Shards) -> None:
    """All are told of the same one."""
    marks = [ServiceMark(bytes([number]) * 32, "h") for number in range(20)]
    stand = await asyncio.gather(*(service_mark.claim(shards, mark, None) for mark in marks))
    assert len(set(stand)) == 1


async def test_a_mark_that_cannot_be_read_is_damage(shards: Shards) -> None:
    """It is not taken for another relay's."""
    await shards.ask(STORE_KEY, b"HSET", STORE_KEY, service_mark.FIELD, bytes(32) + b"\xff")
    with pytest.raises(StoreDamaged):
        await service_mark.read(shards)
