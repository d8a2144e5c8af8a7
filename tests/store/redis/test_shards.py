"""All servers as one: slots that move, servers that die, scripts that were flushed."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hushpost_demo.redis_servers import RedisCluster, cli, redis_cluster, redis_server
from hushpost_store import errors
from hushpost_store.conformance import (
    NOW,
    Recorder,
    account,
    backlog,
    envelope,
    post,
    route,
    with_drops,
)
from hushpost_store.quotas import Quotas
from hushpost_store.redis import shards as shards_module
from hushpost_store.redis.command import SLOTS, Answer, ConnectionLost, ServerError
from hushpost_store.redis.connection import slot_of
from hushpost_store.redis.keys import mailbox_keys
from hushpost_store.redis.options import RedisOptions
from hushpost_store.redis.shards import Shards
from hushpost_store.redis.store import RedisStore
from hushpost_store.redis.url import RedisUrl
from hushpost_store.rows import QueuedEnvelope

from tests.store.redis.acting_server import ActingServer, Asked, acting
from tests.store.redis.conftest import empty, opened
from tests.store.redis.slot_mover import move_slot, owner_of

KEYS = mailbox_keys(b"r" * 16)


async def test_scripts_that_were_flushed_are_taught_again(shards: Shards) -> None:
    """An operator who flushes scripts loses no command."""
    (address,) = shards.primaries
    await shards.ask_server(address, b"SCRIPT", b"FLUSH")
    answers = await asyncio.gather(*(shards.run("claim", KEYS, b"me", b"c" * 8) for _ in range(5)))
    assert answers == [1, 0, 0, 0, 0]


async def test_a_server_that_died_is_found_again(tmp_path: Path) -> None:
    """What was asked of the dead one fails; what is asked when it is back does not."""
    async with redis_server(tmp_path) as server:
        shards = Shards(RedisUrl.parse(server.url), RedisOptions(server.url))
        await shards.open()
        assert await shards.run("claim", KEYS, b"me", b"c" * 8) == 1
        server.kill()
        with pytest.raises(errors.StoreFault):
            await shards.run("claim", KEYS, b"me", b"c" * 8)
        with pytest.raises(errors.StoreFault):
            await shards.run("claim", KEYS, b"me", b"c" * 8)
        await server.start()
        assert await shards.run("claim", KEYS, b"me", b"c" * 8) == 0
        await shards.close()
        with pytest.raises(errors.StoreFault):
            await shards.run("claim", KEYS, b"me", b"c" * 8)


async def test_no_seed_that_answers_is_said() -> None:
    """Opening names the trouble and nothing else."""
    shards = Shards(RedisUrl.parse("redis://127.0.0.1:1"), RedisOptions("redis://127.0.0.1:1"))
    with pytest.raises(errors.StoreFault, match="cannot reach Redis"):
        await shards.open()
    await shards.close()


async def test_waiting_bytes_fall_back_to_nothing(shards: Shards) -> None:
    """Whoever waits for less pressure is woken by the answers."""
    asked = [
        asyncio.create_task(shards.run("claim", KEYS, b"x" * 1_000, b"c" * 8)) for _ in range(50)
    ]
    await asyncio.sleep(0)
    assert shards.waiting_bytes > 50_000
    await asyncio.wait_for(shards.below(0), 10)
    assert shards.waiting_bytes == 0
    assert len(await asyncio.gather(*asked)) == 50


async def test_what_is_held_is_answered_once_and_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that waited for a slot without a server fails when its time is over, each once."""
    monkeypatch.setattr(shards_module, "REDIRECTED_SECONDS_MAX", 0.3)
    async with acting(ActingServer(_down)) as server, _opened(server) as shards:
        answers: list[list[Answer]] = [[] for _ in range(5)]
        began = time.monotonic()
        for each in answers:
            shards.send("claim", KEYS, (b"me", b"c" * 8), each.append)
        while not all(answers):  # noqa: ASYNC110 - no event of ours
            await asyncio.sleep(0.01)
        assert time.monotonic() - began < 1.2, "not one after the other"
        await asyncio.sleep(0.3)
        assert [len(each) for each in answers] == [1] * 5
        assert all(isinstance(each[0], ServerError) for each in answers)
        assert shards.waiting_bytes == 0
        server.answers = lambda asked: b":1\r\n" if asked[0] == b"EVALSHA" else None
        assert await shards.run("claim", KEYS, b"me", b"c" * 8) == 1
        server.answers = _down
        for each in answers:
            shards.send("claim", KEYS, (b"me", b"c" * 8), each.append)
        await asyncio.sleep(0.1)
    assert [len(each) for each in answers] == [2] * 5, "closing tells each once, too"


async def test_a_failover_is_looked_for_by_all_slots_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While a cluster is down, hundreds of slots do not each ask it for its owners."""
    # Not what this is about, and a busy machine takes long for all of them.
    monkeypatch.setattr(shards_module, "REDIRECTED_SECONDS_MAX", 120.0)
    server = ActingServer(_down, slots=[])
    async with acting(server):
        server.slots = [(0, SLOTS - 1, server.port)]
        async with _opened(server) as shards:
            before = server.connections
            all_keys = [mailbox_keys(b"%016d" % number) for number in range(300)]
            asked = [asyncio.create_task(shards.run("claim", k, b"me", b"c" * 8)) for k in all_keys]
            await asyncio.sleep(0.5)
            server.answers = lambda asked: b":1\r\n" if asked[0] == b"EVALSHA" else None
            assert await asyncio.gather(*asked) == [1] * 300
            assert 0 < server.connections - before < 30
            assert server.count(b"EVALSHA") < 300 * 9, "nor tries without a pause"


async def test_a_server_that_lost_its_memory_is_believed_for_a_moment_only() -> None:
    """Slots that nobody owned at the last look are looked for again when they are asked for."""
    server = ActingServer(_well, slots=[], is_whole=False)
    async with acting(server), _opened(server) as shards:
        with pytest.raises(ServerError, match="no server of the cluster owns"):
            await shards.run("claim", KEYS, b"me", b"c" * 8)
        server.slots = [(0, SLOTS - 1, server.port)]
        async with asyncio.timeout(2):
            while True:
                try:
                    assert await shards.run("claim", KEYS, b"me", b"c" * 8) == 1
                    break
                except ServerError:
                    await asyncio.sleep(0.02)


async def test_a_server_that_hangs_holds_up_no_senders_of_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """When what waits for it is too much it is left early; the others' answers come as ever."""
    monkeypatch.setattr(shards_module, "SILENT_SECONDS", 0.2)
    well, hung = ActingServer(_well, slots=[]), ActingServer(_well, slots=[])
    async with acting(well), acting(hung):
        both = [(0, SLOTS // 2 - 1, well.port), (SLOTS // 2, SLOTS - 1, hung.port)]
        well.slots = hung.slots = both
        async with _opened(well, waiting_bytes_high=50_000) as shards:
            hung.answers = lambda asked: b"" if asked[0] in (b"EVALSHA", b"CONFIG") else None
            keys = [mailbox_keys(b"%016d" % number) for number in range(200)]
            there = [k for k in keys if shards.owner_of(k[0]).port == hung.port]
            answers: list[Answer] = []
            for each in there:
                shards.send("claim", each, (b"m" * 1_000, b"c" * 8), answers.append)
            assert shards.waiting_bytes > 50_000
            began = time.monotonic()
            for each in keys:
                if each not in there:
                    assert await shards.run("claim", each, b"me", b"c" * 8) == 1
            assert answers == []
            await asyncio.wait_for(shards.below(50_000), 2)
            assert 0.2 < time.monotonic() - began < 1.5
            assert {type(answer) for answer in answers} == {ConnectionLost}
            assert len(answers) == len(there)


async def test_a_redirection_to_nowhere_hangs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a server calls another one, and is none, is not followed; the answer comes in time."""
    monkeypatch.setattr(shards_module, "REDIRECTED_SECONDS_MAX", 0.1)

    def astray(asked: Asked) -> bytes | None:
        return b"-MOVED 7 nowhere\r\n" if asked[0] == b"EVALSHA" else None

    async with acting(ActingServer(astray)) as server, _opened(server) as shards:
        with pytest.raises(ServerError, match="found no server in time"):
            await asyncio.wait_for(shards.run("claim", KEYS, b"me", b"c" * 8), 3)


def _down(asked: Asked) -> bytes | None:
    return b"-CLUSTERDOWN The cluster is down\r\n" if asked[0] == b"EVALSHA" else None


def _well(asked: Asked) -> bytes | None:
    return b":1\r\n" if asked[0] == b"EVALSHA" else None


@asynccontextmanager
async def _opened(
    server: ActingServer, *, waiting_bytes_high: int = 16 << 20
) -> AsyncGenerator[Shards]:
    url = f"redis://127.0.0.1:{server.port}"
    options = replace(
        RedisOptions(url), connections_per_server=1, waiting_bytes_high=waiting_bytes_high
    )
    every = Shards(RedisUrl.parse(url), options)
    await every.open()
    try:
        yield every
    finally:
        await every.close()


async def test_order_holds_while_a_slot_moves(running_cluster: RedisCluster) -> None:
    """Envelopes of one mailbox keep their order though its slot moves to and fro under them."""
    await empty(running_cluster.url)
    store = await opened(running_cluster.url, Quotas())
    await with_drops(store, "alice")
    slot = slot_of(mailbox_keys(route("bob"))[0])
    mover = asyncio.create_task(move_slot(running_cluster, slot, times=4))
    told: list[tuple[int, Recorder]] = []
    number = 0
    while not mover.done() or number < 200:
        recorder = Recorder()
        store.submit(envelope("alice", number), recorder, NOW)
        told.append((number, recorder))
        number += 1
        await asyncio.sleep(0.002)
    await mover
    for _, recorder in told:
        await asyncio.wait_for(recorder.settled.wait(), 30)
    places = [one.place.sequence for _, one in told if one.place is not None]
    assert places == sorted(places)
    accepted = [envelope("alice", n).envelope_id for n, one in told if one.place is not None]
    assert len(accepted) == number
    assert [row.envelope_id for row in await _all(store)] == accepted
    await store.close()


async def _all(store: RedisStore) -> list[QueuedEnvelope]:
    opened_mailbox = await store.open_mailbox(route("bob"), NOW)
    return await store.read_backlog(
        route("bob"), opened_mailbox.epoch, after_sequence=0, limit=100_000, now=NOW
    )


async def test_a_dead_primary_is_replaced_by_its_replica(tmp_path: Path) -> None:
    """After a failover the same store goes on, and what was replicated is there."""
    async with redis_cluster(tmp_path) as cluster:
        store = await opened(cluster.url)
        await with_drops(store, "alice")
        await post(store, envelope("alice", 1))
        owner = await owner_of(cluster, slot_of(mailbox_keys(route("bob"))[0]))
        port = owner.split(":")[1]
        assert "1" in await cli("-p", port, "wait", "1", "1000")
        next(server for server in cluster.servers if str(server.port) == port).kill()
        # Five seconds; the servers vote anew every eight where a busy disk kept them from voting.
        deadline = time.monotonic() + 90
        number = 2
        while (await post(store, envelope("alice", number))).reason is not None:
            if time.monotonic() > deadline:
                alive = next(one.port for one in cluster.servers if str(one.port) != port)
                pytest.fail(await cli("-p", str(alive), "cluster", "nodes"))
            await asyncio.sleep(0.1)
        assert len(await backlog(store)) == 2
        assert await store.load_account(account("bob").account_id) is not None
        await store.close()
