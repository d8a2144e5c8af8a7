"""After a failure nothing overtakes: what was sent before its sender heard of it fails as well."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from hushpost_demo.redis_servers import cli
from hushpost_store.conformance import NOW, QUOTAS, backlog, envelope, post, route, with_drops
from hushpost_store.redis.command import ServerError
from hushpost_store.redis.keys import mailbox_keys
from hushpost_store.redis.options import RedisOptions
from hushpost_store.redis.shards import Shards
from hushpost_store.redis.stalls import DROP_SECONDS_MAX, DROPS_MAX, STALL_SECONDS, Stalls
from hushpost_store.redis.store import RedisStore
from hushpost_store.rows import Refusal

ONE, ANOTHER = b"one-mailbox-----", b"another-mailbox-"
DROPS = mailbox_keys(route("bob"))[1].decode()


class _Time:
    """A clock that tests move, and that counts how often it is asked."""

    def __init__(self) -> None:
        self.now = 100.0
        self.asked = 0

    def __call__(self) -> float:
        self.asked += 1
        return self.now


def test_a_stall_holds_one_slot_for_a_moment() -> None:
    """From the failure on, for as long as a sender is asked to wait, and no other slot."""
    time = _Time()
    stalls = Stalls(time)
    assert not stalls.refuses(ONE, b"a")
    stalls.begin(ONE)
    assert stalls.refuses(ONE, b"a")
    assert not stalls.refuses(ANOTHER, b"b")
    time.now += STALL_SECONDS - 0.01
    stalls.begin(ANOTHER)
    assert stalls.refuses(ONE, b"c")
    time.now += 0.02
    assert not stalls.refuses(ONE, b"d")
    assert stalls.refuses(ANOTHER, b"b")
    time.now += 2 * STALL_SECONDS
    assert not stalls.refuses(ANOTHER, b"b")


def test_a_burst_that_comes_as_the_stall_ends_is_refused_as_a_whole() -> None:
    """What follows a refused envelope through its drop is refused too, and others are taken."""
    time = _Time()
    stalls = Stalls(time)
    stalls.begin(ONE)
    time.now += STALL_SECONDS - 0.01
    for _ in range(5):
        assert stalls.refuses(ONE, b"slow sender")
        time.now += 0.3
    assert not stalls.refuses(ONE, b"another")
    time.now += STALL_SECONDS
    assert not stalls.refuses(ONE, b"slow sender"), "it waited, and begins from the first"


def test_who_repeats_without_waiting_is_not_kept_out_for_good() -> None:
    """However often it comes meanwhile, a drop's stall ends."""
    time = _Time()
    stalls = Stalls(time)
    stalls.begin(ONE)
    refused = 0
    while stalls.refuses(ONE, b"hasty"):
        refused += 1
        time.now += 0.1
    assert refused == pytest.approx(DROP_SECONDS_MAX / 0.1, abs=1)


def test_drops_that_were_made_up_fill_no_memory() -> None:
    """Beyond a bound drops are not noted; their slot is stalled all the same."""
    time = _Time()
    stalls = Stalls(time)
    stalls.begin(ONE)
    assert all(stalls.refuses(ONE, b"%d" % number) for number in range(DROPS_MAX + 1))
    time.now += STALL_SECONDS - 0.01
    stalls.begin(ANOTHER)
    assert stalls.refuses(ONE, b"%d" % 0)
    time.now += 0.02
    assert stalls.refuses(ONE, b"%d" % 0)
    assert not stalls.refuses(ONE, b"%d" % DROPS_MAX)


def test_what_ended_costs_nothing_more() -> None:
    """Once the last stall is over nothing is kept of any, whichever slot is asked after."""
    time = _Time()
    stalls = Stalls(time)
    stalls.begin(ONE)
    stalls.begin(ANOTHER)
    time.now += STALL_SECONDS
    assert not stalls.refuses(b"a-third-mailbox-", b"c")
    asked = time.asked
    assert not stalls.refuses(ONE, b"a")
    assert time.asked == asked, "who keeps nothing need not ask for the time"


async def test_what_follows_a_failure_does_not_overtake_it(
    single_url: str, redis_store: RedisStore
) -> None:
    """The server is well again at once, and yet nothing is taken before what it could not take."""
    await with_drops(redis_store, "alice")
    await post(redis_store, envelope("alice", 0))
    async with _full(single_url):
        assert (await post(redis_store, envelope("alice", 1))).reason is Refusal.RETRY
    assert (await post(redis_store, envelope("alice", 2))).reason is Refusal.RETRY
    await asyncio.sleep(STALL_SECONDS)
    for number in (1, 2):
        assert (await post(redis_store, envelope("alice", number))).reason is None
    ids = [row.envelope_id for row in await backlog(redis_store)]
    assert ids == [envelope("alice", number).envelope_id for number in range(3)]


async def test_owners_of_a_full_server_come_and_make_room(
    single_url: str, redis_store: RedisStore
) -> None:
    """A slot whose senders fail all the time keeps nobody from logging in, reading and deleting."""
    await with_drops(redis_store, "alice")
    await post(redis_store, envelope("alice", 0))
    async with _full(single_url):
        assert (await post(redis_store, envelope("alice", 1))).reason is Refusal.RETRY
        login = await redis_store.open_mailbox(route("bob"), NOW)
        assert login.queued == 1
        redis_store.acknowledge(route("bob"), login.epoch, [login.backlog_end], NOW)
        assert await backlog(redis_store) == []


async def test_what_waited_for_its_slot_fails_with_what_went_before(shards: Shards) -> None:
    """A submission that was given before the failure, and is sent after it, is not sent."""
    shards.stalls.begin(route("bob"))
    keys = mailbox_keys(route("bob"))
    with pytest.raises(ServerError, match="an earlier submission"):
        await shards.run("enqueue", keys)
    assert shards.waiting_bytes == 0
    assert await shards.run("open", keys, b"node", 1, 1) is None, "no submission: it was run"


async def test_a_damaged_mailbox_holds_up_no_other(
    single_url: str, redis_store: RedisStore
) -> None:
    """What fails for ever begins no stall: its senders' attempts would keep the slot for good."""
    await with_drops(redis_store, "alice")
    port = single_url.rpartition(":")[2]
    await cli("-p", port, "rename", DROPS, "kept")
    await cli("-p", port, "set", DROPS, "no hash")
    assert (await post(redis_store, envelope("alice", 1))).reason is Refusal.RETRY
    await cli("-p", port, "rename", "kept", DROPS)
    assert (await post(redis_store, envelope("alice", 1))).reason is None


async def test_what_was_too_much_is_not_overtaken(single_url: str) -> None:
    """Beyond the bound of what waits a sender is told RETRY, and what follows it as well."""
    store = RedisStore(replace(RedisOptions(single_url), waiting_bytes_max=4_000), QUOTAS)
    await store.open()
    await with_drops(store, "alice")
    assert (await post(store, envelope("alice", 1))).reason is Refusal.RETRY
    small = envelope("alice", 2, size=64)
    assert (await post(store, small)).reason is Refusal.RETRY
    await asyncio.sleep(STALL_SECONDS)
    assert (await post(store, small)).reason is None
    await store.close()


@asynccontextmanager
async def _full(url: str) -> AsyncGenerator[None]:
    """Have the server take nothing for the time of a block."""
    port = url.rpartition(":")[2]
    await cli("-p", port, "config", "set", "maxmemory", "1")
    try:
        yield
    finally:
        await cli("-p", port, "config", "set", "maxmemory", "0")
