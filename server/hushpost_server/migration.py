"""Moving all that a relay keeps from SQLite into Redis (docs/spec/store.md, "Moving").

    SQLite      (none) ──────► going ───────────────────────────► done
    Redis       (none) ──────────────► going ──► closing ───────────────► done ──► (none)
                 swept                  copied    read back and equal      the first relay starts

Each step is durable before the next begins and may be taken again, so that it can be killed at any
moment. The whole time the lock of the database is held, and no relay starts on a marked store.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeVar

from hushpost_store import SqliteStore
from hushpost_store.contents import copy_account
from hushpost_store.contents_digest import AccountDigest, chained, digest_account, digest_damaged
from hushpost_store.errors import StoreDamaged
from hushpost_store.redis import arrival, migration_mark
from hushpost_store.redis.clocks import refuse_wrong_clock
from hushpost_store.redis.export import RedisExport
from hushpost_store.redis.importing import RedisImport
from hushpost_store.redis.migration_mark import ArrivalMark, ArrivalState
from hushpost_store.redis.options import RedisOptions
from hushpost_store.redis.shards import Shards
from hushpost_store.redis.tally import FORMAT
from hushpost_store.sqlite import inventory
from hushpost_store.sqlite.export import SqliteExport, opened
from hushpost_store.sqlite.migration_mark import ID_BYTES, MigrationMark, MoveState, read_mark
from hushpost_store.sqlite.repair import repair

from hushpost_server.errors import MigrationFailed

T = TypeVar("T")

# Accounts between two marks: what a kill makes to be copied again, in well under a second.
BATCH_ACCOUNTS: Final = 64
# Each holds one page of envelopes, a mebibyte at most, and what it is packed into.
_AT_ONCE: Final = 16
_TELL_SECONDS: Final = 2.0
# Where a damaged row of one account must not keep all others: that account is left behind.
_OF_ONE_ACCOUNT: Final = (
    inventory.ACCOUNT,
    inventory.DEVICE_LIST,
    inventory.DEVICE,
    inventory.MAILBOX,
)


@dataclass(frozen=True, slots=True)
class Moved:
    """What has arrived. `left_behind` counts accounts that damage kept from being read."""

    accounts: int
    envelopes: int
    digest: bytes
    left_behind: int = 0
    seconds: float = 0.0


class Migration:
    """One move from a database into a Redis. `tell` is given lines for the operator."""

    def __init__(
        self,
        database: Path,
        options: RedisOptions,
        *,
        now: Callable[[], float],
        random: Callable[[int], bytes],
        tell: Callable[[str], None],
        skip_damaged: bool = False,
        machine_clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._options = options
        self._now = now
        self._random = random
        self._tell = tell
        self._skip_damaged = skip_damaged
        self._machine_clock = machine_clock
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._told_at = 0.0

    async def run(self) -> Moved:
        """Move everything, or go on where it was broken off. Raises MigrationFailed, StoreFault."""
        began = time.monotonic()
        async with arrival.reached(self._options) as shards:
            await _refuse_relays(shards)
            # By a clock that is ahead, settling would delete mail that has not expired.
            apart = self._options.clocks_apart_seconds_max
            await refuse_wrong_clock(shards, self._machine_clock, apart)
            if await asyncio.to_thread(read_mark, self._database) is None:
                await self._settle_source()
            async with opened(self._database) as source:
                mark = await self._agree(source, shards)
                left_behind = 0
                if mark.state is ArrivalState.GOING:
                    mark = await self._copy_all(source, shards, mark)
                    mark, left_behind = await self._read_back_all(source, shards, mark)
                    await _refuse_relays(shards)
                    await migration_mark.put(shards, mark)
                if mark.state is ArrivalState.CLOSING:
                    mark = await self._close(source, shards, mark)
        seconds = time.monotonic() - began
        return Moved(mark.accounts, mark.envelopes, mark.digest, left_behind, seconds)

    async def undo(self) -> int:
        """Take out of Redis what has arrived, and let the old relay start again.

        Returns how many keys were removed. Raises MigrationFailed once a relay ran on that Redis.
        """
        async with (
            arrival.reached(self._options) as shards,
            opened(self._database) as source,
        ):
            await _refuse_relays(shards)
            mark, there = await source.mark(), await migration_mark.read(shards)
            if mark is not None and mark.state is MoveState.ERASED:
                raise MigrationFailed("this database was erased: there is nothing to go back to")
            if there is None:
                await _require_never_arrived(mark, shards)
                await source.set_mark(None)
                return 0
            if there.state is not ArrivalState.UNDOING:
                _require_same(mark, there)
                if not await migration_mark.begin_undoing(shards, there.migration_id):
                    raise MigrationFailed(_TAKEN_OVER)
            removed = await arrival.remove_all(shards, self._options)
            if mark is not None and mark.migration_id == there.migration_id:
                await source.set_mark(None)
            await migration_mark.remove(shards)
            return removed

    # -- before ---------------------------------------------------------------------------------

    async def _settle_source(self) -> None:
        """Finish deletions, and delete what has expired: none of that is carried."""
        if self._skip_damaged:
            repaired = await asyncio.to_thread(repair, self._database, _OF_ONE_ACCOUNT)
            for table, count in repaired.removed.items():
                self._tell(f"{table}: {count} damaged rows taken out")
        store = SqliteStore(self._database, clock=self._now)
        await store.open()
        try:
            swept = await store.sweep(self._now())
            damaged = store.stats().damaged
        finally:
            await store.close()
        if swept.envelopes:
            self._tell(f"{swept.envelopes} expired envelopes deleted; their owners will be told")
        if damaged and not self._skip_damaged:
            raise MigrationFailed(
                f"{damaged} rows of {self._database} are not what was written, and nothing was"
                " moved: `hushpost-relay check` names them. Copy the data folder away; then"
                " --skip-damaged takes damaged envelopes, drops, notices and prekeys out (their"
                " owners are told) and leaves accounts behind whose own rows are damaged"
            )

    async def _agree(self, source: SqliteExport, shards: Shards) -> ArrivalMark:
        """Begin, or find where to go on; both stores are marked when this returns."""
        mark, there = await source.mark(), await migration_mark.read(shards)
        if there is not None:
            _require_same(mark, there)
            if there.state is ArrivalState.UNDOING:
                raise MigrationFailed("it is being undone: run the same with --undo to finish that")
            self._tell(f"going on: {there.accounts} accounts are there already")
            return there
        if mark is not None and mark.state is not MoveState.GOING:
            is_there = await arrival.holds_anything(shards)
            raise MigrationFailed(_MOVED_ALREADY if is_there else _NOT_THERE)
        if await arrival.holds_anything(shards):
            raise MigrationFailed(
                "this Redis holds accounts, or keys of another program: name an empty one. Nothing"
                " was changed"
            )
        begun = ArrivalMark(ArrivalState.GOING, self._random(ID_BYTES))
        await source.set_mark(MigrationMark(MoveState.GOING, begun.migration_id))
        if not await migration_mark.begin(shards, begun):
            raise MigrationFailed(_OTHER)
        await arrival.begin_store(shards)
        await _refuse_relays(shards)
        return begun

    # -- on the way -----------------------------------------------------------------------------

    async def _copy_all(
        self, source: SqliteExport, shards: Shards, mark: ArrivalMark
    ) -> ArrivalMark:
        accounts, _ = await source.totals()
        sides = source, RedisImport(shards), RedisExport(shards)
        while ids := await source.account_ids(mark.cursor, BATCH_ACCOUNTS):
            digests = await self._each(ids, lambda account_id: self._copy(sides, account_id))
            for place, pair in enumerate(digests, mark.accounts + 1):
                _require_equal(place, pair)
            mark = replace(mark, cursor=ids[-1], accounts=mark.accounts + len(ids))
            await migration_mark.put(shards, mark)
            self._progress("copied", mark.accounts, accounts)
        return mark

    async def _copy(
        self, sides: tuple[SqliteExport, RedisImport, RedisExport], account_id: bytes
    ) -> tuple[AccountDigest | None, AccountDigest | None]:
        source, target, there = sides
        try:
            await copy_account(source, target, account_id)
        except StoreDamaged:
            if not self._skip_damaged:
                raise
            half = await there.account(account_id)
            routes = [device.route for device in half.account.devices] if half else []
            await target.forget(account_id, routes)
        return await self._both(source, there, account_id)

    async def _both(
        self, source: SqliteExport, there: RedisExport, account_id: bytes
    ) -> tuple[AccountDigest | None, AccountDigest | None]:
        try:
            wanted = await digest_account(source, account_id)
        except StoreDamaged:
            if not self._skip_damaged:
                raise
            wanted = None
        return wanted, await digest_damaged(there, account_id)

    async def _read_back_all(
        self, source: SqliteExport, shards: Shards, mark: ArrivalMark
    ) -> tuple[ArrivalMark, int]:
        """Read all of it again from both, compare, and count what else Redis may hold."""
        there = RedisExport(shards)
        accounts, _ = await source.totals()
        cursor, digest, place, envelopes, mailboxes, left_behind = b"", b"", 0, 0, 0, 0
        while ids := await source.account_ids(cursor, BATCH_ACCOUNTS):
            pairs = await self._each(ids, lambda one: self._both(source, there, one))
            for pair in pairs:
                place += 1
                _require_equal(place, pair)
                if pair[0] is None:
                    left_behind += 1
                    continue
                digest = chained(digest, pair[0])
                envelopes += pair[0].envelopes
                mailboxes += len(pair[0].mailboxes)
            cursor = ids[-1]
            self._progress("read back", place, accounts)
        arrived = place - left_behind
        found = await arrival.counted(shards)
        if found != (arrived, mailboxes):
            raise MigrationFailed(
                f"Redis holds {found[0]} accounts and {found[1]} mailboxes, and {arrived} and"
                f" {mailboxes} were sent: {_UNDO}"
            )
        closing = replace(
            mark,
            state=ArrivalState.CLOSING,
            accounts=arrived,
            envelopes=envelopes,
            digest=digest,
        )
        return closing, left_behind

    async def _close(self, source: SqliteExport, shards: Shards, mark: ArrivalMark) -> ArrivalMark:
        """Set the ends of keys, describe the store, and turn both marks over."""
        before = await source.mark()
        # Where the source is done already all of this was; it may have been erased since.
        if before is None or before.state is MoveState.GOING:
            await self._finish(source, shards)
            await source.set_mark(MigrationMark(MoveState.DONE, mark.migration_id))
        done = replace(mark, state=ArrivalState.DONE)
        await migration_mark.put(shards, done)
        return done

    async def _finish(self, source: SqliteExport, shards: Shards) -> None:
        target, cursor = RedisImport(shards), b""
        while ids := await source.account_ids(cursor, BATCH_ACCOUNTS):
            await self._each(ids, lambda one: self._set_ends(source, target, one))
            cursor = ids[-1]
        await arrival.describe_store(shards, FORMAT, await source.generation())

    async def _set_ends(self, source: SqliteExport, target: RedisImport, account_id: bytes) -> None:
        try:
            contents = await source.account(account_id)
            for device in contents.account.devices if contents is not None else ():
                mailbox = await source.mailbox(account_id, device)
                if mailbox is not None and mailbox.latest:
                    await target.set_ends(device.route, mailbox.latest, self._now())
        except StoreDamaged:
            if not self._skip_damaged:
                raise

    async def _each(
        self, account_ids: Sequence[bytes], work: Callable[[bytes], Awaitable[T]]
    ) -> list[T]:
        """Do some of them at once; all have ended when this returns, or raises the first fault."""

        async def one(account_id: bytes) -> T:
            async with self._turns:
                return await work(account_id)

        results = await asyncio.gather(*map(one, account_ids), return_exceptions=True)
        found: list[T] = []
        for result in results:
            if isinstance(result, BaseException):
                raise result
            found.append(result)
        return found

    def _progress(self, what: str, accounts: int, of: int) -> None:
        if time.monotonic() - self._told_at > _TELL_SECONDS or accounts == of:
            self._told_at = time.monotonic()
            self._tell(f"{what}: {accounts} of {of} accounts")


_UNDO: Final = "run the same with --undo, and move it again"
_TAKEN_OVER: Final = (
    "a relay has been started on that Redis since: what it accepted is nowhere else, so there is no"
    " way back. Nothing was changed"
)
_OTHER: Final = (
    "a migration from another database into this Redis is not finished, or no relay has been"
    " started on it yet: finish or undo that one, or name another Redis. Nothing was changed"
)
_NOT_THERE: Final = (
    "the mail of this database has moved, and this Redis is empty: it is another one than then, or"
    " has lost everything. Nothing was changed; do not erase the database"
)
_MOVED_ALREADY: Final = (
    "the mail of this database has moved already, and is in use where it is: nothing was changed"
)


def _require_equal(place: int, pair: tuple[AccountDigest | None, AccountDigest | None]) -> None:
    wanted, found = pair
    if wanted == found:
        return
    if wanted is None or found is None:
        differences: Sequence[str] = ("it is there" if wanted is None else "it is not there",)
    else:
        differences = wanted.differences(found)
    raise MigrationFailed(
        f"what was read back from Redis is not what was sent. Account number {place}, in the order"
        f" of ids: {'; '.join(differences)}. The old database is as it was: {_UNDO}"
    )


def _require_same(mark: MigrationMark | None, there: ArrivalMark) -> None:
    if mark is None or mark.migration_id != there.migration_id:
        raise MigrationFailed(_OTHER)


async def _require_never_arrived(mark: MigrationMark | None, shards: Shards) -> None:
    if mark is None:
        raise MigrationFailed("there is nothing to undo: this database never began to move")
    if mark.state is not MoveState.GOING:
        is_there = await arrival.holds_anything(shards)
        raise MigrationFailed(_TAKEN_OVER if is_there else _NOT_THERE)


async def _refuse_relays(shards: Shards) -> None:
    running = await arrival.relays_running(shards)
    if running:
        raise MigrationFailed(
            f"{running} relays run on this Redis: stop them first, and start them when the"
            " migration is done"
        )
