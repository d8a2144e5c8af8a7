"""Envelopes through Redis: bounds, faults, and what a listener is told."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from hushpost_demo.redis_servers import redis_server
from hushpost_store import errors
from hushpost_store.conformance import (
    NOW,
    QUOTAS,
    Recorder,
    backlog,
    digest,
    envelope,
    post,
    route,
    with_drops,
)
from hushpost_store.quotas import Quotas
from hushpost_store.redis import answers
from hushpost_store.redis.keys import mailbox_keys
from hushpost_store.redis.options import RedisOptions
from hushpost_store.redis.shards import Shards
from hushpost_store.redis.stalls import STALL_SECONDS
from hushpost_store.redis.store import RedisStore
from hushpost_store.redis.url import RedisUrl
from hushpost_store.rows import DropKind, Refusal

from tests.store.redis.conftest import opened


async def test_a_lost_answer_is_a_retry_and_the_repetition_is_known(tmp_path: Path) -> None:
    """A server that dies refuses nobody: senders are told to retry, and nothing doubles."""
    async with redis_server(tmp_path) as server:
        store = await opened(server.url)
        await with_drops(store, "alice")
        await post(store, envelope("alice", 1))
        recorder = Recorder()
        store.submit(envelope("alice", 2), recorder, NOW)
        await asyncio.sleep(0)
        server.kill()
        await asyncio.wait_for(recorder.settled.wait(), 10)
        away = await post(store, envelope("alice", 2))
        assert (away.reason, away.retry_after) == (Refusal.RETRY, 1)
        assert store.stats().faulty
        await server.start()
        await asyncio.sleep(STALL_SECONDS)
        assert (await post(store, envelope("alice", 2))).reason is None
        assert not store.stats().faulty
        ids = [row.envelope_id for row in await backlog(store)]
        assert ids == [envelope("alice", n).envelope_id for n in (1, 2)]
        await store.close()


async def test_what_waits_is_bounded(single_url: str) -> None:
    """Beyond the bound a sender is told to retry, and nothing is kept of it."""
    store = RedisStore(replace(RedisOptions(single_url), waiting_bytes_max=10_000), QUOTAS)
    await store.open()
    await with_drops(store, "alice")
    recorders = [Recorder() for _ in range(4)]
    for number, recorder in enumerate(recorders):
        store.submit(envelope("alice", number), recorder, NOW)
    for recorder in recorders:
        await asyncio.wait_for(recorder.settled.wait(), 10)
    assert [one.reason for one in recorders] == [None, None, Refusal.RETRY, Refusal.RETRY]
    await store.close()


async def test_many_acknowledgements_are_one_command(redis_store: RedisStore) -> None:
    """All sequences of a call go at once; none is no command."""
    await with_drops(redis_store, "alice")
    for number in range(3):
        await post(redis_store, envelope("alice", number))
    opened_mailbox = await redis_store.open_mailbox(route("bob"), NOW)
    redis_store.acknowledge(route("bob"), opened_mailbox.epoch, [], NOW)
    assert redis_store.stats().pending_bytes == 0
    redis_store.acknowledge(route("bob"), opened_mailbox.epoch, [1, 2, 3], NOW)
    assert await redis_store.expired_notices(route("bob")) == ()
    assert redis_store.stats().queued_envelopes == 0
    redis_store.close_mailbox(route("bob"), opened_mailbox.epoch)


async def test_counts_follow_what_was_acknowledged(
    redis_store: RedisStore, single_url: str
) -> None:
    """Any set of sequences, in any order and repeated, leaves the counts of what is still there."""
    await with_drops(redis_store, "alice", "carol")
    for number in range(3):
        await post(redis_store, envelope("alice", number))
        await post(redis_store, envelope("carol", number))
    every = Shards(RedisUrl.parse(single_url), RedisOptions(single_url))
    await every.open()
    keys = mailbox_keys(route("bob"))
    alice, carol = digest("alice")[:16], digest("carol")[:16]

    async def counts() -> dict[bytes, bytes]:
        found = answers.fields(await every.ask(keys[0], b"HGETALL", keys[0]))
        names = (b"queued", b"bytes", b"#" + alice, b"%" + alice, b"#" + carol, b"%" + carol)
        return {name: found[name] for name in names if name in found}

    async def acknowledge(*sequences: int) -> None:
        redis_store.acknowledge(route("bob"), mailbox.epoch, sequences, NOW)
        await redis_store.expired_notices(route("bob"))

    mailbox = await redis_store.open_mailbox(route("bob"), NOW)
    await acknowledge(3, 1, 3, 99)  # alice's first and second
    assert list((await counts()).values()) == [b"4", b"16384", b"1", b"4096", b"3", b"12288"]
    await acknowledge(5)  # alice's last: her counts say nothing any more
    assert list((await counts()).values()) == [b"3", b"12288", b"3", b"12288"]
    assert redis_store.stats().queued_envelopes == 3
    await acknowledge(2, 4, 6, 5)
    assert list((await counts()).values()) == [b"0", b"0"]
    assert [await every.ask(key, b"EXISTS", key) for key in keys] == [1, 1, 0, 0, 0, 0]
    assert redis_store.stats().queued_envelopes == 0
    await every.close()


async def test_thousands_of_acknowledgements_are_one_command(single_url: str) -> None:
    """More than a script takes at once goes all the same, and what was not named stays."""
    store = await opened(single_url, Quotas())
    await with_drops(store, "alice")
    recorders = [Recorder() for _ in range(1_203)]
    for number, recorder in enumerate(recorders):
        store.submit(envelope("alice", number, size=64), recorder, NOW)
    await asyncio.wait_for(recorders[-1].settled.wait(), 20)
    mailbox = await store.open_mailbox(route("bob"), NOW)
    store.acknowledge(route("bob"), mailbox.epoch, range(1, 1_203), NOW)
    rows = await store.read_backlog(route("bob"), mailbox.epoch, after_sequence=0, limit=9, now=NOW)
    assert [row.sequence for row in rows] == [1_203]
    assert store.stats().queued_envelopes == 1
    await store.close()


async def test_drops_end_and_are_revoked_as_registered(redis_store: RedisStore) -> None:
    """A drop of the same name with another rest is neither used nor revoked by it."""
    await with_drops(redis_store, "alice")
    twin = digest("alice")[:16] + bytes(16)
    await redis_store.revoke_drop(route("bob"), twin)
    assert (await post(redis_store, envelope("alice", 1))).reason is None
    with pytest.raises(errors.DropConflict):
        await redis_store.register_drop(route("bob"), twin, DropKind.CONTACT, NOW)
    with pytest.raises(errors.MailboxUnknown):
        await redis_store.revoke_drop(b"?" * 16, twin)
    await redis_store.expired_seen(route("bob"), 7)
