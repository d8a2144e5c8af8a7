"""Moving a store from SQLite into Redis: what is refused, undone, found and survived."""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hushpost_demo.redis_servers import KEEPS, RedisServer, cli, is_installed, redis_server
from hushpost_server.errors import MigrationFailed
from hushpost_server.migration import Migration, Moved
from hushpost_store import Quotas, SqliteStore, errors
from hushpost_store.admission import HOUR_SECONDS
from hushpost_store.conformance.stage import NOW, account, digest, envelope, post, route
from hushpost_store.redis import answers, arrival, migration_mark
from hushpost_store.redis.keys import MIGRATION_KEY, STORE_KEY, account_keys, mailbox_keys
from hushpost_store.redis.migration_mark import ArrivalState
from hushpost_store.redis.options import RedisOptions
from hushpost_store.redis.shards import Shards
from hushpost_store.redis.store import RedisStore
from hushpost_store.sqlite.erasure import erase
from hushpost_store.sqlite.migration_mark import MoveState, read_mark

from tests.conftest import require_or_skip
from tests.store.redis.moving import connections, filled
from tests.store.redis.test_arrival import Nobody, until_count
from tests.store.sqlite.full_store import HOUR
from tests.store.sqlite.test_repair import damage

LATER = NOW + 2 * HOUR_SECONDS
MAILBOX, DROPS, HEADS, ORDER, BODIES, _ = mailbox_keys(route("alice"))


@dataclass(slots=True)
class Scene:
    """A full SQLite store and an empty Redis."""

    database: Path
    redis: RedisServer
    said: list[str] = field(default_factory=list[str])

    def migration(self, *, skip_damaged: bool = False, database: Path | None = None) -> Migration:
        """Return the move from one to the other."""
        return Migration(
            database or self.database,
            RedisOptions(self.redis.url),
            now=lambda: LATER,
            random=secrets.token_bytes,
            tell=self.said.append,
            skip_damaged=skip_damaged,
        )

    def state(self) -> MoveState | None:
        """Return how far SQLite says it has moved."""
        mark = read_mark(self.database)
        return None if mark is None else mark.state


@asynccontextmanager
async def scene(folder: Path, **settings: str) -> AsyncGenerator[Scene]:
    """Run a Redis beside a full store."""
    require_or_skip(is_installed(), "Redis is not installed: apt-get install redis-server")
    async with redis_server(folder / "redis", {**KEEPS, **settings}) as redis:
        yield Scene(await filled(folder), redis)


async def keys_in(shards: Shards) -> int:
    """Count the keys."""
    return sum([len(keys) async for keys in arrival.every_key(shards)])


async def test_a_store_moves_whole_and_once(tmp_path: Path) -> None:
    """All is there, with the generation that it had; asked again it says the same."""
    async with scene(tmp_path) as there:
        moved = await there.migration().run()
        assert (moved.accounts, moved.envelopes, moved.left_behind) == (3, 12, 0)
        again = await there.migration().run()
        assert (again.digest, again.accounts, again.envelopes) == (moved.digest, 3, 12)
        with pytest.raises(errors.StoreMoved):
            await SqliteStore(there.database).open()
        store = RedisStore(RedisOptions(there.redis.url), Quotas())
        await store.open()
        stats = store.stats()
        await store.close()
        assert (stats.accounts, stats.queued_envelopes) == (3, 12)
        with pytest.raises(MigrationFailed, match="moved already"):
            await there.migration().run()
        with pytest.raises(MigrationFailed, match="no way back"):
            await there.migration().undo()
        assert there.state() is MoveState.DONE


async def test_what_has_expired_is_not_carried_and_its_owner_is_told(tmp_path: Path) -> None:
    """An envelope of which nobody swept is counted into a notice before the move."""
    async with scene(tmp_path) as there:
        store = SqliteStore(there.database, Quotas(), clock=lambda: NOW)
        await store.open()
        late = envelope("alice contact", 9, to="alice", not_after=(HOUR // 24 + 1) * 24)
        await post(store, late)
        await store.close()
        migration = there.migration()
        migration._now = lambda: NOW + 2 * 86_400  # pyright: ignore[reportPrivateUsage] - days later
        moved = await migration.run()
        assert moved.envelopes == 12
        assert any("expired" in line for line in there.said)
        redis = RedisStore(RedisOptions(there.redis.url), Quotas())
        await redis.open()
        (notice,) = await redis.expired_notices(route("alice"))
        await redis.close()
        assert [drop.envelopes for drop in notice.drops] == [2]


async def test_a_move_is_undone_until_a_relay_takes_over(tmp_path: Path) -> None:
    """Redis is empty again, also in its files, and the old store opens; then it moves once more."""
    piece = envelope("alice contact", 4096, to="alice").envelope[64:128]
    async with scene(tmp_path) as there:
        first = await there.migration().run()
        assert await there.migration().undo() > 20
        async with connections(there.redis.url) as shards:
            assert await keys_in(shards) == 0
        files = [file for file in there.redis.folder.rglob("*") if file.is_file()]
        assert not any(piece in file.read_bytes() for file in files)
        store = SqliteStore(there.database, clock=lambda: LATER)
        await store.open()
        await store.close()
        with pytest.raises(MigrationFailed, match="nothing to undo"):
            await there.migration().undo()
        assert (await there.migration().run()).digest == first.digest


async def test_an_undoing_that_was_broken_off_is_finished(tmp_path: Path) -> None:
    """Nothing else can be done with the two stores until then."""
    async with scene(tmp_path) as there:
        await there.migration().run()
        async with connections(there.redis.url) as shards:
            await shards.ask(MIGRATION_KEY, b"HSET", MIGRATION_KEY, b"state", b"undoing")
        with pytest.raises(MigrationFailed, match="--undo"):
            await there.migration().run()
        await there.migration().undo()
        assert there.state() is None


_PLANTED = {
    "one row dropped": (b"ZREMRANGEBYRANK", ORDER, 0, 0),
    "one byte flipped": (b"HSET", BODIES, b"%first", bytes(4080)),
    "one mark lost": (b"HSET", DROPS, digest("alice used")[:16], b"%cut"),
}


@pytest.mark.parametrize("planted", _PLANTED.values(), ids=_PLANTED)
async def test_a_defect_that_was_planted_is_found_by_its_place(
    tmp_path: Path, planted: tuple[bytes | int, ...]
) -> None:
    """What differs is named by number, never by a name; the old store is as it was, and goes on."""
    async with scene(tmp_path) as there:
        await _stop_before_reading_back(there, planted)
        with pytest.raises(MigrationFailed, match=r"Account number \d, .*: mailbox 1: ") as told:
            await there.migration().run()
        assert route("alice").hex() not in str(told.value)
        assert digest("alice").hex() not in str(told.value)
        assert there.state() is MoveState.GOING
        await there.migration().undo()
        await there.migration().run()


async def _stop_before_reading_back(there: Scene, planted: tuple[bytes | int, ...]) -> None:
    """Copy everything, plant the defect, and leave the marks as a kill would."""
    migration = there.migration()
    async with connections(there.redis.url) as shards:

        async def plant(*_: object) -> None:
            (first,) = answers.items(await shards.ask(ORDER, b"ZRANGE", ORDER, 0, 0))
            drop = await shards.ask(DROPS, b"HGET", DROPS, digest("alice used")[:16])
            assert isinstance(first, bytes)
            assert isinstance(drop, bytes)
            stands_for = {b"%first": first, b"%cut": drop[:21]}
            parts = [stands_for.get(p, p) if isinstance(p, bytes) else p for p in planted]
            assert isinstance(parts[1], bytes)
            await shards.ask(parts[1], *parts)
            raise errors.StoreFault("killed here")

        migration._read_back_all = plant  # type: ignore[assignment]  # stops it there
        with pytest.raises(errors.StoreFault, match="killed here"):
            await migration.run()


async def test_what_redis_holds_beyond_is_found(tmp_path: Path) -> None:
    """An account that nobody sent does not become one by a migration."""
    async with scene(tmp_path) as there:
        key = account_keys(bytes(32))[0]
        with pytest.raises(errors.StoreFault):
            await _stop_before_reading_back_at(there, key)
        with pytest.raises(MigrationFailed, match="4 accounts and 6 mailboxes"):
            await there.migration().run()


async def _stop_before_reading_back_at(there: Scene, key: bytes) -> None:
    await _stop_before_reading_back(there, (b"HSET", key, b"genesis", b"x"))
    raise errors.StoreFault("planted")


async def test_a_redis_that_is_used_is_refused(tmp_path: Path) -> None:
    """Accounts, other programs' keys, another migration, a relay that runs: nothing is changed."""
    async with scene(tmp_path) as there, connections(there.redis.url) as shards:
        await shards.ask(b"visitors", b"SET", b"visitors", b"1")
        with pytest.raises(MigrationFailed, match="name an empty one"):
            await there.migration().run()
        await shards.ask(b"visitors", b"DEL", b"visitors")
        other = tmp_path / "other"
        other.mkdir()
        await there.migration(database=await filled(other)).run()
        with pytest.raises(MigrationFailed, match="another database"):
            await there.migration().run()
        with pytest.raises(MigrationFailed, match="another database"):
            await there.migration().undo()
        await there.migration(database=other / "relay.db").undo()
        store = RedisStore(RedisOptions(there.redis.url))
        store.watch(Nobody())
        await store.open()
        await until_count(shards, 1)
        with pytest.raises(MigrationFailed, match="1 relays run"):
            await there.migration().run()
        await store.close()
        assert there.state() is None
        assert (await there.migration().run()).accounts == 3
        assert await shards.ask(STORE_KEY, b"HEXISTS", STORE_KEY, b"service") == 0


async def test_a_relay_that_runs_on_the_old_store_is_not_moved(tmp_path: Path) -> None:
    """The lock of its database keeps the migration away."""
    async with scene(tmp_path) as there:
        store = SqliteStore(there.database)
        await store.open()
        with pytest.raises(errors.StoreInUse):
            await there.migration().run()
        await store.close()


async def test_a_full_redis_stops_it_and_it_goes_on(tmp_path: Path) -> None:
    """Redis has no room in the middle; with more it ends with everything there."""
    async with scene(tmp_path) as there:
        port = str(there.redis.port)
        migration = there.migration()
        copy = migration._copy  # pyright: ignore[reportPrivateUsage] - to be in the middle
        migration._turns = asyncio.Semaphore(1)  # pyright: ignore[reportPrivateUsage] - one by one

        async def copy_one(sides: Any, account_id: bytes) -> Any:
            copied = await copy(sides, account_id)
            await cli("-p", port, "config", "set", "maxmemory", "1")
            return copied

        migration._copy = copy_one  # type: ignore[method-assign]  # it fills up there
        with pytest.raises(errors.StoreFault, match="OOM"):
            await migration.run()
        assert there.state() is MoveState.GOING
        with pytest.raises(errors.StoreMoved):
            await SqliteStore(there.database).open()
        with pytest.raises(errors.StoreMoved):
            await RedisStore(RedisOptions(there.redis.url)).open()
        await cli("-p", port, "config", "set", "maxmemory", "0")
        assert (await there.migration().run()).envelopes == 12


async def test_damage_in_the_old_store_is_refused_unless_it_is_chosen(tmp_path: Path) -> None:
    """Nothing moves; with the choice the rest does, the owners are told, one account stays."""
    async with scene(tmp_path) as there:
        ref = digest("alice contact")[:16].hex()
        damage(
            there.database,
            f"UPDATE envelope_4096 SET envelope = zeroblob(4096) WHERE drop_ref = x'{ref}'",
        )
        bob = digest("bob").hex()
        damage(there.database, f"UPDATE account SET created_day = 1 WHERE account_id = x'{bob}'")
        with pytest.raises(MigrationFailed, match=r"2 rows .* --skip-damaged"):
            await there.migration().run()
        assert there.state() is None
        before = _generation(there.database)
        moved = await there.migration(skip_damaged=True).run()
        assert (moved.accounts, moved.left_behind, moved.envelopes) == (2, 1, 7)
        store = RedisStore(RedisOptions(there.redis.url))
        await store.open()
        assert store.stats().generation != before
        assert await store.load_account(digest("bob")) is None
        notices = await store.expired_notices(route("alice"))
        await store.close()
        assert sum(drop.envelopes for notice in notices for drop in notice.drops) == 2


def _generation(database: Path) -> bytes:
    with closing(sqlite3.connect(database)) as connection:
        found = connection.execute("SELECT value FROM store_meta WHERE name = 'generation'")
        value: bytes = found.fetchone()[0]
    return value


async def test_ends_of_keys_come_last(tmp_path: Path) -> None:
    """Whoever goes on after `closing` sets them, and the marks turn over in their order."""
    async with scene(tmp_path) as there, connections(there.redis.url) as shards:
        migration = there.migration()

        async def stop(*_: object) -> None:
            assert await shards.ask(HEADS, b"TTL", HEADS) == -1
            raise errors.StoreFault("killed here")

        migration._close = stop  # type: ignore[method-assign, assignment]  # stops it there
        with pytest.raises(errors.StoreFault, match="killed here"):
            await migration.run()
        mark = await migration_mark.read(shards)
        assert mark is not None
        assert mark.state is ArrivalState.CLOSING
        moved: Moved = await there.migration().run()
        assert moved.digest == mark.digest
        assert await shards.ask(HEADS, b"TTL", HEADS) > 0  # type: ignore[operator]  # a number


async def test_two_migrations_at_once_do_not_mix(tmp_path: Path) -> None:
    """Two relays that move into one Redis in the same moment: one does, the other is told."""
    other = tmp_path / "other"
    other.mkdir()
    async with scene(tmp_path) as there, connections(there.redis.url) as shards:
        moves = there.migration(), there.migration(database=await filled(other))
        ends = await asyncio.gather(*(move.run() for move in moves), return_exceptions=True)
        (told,) = [end for end in ends if isinstance(end, BaseException)]
        assert isinstance(told, MigrationFailed)
        assert "another database" in str(told)
        (moved,) = [end for end in ends if isinstance(end, Moved)]
        mark = await migration_mark.read(shards)
        assert mark is not None
        assert (mark.state, mark.digest) == (ArrivalState.DONE, moved.digest)
        loser = there.database if isinstance(ends[0], MigrationFailed) else other / "relay.db"
        # It never began, and its relay may be started again.
        with pytest.raises(MigrationFailed, match="another database"):
            await there.migration(database=loser).undo()


async def test_an_erased_store_may_finish_what_was_killed_in_its_last_step(tmp_path: Path) -> None:
    """Erased between the two last marks it has no generation to give; Redis keeps its own."""
    async with scene(tmp_path) as there, connections(there.redis.url) as shards:
        moved = await there.migration().run()
        described = await shards.ask(STORE_KEY, b"HGETALL", STORE_KEY)
        ends = await shards.ask(HEADS, b"EXPIRETIME", HEADS)
        await shards.ask(MIGRATION_KEY, b"HSET", MIGRATION_KEY, b"state", b"closing")
        await asyncio.to_thread(erase, there.database)
        assert (await there.migration().run()).digest == moved.digest
        assert await shards.ask(STORE_KEY, b"HGETALL", STORE_KEY) == described
        assert await shards.ask(HEADS, b"EXPIRETIME", HEADS) == ends
        assert there.state() is MoveState.ERASED


async def test_a_redis_that_is_full_is_emptied_again(tmp_path: Path) -> None:
    """Going back needs no memory."""
    async with scene(tmp_path) as there, connections(there.redis.url) as shards:
        await there.migration().run()
        await cli("-p", str(there.redis.port), "config", "set", "maxmemory", "1")
        with pytest.raises(errors.StoreFault):
            await shards.ask(b"more", b"SET", b"more", b"1")
        assert await there.migration().undo() > 20
        assert await keys_in(shards) == 0
        assert there.state() is None


async def test_a_machine_whose_clock_is_ahead_moves_nothing(tmp_path: Path) -> None:
    """It would delete as expired what has days to go; nothing is deleted, and nothing marked."""
    async with scene(tmp_path) as there, connections(there.redis.url) as shards:
        ahead = there.migration()
        ahead._machine_clock = lambda: time.time() + 86_400  # pyright: ignore[reportPrivateUsage] - a day
        with pytest.raises(errors.StoreFault, match="have both keep time by NTP"):
            await ahead.run()
        assert there.state() is None
        assert await keys_in(shards) == 0
        assert (await there.migration().run()).envelopes == 12


async def test_an_empty_redis_is_not_taken_for_the_one_in_use(tmp_path: Path) -> None:
    """Where a relay never started and Redis lost all of it, nobody is told that one has started."""
    async with scene(tmp_path) as there:
        await there.migration().run()
        await cli("-p", str(there.redis.port), "flushall")
        for ask in (there.migration().run, there.migration().undo):
            with pytest.raises(MigrationFailed, match=r"this Redis is empty.*do not erase"):
                await ask()
        assert there.state() is MoveState.DONE


async def test_an_erased_store_is_neither_moved_nor_taken_back(tmp_path: Path) -> None:
    """What is erased is in Redis alone."""
    async with scene(tmp_path) as there:
        await there.migration().run()
        await asyncio.to_thread(erase, there.database)
        with pytest.raises(MigrationFailed):
            await there.migration().undo()
        assert there.state() is MoveState.ERASED
        assert account("alice").account_id == digest("alice")
