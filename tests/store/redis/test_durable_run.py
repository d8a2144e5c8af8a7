"""Scripts and commands whose outcome must last: answered after the replicas, or a fault."""

import asyncio

import pytest
from hushpost_demo.redis_servers import RedisServer, cli
from hushpost_store import errors
from hushpost_store.redis.barrier import Barrier
from hushpost_store.redis.command import Unreadable
from hushpost_store.redis.durable_run import run_durably, write_durably
from hushpost_store.redis.keys import STORE_KEY, mailbox_keys
from hushpost_store.redis.shards import Shards

HAVE_IT = Barrier(0, 50, has_waitaof=False)
HAVE_IT_NOT = Barrier(1, 50, has_waitaof=False)


async def _claimed(shards: Shards, mark: bytes, *, instead_of: bytes = b"") -> object:
    return await run_durably(shards, "claim_service", (STORE_KEY,), instead_of, mark)


async def _with(shards: Shards, barrier: Barrier) -> None:
    shards.barrier = barrier
    await shards.reopen()


async def test_the_answer_is_the_scripts(shards: Shards) -> None:
    """Whether replicas are waited for or not, the caller gets what the script returned."""
    assert await _claimed(shards, b"first") == b"first"
    assert await _claimed(shards, b"other") == b"first"
    await _with(shards, HAVE_IT)
    assert await _claimed(shards, b"other", instead_of=b"first") == b"other"


async def test_without_the_replicas_it_is_a_fault_though_it_was_done(shards: Shards) -> None:
    """Who asks again is answered by a script that writes again, once the replicas are back."""
    await _with(shards, HAVE_IT_NOT)
    for _ in range(2):
        with pytest.raises(errors.StoreFault, match="replicas of a server do not say"):
            await _claimed(shards, b"mine")
    assert await shards.ask(STORE_KEY, b"HGET", STORE_KEY, b"service") == b"mine"
    await _with(shards, HAVE_IT)
    assert await _claimed(shards, b"mine") == b"mine"


@pytest.mark.parametrize("barrier", [None, HAVE_IT])
async def test_a_refused_script_is_its_own_fault(shards: Shards, barrier: Barrier | None) -> None:
    """What the server says is raised, and no replica is waited for: nothing was written."""
    if barrier is not None:
        await _with(shards, barrier)
    await shards.ask(STORE_KEY, b"SET", STORE_KEY, b"no hash")
    async with asyncio.timeout(5):
        with pytest.raises(Unreadable):
            await _claimed(shards, b"mine")
    assert await shards.ask(STORE_KEY, b"GET", STORE_KEY) == b"no hash"


async def test_a_connection_that_ends_meanwhile_says_nothing_lasted(
    shards: Shards, running_server: RedisServer
) -> None:
    """The script's answer had come, that of the replicas had not."""
    await _with(shards, Barrier(1, 60_000, has_waitaof=False))
    claiming = asyncio.create_task(_claimed(shards, b"mine"))
    place = ("-p", str(running_server.port))
    async with asyncio.timeout(5):
        while "cmd=wait" not in await cli(*place, "client", "list"):  # noqa: ASYNC110 - no event of ours
            await asyncio.sleep(0.01)
    assert not claiming.done()
    await cli(*place, "client", "kill", "type", "normal")
    with pytest.raises(errors.StoreFault, match="replicas of a server do not say"):
        await claiming


async def test_a_command_that_is_not_durable_is_not_done(shards: Shards) -> None:
    """Where replicas must have it and there are none, writing fails; so does what is refused."""
    key = mailbox_keys(bytes(16))[0]
    assert await write_durably(shards, key, b"HSET", key, b"a", b"b") == 1
    with pytest.raises(errors.StoreFault):
        await write_durably(shards, key, b"LPUSH", key, b"a")
    shards.barrier = Barrier(1, 50, has_waitaof=False)
    await shards.reopen()
    with pytest.raises(errors.StoreFault, match="replicas"):
        await write_durably(shards, key, b"HSET", key, b"a", b"c")
    with pytest.raises(errors.StoreFault):
        await write_durably(shards, key, b"LPUSH", key, b"a")
