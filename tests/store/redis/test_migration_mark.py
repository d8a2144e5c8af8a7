"""The mark in Redis: no relay starts on half a store, and the first one takes over a whole one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hushpost_store import errors
from hushpost_store.redis import migration_mark
from hushpost_store.redis.keys import MIGRATION_KEY
from hushpost_store.redis.migration_mark import ArrivalMark, ArrivalState
from hushpost_store.redis.shards import Shards

from tests.store.redis.conftest import opened

MARK = ArrivalMark(ArrivalState.GOING, b"i" * 16, b"c" * 32, 7, 8, b"d" * 32)


async def test_a_mark_comes_back(shards: Shards) -> None:
    """It is there as it was put, until it is taken away."""
    assert await migration_mark.read(shards) is None
    await migration_mark.begin(shards, MARK)
    assert await migration_mark.read(shards) == MARK
    later = replace(MARK, state=ArrivalState.CLOSING, accounts=9)
    await migration_mark.put(shards, later)
    assert await migration_mark.read(shards) == later
    await migration_mark.remove(shards)
    assert await migration_mark.read(shards) is None


@pytest.mark.parametrize("state", [ArrivalState.GOING, ArrivalState.CLOSING, ArrivalState.UNDOING])
async def test_a_relay_does_not_open_what_is_half_there(
    shards: Shards, single_url: str, state: ArrivalState
) -> None:
    """It says which command finishes it, and leaves the mark where it is."""
    mark = replace(MARK, state=state)
    await migration_mark.begin(shards, mark)
    with pytest.raises(errors.StoreMoved, match="hushpost-relay migrate"):
        await opened(single_url)
    assert await migration_mark.read(shards) == mark


async def test_the_first_relay_takes_over(shards: Shards, single_url: str) -> None:
    """From then on nothing can be undone, and further relays find no mark."""
    await migration_mark.begin(shards, replace(MARK, state=ArrivalState.DONE))
    for _ in range(2):
        store = await opened(single_url)
        await store.close()
    assert await migration_mark.read(shards) is None
    assert not await migration_mark.begin_undoing(shards, MARK.migration_id)


async def test_undoing_is_for_the_same_migration_alone(shards: Shards) -> None:
    """Another id changes nothing."""
    await migration_mark.begin(shards, MARK)
    assert not await migration_mark.begin_undoing(shards, bytes(16))
    assert await migration_mark.read(shards) == MARK
    assert await migration_mark.begin_undoing(shards, MARK.migration_id)
    assert await migration_mark.read(shards) == replace(MARK, state=ArrivalState.UNDOING)


async def test_of_two_migrations_one_alone_goes_on(shards: Shards) -> None:
    """The second is told before it writes anything, and neither writes over the other's mark."""
    other = replace(MARK, migration_id=b"o" * 16)
    assert await migration_mark.begin(shards, MARK)
    assert not await migration_mark.begin(shards, other)
    with pytest.raises(errors.StoreMoved, match="another migration began"):
        await migration_mark.put(shards, other)
    assert await migration_mark.read(shards) == MARK


@pytest.mark.parametrize("ended", ["undone", "being undone", "taken over"])
async def test_a_migration_that_lost_its_redis_writes_no_mark(shards: Shards, ended: str) -> None:
    """One that slept through an undoing, or through the start of a relay, does not go on."""
    await migration_mark.begin(shards, replace(MARK, state=ArrivalState.DONE))
    if ended == "taken over":
        await migration_mark.take_over(shards)
    else:
        await migration_mark.begin_undoing(shards, MARK.migration_id)
    if ended == "undone":
        await migration_mark.remove(shards)
    stands = await migration_mark.read(shards)
    with pytest.raises(errors.StoreMoved):
        await migration_mark.put(shards, MARK)
    assert await migration_mark.read(shards) == stands


@pytest.mark.parametrize("field", ["state", "id", "accounts"])
async def test_a_mark_that_cannot_be_read_is_damage(shards: Shards, field: str) -> None:
    """Nobody goes on from what nobody wrote."""
    await migration_mark.begin(shards, MARK)
    await shards.ask(MIGRATION_KEY, b"HSET", MIGRATION_KEY, field.encode(), b"")
    if field == "id":
        await shards.ask(MIGRATION_KEY, b"HDEL", MIGRATION_KEY, b"id")
    with pytest.raises(errors.StoreDamaged):
        await migration_mark.read(shards)
