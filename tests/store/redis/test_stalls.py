"""After a failure nothing overtakes: what was sent before its sender heard of it fails as well."""

import asyncio

from hushpost_demo.redis_servers import cli
from hushpost_store.conformance import backlog, envelope, post, with_drops
from hushpost_store.redis.stalls import STALL_SECONDS, Stalls
from hushpost_store.redis.store import RedisStore
from hushpost_store.rows import Refusal


def test_a_stall_holds_one_slot_for_a_moment() -> None:
    """From the failure on, for as long as a sender is asked to wait, and no other slot."""
    time = [100.0]
    stalls = Stalls(lambda: time[0])
    assert not stalls.holds(b"one-mailbox-----")
    stalls.begin(b"one-mailbox-----")
    assert stalls.holds(b"one-mailbox-----")
    assert not stalls.holds(b"another-mailbox-")
    time[0] += STALL_SECONDS - 0.01
    assert stalls.holds(b"one-mailbox-----")
    time[0] += 0.02
    assert not stalls.holds(b"one-mailbox-----")
    assert not stalls.holds(b"one-mailbox-----")


async def test_what_follows_a_failure_does_not_overtake_it(
    single_url: str, redis_store: RedisStore
) -> None:
    """The server is well again at once, and yet nothing is taken before what it could not take."""
    await with_drops(redis_store, "alice")
    await post(redis_store, envelope("alice", 0))
    await _full(single_url, "1")
    assert (await post(redis_store, envelope("alice", 1))).reason is Refusal.RETRY
    await _full(single_url, "0")
    assert (await post(redis_store, envelope("alice", 2))).reason is Refusal.RETRY
    await asyncio.sleep(STALL_SECONDS)
    for number in (1, 2):
        assert (await post(redis_store, envelope("alice", number))).reason is None
    ids = [row.envelope_id for row in await backlog(redis_store)]
    assert ids == [envelope("alice", number).envelope_id for number in range(3)]


async def _full(url: str, maxmemory: str) -> None:
    await cli("-p", url.rpartition(":")[2], "config", "set", "maxmemory", maxmemory)
