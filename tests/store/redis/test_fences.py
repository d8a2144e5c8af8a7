"""What a failover, another relay or a restored disk may not do (docs/spec/store.md, "Redis")."""

import asyncio
import shutil
import time
from pathlib import Path

from hushpost_demo.redis_servers import RedisServer, redis_server
from hushpost_store.conformance import (
    NOW,
    Recorder,
    backlog,
    digest,
    envelope,
    post,
    route,
    with_drops,
)
from hushpost_store.redis.keys import mailbox_keys
from hushpost_store.redis.shards import Shards
from hushpost_store.redis.store import RedisStore
from hushpost_store.rows import DropKind, Refusal

from tests.store.redis.conftest import opened
from tests.store.redis.test_wake_ups import Watcher

KEYS = mailbox_keys(route("bob"))


async def _brought_back(server: RedisServer, copy: Path) -> None:
    """End a server and start it with what its disk held when the copy was made."""
    server.kill()
    shutil.rmtree(server.folder / "appendonlydir")
    shutil.copytree(copy, server.folder / "appendonlydir")
    await server.start()


async def _through(store: RedisStore, number: int) -> int:
    """Post until it is taken, over a lost connection too, and return its sequence."""
    async with asyncio.timeout(20):
        while True:
            told = await post(store, envelope("alice", number))
            if told.place is not None:
                return told.place.sequence


async def test_numbers_that_a_server_forgot_are_never_given_again(tmp_path: Path) -> None:
    """An acknowledgement of what was forgotten deletes nothing that came since."""
    async with redis_server(tmp_path / "server") as server:
        store = await opened(server.url)
        await with_drops(store, "alice")
        login = await store.open_mailbox(route("bob"), NOW)
        shutil.copytree(server.folder / "appendonlydir", tmp_path / "copy")
        forgotten = [await _through(store, number) for number in (1, 2)]
        await _brought_back(server, tmp_path / "copy")
        later = await _through(store, 3)
        assert later not in forgotten
        assert later > 1 << 20
        assert await _through(store, 3) == later
        store.acknowledge(route("bob"), login.epoch, [*forgotten, 3], NOW)
        rows = await store.read_backlog(
            route("bob"), login.epoch, after_sequence=forgotten[-1], limit=9, now=NOW
        )
        assert [row.sequence for row in rows] == [later]
        store.acknowledge(route("bob"), login.epoch, [later], NOW)
        assert await backlog(store) == []
        await store.close()


async def test_numbers_follow_each_other_while_a_server_lives(redis_store: RedisStore) -> None:
    """No step is taken without need: a live push follows directly on the one before."""
    await with_drops(redis_store, "alice")
    assert [await _through(redis_store, number) for number in range(3)] == [1, 2, 3]


async def test_an_epoch_that_was_forgotten_never_comes_again(
    redis_store: RedisStore, single_url: str, shards: Shards
) -> None:
    """Nothing that its node still does is taken for the login that was counted anew."""
    await with_drops(redis_store, "alice")
    place = await _through(redis_store, 1)
    before = await shards.ask(KEYS[0], b"HMGET", KEYS[0], b"owner", b"last")
    lost = await redis_store.open_mailbox(route("bob"), NOW)
    await shards.ask(KEYS[0], b"HDEL", KEYS[0], b"epoch", b"node")
    other = await opened(single_url, node="node-b")
    stands = await other.open_mailbox(route("bob"), NOW)
    assert stands.epoch >> 20 == lost.epoch >> 20
    assert stands.epoch != lost.epoch
    for epoch in (lost.epoch, stands.epoch):  # the other node's number does not help either
        redis_store.acknowledge(route("bob"), epoch, [place], NOW)
        redis_store.close_mailbox(route("bob"), epoch)
        assert not await redis_store.read_backlog(
            route("bob"), epoch, after_sequence=0, limit=9, now=NOW
        )
    rows = await other.read_backlog(route("bob"), stands.epoch, after_sequence=0, limit=9, now=NOW)
    assert [row.sequence for row in rows] == [place]
    assert before is not None
    await other.close()


async def test_a_node_that_was_left_pushes_nothing(
    redis_store: RedisStore, single_url: str
) -> None:
    """Before it learns what place an envelope took, it is told that its login has moved."""
    other = await opened(single_url, node="node-b")
    await with_drops(redis_store, "alice")
    stale = await redis_store.open_mailbox(route("bob"), NOW)
    present = await other.open_mailbox(route("bob"), NOW)
    told: list[str] = []
    watcher, recorder = _Listening(told), _Telling(told)
    redis_store.watch(watcher)
    redis_store.submit(envelope("alice", 1), recorder, NOW)
    await asyncio.wait_for(recorder.settled.wait(), 5)
    assert told[0] == "moved"
    assert "admitted" in told
    assert watcher.moved[0] == (route("bob"), stale.epoch)
    other.close_mailbox(route("bob"), present.epoch)
    await other.read_backlog(route("bob"), 0, after_sequence=0, limit=1, now=NOW)
    await post(redis_store, envelope("alice", 2))
    assert watcher.lost[0] == (route("bob"), stale.epoch)
    await other.close()


class _Listening(Watcher):
    def __init__(self, told: list[str]) -> None:
        super().__init__()
        self._told = told

    def login_moved(self, route: bytes, epoch: int) -> None:
        self._told.append("moved")
        super().login_moved(route, epoch)


class _Telling(Recorder):
    def __init__(self, told: list[str]) -> None:
        super().__init__(told)


async def test_a_changed_byte_is_not_delivered(redis_store: RedisStore, shards: Shards) -> None:
    """The damaged envelope is counted once and keeps its place; the others come."""
    await with_drops(redis_store, "alice")
    for number in range(3):
        await _through(redis_store, number)
    for number, (key, place) in enumerate(((KEYS[4], 100), (KEYS[2], 13))):
        name = envelope("alice", number).envelope_id
        found = await shards.ask(key, b"HGET", key, name)
        assert isinstance(found, bytes)
        changed = found[:place] + bytes([found[place] ^ 1]) + found[place + 1 :]
        await shards.ask(key, b"HSET", key, name, changed)
    for _ in range(2):
        assert [row.envelope for row in await backlog(redis_store)] == [
            envelope("alice", 2).envelope
        ]
    assert redis_store.stats().damaged == 2
    login = await redis_store.open_mailbox(route("bob"), NOW)
    rows = await redis_store.read_backlog(
        route("bob"), login.epoch, after_sequence=0, limit=1, now=NOW
    )
    assert [row.sequence for row in rows] == [3]


async def test_damaged_notices_keep_nobody_from_logging_in(
    redis_store: RedisStore, shards: Shards
) -> None:
    """They stay as they are; those that can be read are told."""
    await with_drops(redis_store, "alice")
    whole = b"n7", b"d" * 16 + bytes(3) + b"\x02"
    damaged = (b"odd", b"x", b"gshort", b"1", b"nx", b"y", b"g" + b"d" * 16, b"many", b"", b"z")
    await shards.ask(KEYS[5], b"HSET", KEYS[5], *whole, *damaged)
    login = await redis_store.open_mailbox(route("bob"), NOW)
    assert [(notice.notice_id, notice.drops) for notice in login.expired] == [
        (7, ((b"d" * 16, 2),))
    ]
    assert await shards.ask(KEYS[5], b"HLEN", KEYS[5]) == 6


async def test_half_a_mailbox_takes_nothing(redis_store: RedisStore, shards: Shards) -> None:
    """Without an owner it is damaged, and the sender is told to come again."""
    await with_drops(redis_store, "alice")
    await shards.ask(KEYS[0], b"HDEL", KEYS[0], b"owner")
    told = await post(redis_store, envelope("alice", 1))
    assert (told.told, told.reason) == (["refused"], Refusal.RETRY)
    assert redis_store.stats().damaged == 1


async def test_a_clock_that_is_ahead_ends_no_keys_early_and_starts_no_day_again(
    redis_store: RedisStore, shards: Shards
) -> None:
    """Two relays a day apart allow the knocks of one day, and keys live by the earlier clock."""
    await with_drops(redis_store, "stranger", kind=DropKind.KNOCK)
    ahead = NOW + 86_400
    told = [
        await post(redis_store, envelope("stranger", number), now)
        for number, now in enumerate((ahead, NOW, ahead, NOW))
    ]
    assert [recorder.reason for recorder in told] == [None, None, Refusal.FULL, Refusal.FULL]
    (seconds,) = [await shards.ask(KEYS[4], b"TTL", KEYS[4])]
    assert isinstance(seconds, int)
    assert seconds > 14 * 86_400
    await redis_store.sweep(ahead)
    assert await shards.ask(KEYS[0], b"HEXISTS", KEYS[0], b"knocks") == 1
    await redis_store.sweep(ahead + 86_400)
    assert await shards.ask(KEYS[0], b"HMGET", KEYS[0], b"knocks", b"knock_day") == [None, None]
    assert digest("stranger")


async def test_keys_live_by_the_clock_that_is_behind(
    redis_store: RedisStore, shards: Shards
) -> None:
    """A relay whose clock is a day ahead of the server's has no mail ended a day early."""
    await with_drops(redis_store, "alice")
    today = int(time.time() // 86_400)
    sent = envelope("alice", 1, not_after=(today + 10) * 24)
    assert (await post(redis_store, sent, time.time() + 86_400)).reason is None
    for key in KEYS[2:5]:
        seconds = await shards.ask(key, b"TTL", key)
        assert isinstance(seconds, int)
        assert time.time() + seconds > (today + 10) * 86_400
