"""Waiting for replicas: one barrier a group, and accepted means that a replica has synced it."""

import asyncio
import re
import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hushpost_demo.redis_servers import RedisServer, cli, redis_server
from hushpost_store import errors
from hushpost_store.conformance import (
    DAY,
    NOW,
    Recorder,
    account,
    digest,
    envelope,
    post,
    route,
    with_drops,
)
from hushpost_store.quotas import Quotas
from hushpost_store.redis.barrier import Barrier
from hushpost_store.redis.command import Command, ConnectionLost
from hushpost_store.redis.options import Durability, RedisOptions
from hushpost_store.redis.stalls import STALL_SECONDS
from hushpost_store.redis.store import RedisStore
from hushpost_store.rows import DropKind, OneTimePrekey

from tests.conftest import require_or_skip
from tests.store.redis.conftest import follows

WAIT = Barrier(1, 500, has_waitaof=False)


def test_the_server_is_asked_in_the_way_it_knows() -> None:
    """WAITAOF asks for the own disk too; both answers are read, and nothing else says yes."""
    assert WAIT.arguments == (b"WAIT", 1, 500)
    assert replace(WAIT, has_waitaof=True).arguments == (b"WAITAOF", 1, 1, 250)
    assert [WAIT.holds(answer) for answer in (1, 2, [1, 1])] == [True] * 3
    refused = (0, [1, 0], [0, 1], b"OK", None, ConnectionLost("x"))
    assert [WAIT.holds(answer) for answer in refused] == [False] * 6


def test_one_barrier_follows_a_group_that_asks_for_it() -> None:
    """Who was sent elsewhere is not told here, and a group that asks for nothing has none."""
    told: list[str] = []
    here = Command((b"A",), 1, lambda _: None, on_durable=lambda held: told.append(f"here {held}"))
    gone = Command((b"B",), 1, lambda _: None, on_durable=lambda held: told.append(f"gone {held}"))
    other = Command((b"C",), 1, lambda _: None)
    assert WAIT.after([other]) == []
    (barrier,) = WAIT.after([here, gone, other])
    here.is_answered = True
    barrier.on_answer(1)
    assert told == ["here True"]
    told.clear()
    first, last = replace(WAIT, has_waitaof=True).after([here, gone, other])
    assert first.packed.split(b"\r\n")[2:7:2] == [b"WAIT", b"1", b"250"]
    first.on_answer(1)
    assert told == []
    last.on_answer([1, 0])
    assert told == ["here False"]


@asynccontextmanager
async def _pair(folder: Path) -> AsyncGenerator[tuple[RedisServer, RedisServer]]:
    """Run a primary and a replica that follows it."""
    async with redis_server(folder / "primary") as primary, redis_server(folder / "r") as replica:
        await cli("-p", str(replica.port), "replicaof", "127.0.0.1", str(primary.port))
        await follows(primary)
        yield primary, replica


async def _opened(primary: RedisServer) -> RedisStore:
    options = RedisOptions(primary.url, Durability.REPLICATED, replica_seconds_max=1.0)
    store = RedisStore(options, Quotas())
    await store.open()
    return store


async def test_accepted_is_said_when_a_replica_has_it(tmp_path: Path) -> None:
    """Without its replica a sender is told to retry; with it again, the same bytes are accepted."""
    async with _pair(tmp_path) as (primary, replica):
        store = await _opened(primary)
        await with_drops(store, "alice")
        assert (await post(store, envelope("alice", 1))).told == ["admitted", "committed"]
        assert replica.process is not None
        replica.process.send_signal(19)
        assert (await post(store, envelope("alice", 2))).told == ["admitted", "failed"]
        # Nothing goes past it, the repetition neither, before its sender can have heard.
        assert (await post(store, envelope("alice", 3))).told == ["refused"]
        await asyncio.sleep(STALL_SECONDS)
        again = await post(store, envelope("alice", 2))
        assert again.told == ["admitted", "failed"]
        assert again.place is not None
        assert again.place.duplicate
        replica.process.send_signal(18)
        async with asyncio.timeout(20):
            while (await post(store, envelope("alice", 2))).told[-1] != "committed":  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        recorders = [Recorder() for _ in range(50)]
        for number, recorder in enumerate(recorders):
            store.submit(envelope("alice", 10 + number), recorder, NOW)
        for recorder in recorders:
            await asyncio.wait_for(recorder.settled.wait(), 10)
        assert all(recorder.told[0] == "admitted" for recorder in recorders)
        assert any(recorder.told[1] == "committed" for recorder in recorders)
        await store.close()


async def test_what_is_durable_on_return_waits_for_replicas(tmp_path: Path) -> None:
    """Logins, drops and prekeys fail while the replica is away; asked again, they hold."""
    async with _pair(tmp_path) as (primary, replica):
        store = await _opened(primary)
        await with_drops(store, "alice")
        device_id = account("bob").devices[0].device_id
        batch = [OneTimePrekey(b"p" * 16, DAY + 9, b"r")]

        async def all_of_it() -> None:
            await store.open_mailbox(route("bob"), NOW)
            await store.register_drop(route("bob"), digest("carol"), DropKind.CONTACT, NOW)
            await store.publish_prekeys(digest("bob"), device_id, one_time=batch, day=DAY)
            await store.revoke_drop(route("bob"), digest("carol"))

        assert replica.process is not None
        replica.process.send_signal(19)
        for asked in (
            store.open_mailbox(route("bob"), NOW),
            store.register_drop(route("bob"), digest("carol"), DropKind.CONTACT, NOW),
            store.publish_prekeys(digest("bob"), device_id, one_time=batch, day=DAY),
        ):
            with pytest.raises(errors.StoreFault, match="replicas"):
                await asked
        replica.process.send_signal(18)
        for _ in range(2):
            await all_of_it()
        taken = await store.take_prekeys(digest("bob"), DAY)
        assert taken is not None
        assert taken.bundles[0].one_time == b"r"
        await store.close()


@pytest.mark.timeout(120)
async def test_a_replica_acknowledges_after_its_sync(tmp_path: Path) -> None:
    """By its system calls: between a write to its log and the sync it acknowledges nothing."""
    require_or_skip(shutil.which("strace") is not None, "strace is not installed")
    async with _pair(tmp_path) as (primary, replica):
        store = await _opened(primary)
        await with_drops(store, "alice")
        assert replica.process is not None
        trace = tmp_path / "trace"
        tracer = await asyncio.create_subprocess_exec(
            *("strace", "-f", "-e", "trace=write,fdatasync,fsync", "-s", "64"),
            *("-p", str(replica.process.pid), "-o", str(trace)),
            stderr=asyncio.subprocess.DEVNULL,
        )
        await asyncio.sleep(0.5)  # strace attaches to the threads one by one
        for number in range(100):
            told = await post(store, envelope("alice", number))
            assert told.told == ["admitted", "committed"]
        tracer.terminate()
        await tracer.wait()
        await store.close()
    written, acknowledged = _unsynced_acknowledgements(trace.read_text())
    assert written >= 100
    assert acknowledged == 0


def test_an_early_acknowledgement_would_be_seen() -> None:
    """The reader of the trace finds an acknowledgement that comes between write and sync."""
    write = '1 write(8, "*4 $5 HSET", 90) = 90\n'
    sync = "1 fdatasync(8) = 0\n"
    said = '1 write(9, "*3 $8 REPLCONF $3 ACK", 39) = 39\n'
    assert _unsynced_acknowledgements(write + sync + said) == (1, 0)
    assert _unsynced_acknowledgements(write + said + sync) == (1, 1)


def _unsynced_acknowledgements(trace: str) -> tuple[int, int]:
    """Count writes of commands to the log, and acknowledgements said before their sync."""
    unsynced: set[str] = set()
    written = early = 0
    for line in trace.splitlines():
        if call := re.search(r"write\((\d+), \"\*\d", line):
            if "REPLCONF" in line:
                early += bool(unsynced)
            elif "PING" not in line:
                unsynced.add(call[1])
                written += 1
        elif call := re.search(r"(?:fdatasync|fsync)\((\d+)", line):
            unsynced.discard(call[1])
    return written, early
