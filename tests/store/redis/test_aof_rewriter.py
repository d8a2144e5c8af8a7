"""Deleted envelopes leave the logs of every server, in time."""

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from hushpost_demo.redis_servers import KEEPS, RedisCluster, RedisServer, cli, redis_server
from hushpost_proof.harness.small_disk import absent, small_disk
from hushpost_store import errors
from hushpost_store.conformance import NOW, QUOTAS, envelope, post, route, with_drops
from hushpost_store.redis import answers, aof_rewriter, server_log
from hushpost_store.redis.address import Address
from hushpost_store.redis.aof_rewriter import AofRewriter
from hushpost_store.redis.keys import STORE_KEY
from hushpost_store.redis.options import RedisOptions
from hushpost_store.redis.probe import ServerUnfit
from hushpost_store.redis.shards import Shards
from hushpost_store.redis.store import RedisStore
from hushpost_store.redis.url import RedisUrl

from tests.conftest import require_or_skip
from tests.store.redis.conftest import follows


class Clock:
    """The relay's clock, moved by hand; at first it is right, or no store would open."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        """Return the time."""
        return self.now


async def _used(url: str, clock: Callable[[], float], **changes: float) -> RedisStore:
    """Open a store, and let one envelope of bob's be acknowledged and one wait."""
    options = replace(RedisOptions(url), **changes)  # type: ignore[arg-type]  # numbers all
    store = RedisStore(options, QUOTAS, clock)
    await store.open()
    await with_drops(store, "alice")
    gone = await post(store, envelope("alice", 1))
    await post(store, envelope("alice", 2))
    opened = await store.open_mailbox(route("bob"), NOW)
    assert gone.place is not None
    store.acknowledge(route("bob"), opened.epoch, [gone.place.sequence], NOW)
    assert await store.expired_notices(route("bob")) == ()
    return store


_SETTLED = ("master_link_status:up", "aof_rewrite_in_progress:0", "aof_rewrite_scheduled:0")


async def _keeps_log(replica: RedisServer) -> None:
    """Wait until a replica has ended the rewrite with which it begins after a whole copy."""
    async with asyncio.timeout(20):
        while True:
            said = await cli("-p", str(replica.port), "info", "everything")
            if all(line in said for line in _SETTLED):
                return
            await asyncio.sleep(0.02)


async def _has_all(primary: RedisServer, replica: RedisServer) -> None:
    """Wait until a replica has written all that its primary has."""

    async def offset(server: RedisServer, name: str) -> str:
        said = await cli("-p", str(server.port), "info", "replication")
        (line,) = [one for one in said.splitlines() if one.startswith(name)]
        return line.partition(":")[2]

    wanted = await offset(primary, "master_repl_offset")
    async with asyncio.timeout(20):
        while int(await offset(replica, "slave_repl_offset")) < int(wanted):  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.02)


def _holds(server: RedisServer, number: int) -> bool:
    """Whether any file of a server has the middle of an envelope."""
    piece = envelope("alice", number).envelope[1_000:1_400]
    files = [path for path in server.folder.rglob("*") if path.is_file()]
    return any(piece in path.read_bytes() for path in files)


async def test_a_deleted_envelope_leaves_every_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is in the logs of primary and replica until the rewrite, and in no file after it."""
    monkeypatch.setattr(aof_rewriter, "LOOK_SECONDS", 0.05)
    clock = Clock()
    async with redis_server(tmp_path / "p") as primary, redis_server(tmp_path / "r") as replica:
        await cli("-p", str(replica.port), "replicaof", "127.0.0.1", str(primary.port))
        await follows(primary)
        await _keeps_log(replica)
        store = await _used(primary.url, clock)
        await _has_all(primary, replica)
        clock.now += 599
        assert round(store.deletion_lag(clock.now)) == 599
        await asyncio.sleep(0.2)
        assert [_holds(server, 1) for server in (primary, replica)] == [True, True]
        clock.now += 2
        async with asyncio.timeout(30):
            while (  # noqa: ASYNC110 - files of other processes
                store.deletion_lag(clock.now) or _holds(primary, 1) or _holds(replica, 1)
            ):
                await asyncio.sleep(0.05)
        assert [_holds(server, 2) for server in (primary, replica)] == [True, True]
        assert store.stats().checkpoints == 1
        assert store.stats().deletion_seconds_max == 900
        await store.close()


async def test_much_deleted_is_rewritten_early(
    single_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bytes deleted count too, whatever their age."""
    monkeypatch.setattr(aof_rewriter, "LOOK_SECONDS", 0.05)
    clock = Clock()
    store = await _used(single_url, clock, rewrite_after_bytes=4096)
    async with asyncio.timeout(30):
        while not store.stats().checkpoints:  # noqa: ASYNC110 - another process's work
            await asyncio.sleep(0.05)
    assert store.deletion_lag(clock.now) == 0
    await store.close()


async def _delete(shards: Shards) -> None:
    """Delete something, as nobody in particular."""
    (server,) = shards.primaries
    await shards.ask_server(server, b"SET", b"{gone}:thing", b"x")
    await shards.ask_server(server, b"DEL", b"{gone}:thing")


async def _clean(shards: Shards, url: str, clock: Clock) -> AofRewriter:
    """Have everything rewritten once, by one who then knows that."""
    rewriter = AofRewriter(shards, RedisOptions(url), clock)
    await _delete(shards)
    await rewriter.look()
    await rewriter.rewrite()
    await rewriter.look()
    assert round(rewriter.lag(clock.now)) == 0
    return rewriter


async def test_a_full_server_is_rewritten_once(shards: Shards, single_url: str) -> None:
    """What was deleted there has left its log and counts no more, though nothing can be written."""
    clock = Clock()
    rewriter = await _clean(shards, single_url, clock)
    (address,) = shards.primaries
    await _delete(shards)
    await rewriter.look()
    clock.now += 700
    await shards.ask_server(address, b"CONFIG", b"SET", b"maxmemory", 1)
    with pytest.raises(errors.StoreFault):
        await shards.ask(b"more", b"SET", b"more", b"1")
    await rewriter.rewrite()
    await rewriter.look()
    assert rewriter.lag(clock.now) == 0
    await shards.ask_server(address, b"CONFIG", b"SET", b"maxmemory", 0)


async def test_what_anybody_deleted_is_found(shards: Shards, single_url: str) -> None:
    """The deletions of a relay that died count from the last look at which there were none."""
    clock = Clock()
    rewriter = await _clean(shards, single_url, clock)
    clock.now += 5
    await rewriter.look()
    clock.now += 5
    await _delete(shards)
    assert round(rewriter.lag(clock.now)) == 0
    await rewriter.look()
    assert round(rewriter.lag(clock.now)) == 5
    assert not rewriter.is_due()
    clock.now += 600
    assert rewriter.is_due()
    await rewriter.rewrite()
    await rewriter.look()
    assert (rewriter.rewrites, rewriter.lag(clock.now)) == (2, 0)


async def test_what_was_owed_outlives_every_relay(shards: Shards, single_url: str) -> None:
    """A relay that comes after all others died counts from the last rewrite, not from its start."""
    clock = Clock()
    await _clean(shards, single_url, clock)
    await _delete(shards)
    clock.now += 4_000
    later = AofRewriter(shards, RedisOptions(single_url), clock)
    await later.look()
    assert round(later.lag(clock.now)) == 4_000
    assert later.is_due()


async def test_a_clock_that_was_ahead_holds_nothing_up(shards: Shards, single_url: str) -> None:
    """A rewrite noted in the future, and a look made there, do not put off the next one."""
    clock = Clock()
    clock.now += 86_400
    rewriter = await _clean(shards, single_url, clock)
    await _delete(shards)
    await rewriter.look()
    clock.now -= 86_400
    later = AofRewriter(shards, RedisOptions(single_url), clock)
    for one in (rewriter, later):
        await one.look()
    clock.now += 600
    assert [round(one.lag(clock.now)) for one in (rewriter, later)] == [600, 600]
    assert rewriter.is_due()
    assert later.is_due()


async def test_a_rewrite_of_another_relay_counts(shards: Shards, single_url: str) -> None:
    """What another relay's rewrite took out is not rewritten again; later deletions are."""
    clock = Clock()
    one = await _clean(shards, single_url, clock)
    other = AofRewriter(shards, RedisOptions(single_url), clock)
    await _delete(shards)
    for rewriter in (one, other):
        await rewriter.look()
    clock.now += 700
    assert one.is_due()
    assert other.is_due()
    await one.rewrite()
    (server,) = shards.primaries
    before = await shards.ask_server(server, b"INFO", b"commandstats")
    await other.rewrite()
    after = await shards.ask_server(server, b"INFO", b"commandstats")
    assert _rewrites(before) == _rewrites(after)
    await other.look()
    assert round(other.lag(clock.now)) == 0
    await _delete(shards)
    clock.now += 10
    await other.look()
    assert round(other.lag(clock.now)) == 10


def _rewrites(info: object) -> str:
    assert isinstance(info, bytes)
    (line,) = [one for one in info.decode().splitlines() if "bgrewriteaof" in one]
    return line.partition(",")[0]


async def test_what_a_rewrite_took_out_counts_no_more_where_deleting_goes_on(
    shards: Shards, single_url: str
) -> None:
    """A server on which something is always deleted is rewritten once each time, not for ever."""
    clock = Clock()
    rewriter = await _clean(shards, single_url, clock)
    await _delete(shards)
    await rewriter.look()
    clock.now += 601
    assert rewriter.is_due()
    await rewriter.rewrite()
    clock.now += 7
    await _delete(shards)
    await rewriter.look()
    assert round(rewriter.lag(clock.now)) == 7
    assert not rewriter.is_due()


async def test_relays_that_find_the_same_server_due_rewrite_it_once(
    shards: Shards, single_url: str
) -> None:
    """Also where more is deleted between one relay's rewrite and another's turn."""
    clock = Clock()
    one = await _clean(shards, single_url, clock)
    other = AofRewriter(shards, RedisOptions(single_url), clock)
    await _delete(shards)
    for rewriter in (one, other):
        await rewriter.look()
    clock.now += 601
    assert other.is_due()
    await one.rewrite()
    await _delete(shards)
    (server,) = shards.primaries
    before = await shards.ask_server(server, b"INFO", b"commandstats")
    await other.rewrite()
    after = await shards.ask_server(server, b"INFO", b"commandstats")
    assert _rewrites(before) == _rewrites(after)
    await other.look()
    assert not other.is_due()


async def test_a_server_that_is_being_rewritten_is_left_alone(
    shards: Shards, running_server: RedisServer
) -> None:
    """Nobody waits in line to have it done again: the next look tells whether it is due still."""
    clock = Clock()
    one = await _clean(shards, running_server.url, clock)
    await _delete(shards)
    await one.look()
    clock.now += 601
    (server,) = shards.primaries
    await shards.ask_server(server, b"SET", b"{slow}:thing", b"x")
    before = _rewrites(await shards.ask_server(server, b"INFO", b"commandstats"))
    # Slow enough to be caught; it is held until the end.
    await shards.ask_server(server, b"CONFIG", b"SET", b"rdb-key-save-delay", 2_000_000)
    try:
        await shards.ask_server(server, b"BGREWRITEAOF")
        assert running_server.process is not None
        (child,) = psutil.Process(running_server.process.pid).children()
        child.suspend()
        await one.rewrite()
        assert not (await server_log.look(shards, server)).is_idle
        child.kill()
    finally:
        await shards.ask_server(server, b"CONFIG", b"SET", b"rdb-key-save-delay", 0)
    after = _rewrites(await shards.ask_server(server, b"INFO", b"commandstats"))
    assert int(after.partition("=")[2]) == int(before.partition("=")[2]) + 1
    assert one.rewrites == 1
    async with asyncio.timeout(20):
        while not (await server_log.look(shards, server)).is_idle:  # noqa: ASYNC110 - another process's work
            await asyncio.sleep(0.02)
    await one.rewrite()
    assert one.rewrites == 2


async def _rewrite_as_redis_does(shards: Shards) -> None:
    """Rewrite without a note of it, as Redis by itself, or a relay that died in between."""
    (server,) = shards.primaries
    await shards.ask_server(server, b"BGREWRITEAOF")
    async with asyncio.timeout(20):
        while not (await server_log.look(shards, server)).is_idle:  # noqa: ASYNC110 - another process's work
            await asyncio.sleep(0.02)


async def test_a_rewrite_that_nobody_noted_counts_from_the_look_before(
    shards: Shards, single_url: str
) -> None:
    """So a server is not rewritten twice between one relay's rewrite and its note of it."""
    clock = Clock()
    rewriter = await _clean(shards, single_url, clock)
    await _delete(shards)
    await rewriter.look()
    clock.now += 595
    await rewriter.look()
    clock.now += 5
    await _rewrite_as_redis_does(shards)
    await _delete(shards)
    clock.now += 3
    assert rewriter.is_due()
    await rewriter.look()
    assert round(rewriter.lag(clock.now)) == 8
    assert not rewriter.is_due()
    clock.now += 600
    await rewriter.look()
    assert rewriter.is_due()


async def test_a_note_counts_until_the_next_look(shards: Shards, single_url: str) -> None:
    """What this relay deleted counts at once; a look that finds no deletion clears it."""
    clock = Clock()
    rewriter = await _clean(shards, single_url, clock)
    rewriter.deleted(5)
    clock.now += 3
    assert round(rewriter.lag(clock.now)) == 3
    await rewriter.look()
    assert round(rewriter.lag(clock.now)) == 0


async def test_a_server_that_cannot_rewrite_keeps_the_lag(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fault names what to look at, the lag grows, and when it can again all is made good."""
    clock = Clock()
    async with redis_server(tmp_path) as server:
        shards = Shards(RedisUrl.parse(server.url), RedisOptions(server.url))
        await shards.open()
        rewriter = await _clean(shards, server.url, clock)
        await _delete(shards)
        await rewriter.look()
        # Where Redis writes the new list of its files stands a folder.
        obstacle = tmp_path / "appendonlydir" / "temp-appendonly.aof.manifest"
        obstacle.mkdir()
        clock.now += 700
        with pytest.raises(errors.StoreFault):
            await rewriter.rewrite()
        await rewriter.look()
        assert round(rewriter.lag(clock.now)) == 700
        assert rewriter.is_due()
        obstacle.rmdir()
        await rewriter.rewrite()
        await rewriter.look()
        assert round(rewriter.lag(clock.now)) == 0
        monkeypatch.setattr(aof_rewriter, "REWRITE_SECONDS_MAX", 0.0)
        with pytest.raises(errors.StoreFault, match="does not end"):
            await rewriter.rewrite()
        await shards.close()


async def test_a_replica_that_was_away_is_rewritten_when_it_is_back(tmp_path: Path) -> None:
    """Its log holds what was deleted meanwhile; one that would keep it for ever is refused."""
    clock = Clock()
    async with redis_server(tmp_path / "p") as primary, redis_server(tmp_path / "r") as replica:
        follow = ("-p", str(replica.port), "replicaof", "127.0.0.1", str(primary.port))
        await cli(*follow)
        await follows(primary)
        await _keeps_log(replica)
        store = await _used(primary.url, clock)
        await _has_all(primary, replica)
        replica.kill()
        async with asyncio.timeout(20):
            while "slave0" in await cli(  # noqa: ASYNC110 - another process's work
                "-p", str(primary.port), "info", "replication"
            ):
                await asyncio.sleep(0.02)
        shards = Shards(RedisUrl.parse(primary.url), RedisOptions(primary.url))
        await shards.open()
        rewriter = AofRewriter(shards, RedisOptions(primary.url), clock)
        await rewriter.look()
        await rewriter.rewrite()
        await rewriter.look()
        assert [_holds(server, 1) for server in (primary, replica)] == [False, True]
        assert round(rewriter.lag(clock.now)) == 0
        replica.settings = {**KEEPS, "repl-diskless-load": "disabled"}
        await replica.start()
        await cli(*follow)
        await follows(primary)
        await _keeps_log(replica)
        clock.now += 1
        await rewriter.look()
        clock.now += 600
        assert rewriter.is_due()
        with pytest.raises(ServerUnfit, match=f"{replica.port}.*\n.*repl-diskless-load"):
            await rewriter.rewrite()
        await cli("-p", str(replica.port), "config", "set", "repl-diskless-load", "swapdb")
        await rewriter.rewrite()
        assert not _holds(replica, 1)
        assert _holds(replica, 2)
        await shards.close()
        await store.close()


async def test_a_server_that_is_gone_is_forgotten(shards: Shards, single_url: str) -> None:
    """Marks of servers that are there no more do not pile up."""
    clock = Clock()
    stale = b"clean:" + b"0" * 40
    await shards.ask(STORE_KEY, b"HSET", STORE_KEY, stale, b"1 0/0")
    await _clean(shards, single_url, clock)
    found = answers.fields(await shards.ask(STORE_KEY, b"HGETALL", STORE_KEY))
    assert len([name for name in found if name.startswith(b"clean:")]) == 1
    assert stale not in found


def test_the_default_bound_leaves_time_to_try_again() -> None:
    """15 minutes, of which a rewrite is due after ten, and a look every five seconds finds it."""
    options = RedisOptions("redis://127.0.0.1:1")
    assert options.deletion_seconds_max == 15 * 60
    tries = aof_rewriter.LOOK_SECONDS * (1 + 2 + 4 + 8 + 16)
    assert options.rewrite_after_seconds + 2 * aof_rewriter.LOOK_SECONDS + tries < 15 * 60


async def test_primaries_go_on_side_by_side_and_replicas_after_theirs(
    running_cluster: RedisCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large cluster is done in the time of its slowest part; nobody's mail waits twice."""
    shards = Shards(RedisUrl.parse(running_cluster.url), RedisOptions(running_cluster.url))
    await shards.open()
    rewriter = AofRewriter(shards, RedisOptions(running_cluster.url), Clock())
    busy: set[Address] = set()
    together: list[set[Address]] = []

    async def noted(
        _self: AofRewriter, server: Address, _ripe: frozenset[str], *, is_copied: bool
    ) -> None:
        assert is_copied
        busy.add(server)
        await asyncio.sleep(0.2)
        together.append(set(busy))
        busy.remove(server)

    monkeypatch.setattr(AofRewriter, "_rewrite_at", noted)
    await rewriter.rewrite()
    assert len(together) == 6
    primaries = set(shards.primaries)
    assert together[0] == primaries
    assert not together[-1] & primaries
    await shards.close()


async def test_a_log_that_grew_is_rewritten_at_most_twice_a_minute(
    shards: Shards, single_url: str
) -> None:
    """However much comes and goes: the bytes are the server's, whichever relay brought them."""
    clock = Clock()
    await _clean(shards, single_url, clock)
    options = replace(RedisOptions(single_url), rewrite_after_bytes=10_000)
    rewriter = AofRewriter(shards, options, clock)
    (server,) = shards.primaries
    await shards.ask_server(server, b"SET", b"{gone}:large", bytes(20_000))
    await _delete(shards)
    clock.now += aof_rewriter.GROWN_PAUSE_SECONDS - 1
    await rewriter.look()
    assert not rewriter.is_due()
    clock.now += 1.01
    await rewriter.look()
    assert rewriter.is_due()
    await rewriter.rewrite()
    await rewriter.look()
    assert not rewriter.is_due()


async def test_a_disk_without_room_for_the_rewrite_keeps_the_lag(tmp_path: Path) -> None:
    """What is appended still fits; when there is room again the rewrite is made good."""
    require_or_skip(not absent(), absent())
    clock = Clock()
    with small_disk(tmp_path / "disk", 8 << 20) as disk:
        async with redis_server(disk.folder / "redis", KEEPS) as server:
            shards = Shards(RedisUrl.parse(server.url), RedisOptions(server.url))
            await shards.open()
            rewriter = await _clean(shards, server.url, clock)
            (address,) = shards.primaries
            await shards.ask_server(address, b"SET", b"{kept}:mail", os.urandom(1 << 20))
            disk.fill()
            with (disk.folder / "ballast").open("r+b") as ballast:
                ballast.truncate(ballast.seek(0, os.SEEK_END) - (256 << 10))
            await _delete(shards)
            await rewriter.look()
            clock.now += 700
            with pytest.raises(errors.StoreFault):
                await rewriter.rewrite()
            await rewriter.look()
            assert round(rewriter.lag(clock.now)) == 700
            disk.empty()
            await rewriter.rewrite()
            await rewriter.look()
            assert rewriter.lag(clock.now) == 0
            await shards.close()
