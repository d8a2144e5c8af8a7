"""The Redis store: the parts put together (docs/spec/store.md, "Redis")."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Final

from hushpost_store import admission, errors
from hushpost_store.interface import LoginWatcher, SubmissionListener
from hushpost_store.quotas import Quotas
from hushpost_store.redis import answers, service_mark
from hushpost_store.redis.accounts import Accounts
from hushpost_store.redis.aof_rewriter import AofRewriter
from hushpost_store.redis.command import ServerError
from hushpost_store.redis.figures import Figures
from hushpost_store.redis.keys import (
    ALL_ACCOUNTS,
    ALL_MAILBOXES,
    STORE_KEY,
    SWEEP_KEY,
    mailbox_keys,
    named_by,
)
from hushpost_store.redis.mailboxes import Mailboxes
from hushpost_store.redis.options import RedisOptions
from hushpost_store.redis.probe import probe
from hushpost_store.redis.reach import reach
from hushpost_store.redis.role import refuse_wrong_server
from hushpost_store.redis.shards import Shards
from hushpost_store.redis.url import RedisUrl
from hushpost_store.redis.wake_ups import WakeUps
from hushpost_store.rows import (
    AccountRow,
    DeviceListRow,
    DeviceRow,
    DropKind,
    ExpiredNotice,
    OneTimePrekey,
    OpenedMailbox,
    QueuedEnvelope,
    ServiceMark,
    StandingRecord,
    StoreStats,
    Submission,
    SweepReport,
    TakenPrekeys,
)

FORMAT: Final = b"1"
# Keys looked at in one step of a scan: a server answers it in well under a millisecond.
_SCAN_COUNT: Final = 1_000
# Scripts of a sweep that run at once: enough to keep a server busy, and mail still gets between.
_SWEEPS_AT_ONCE: Final = 64
# A relay that sweeps renews its turn each time; one that died gives it up after so long.
_SWEEP_TURN_SECONDS: Final = 180


class RedisStore:
    """A `Store` in Redis, for any number of relays at once.

    `options.node` names this one. What Redis answered is durable as `options.durability` says.
    """

    def __init__(
        self,
        options: RedisOptions,
        quotas: Quotas | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._options = options
        self._clock = clock
        self._quotas = quotas if quotas is not None else Quotas()
        self._url = RedisUrl.parse(options.url)
        self._watcher: LoginWatcher | None = None
        self._reset()

    def _reset(self) -> None:
        options = self._options
        self._shards = Shards(self._url, options)
        self._rewriter = AofRewriter(self._shards, options, self._clock)
        self._figures = Figures(on_deleted=self._rewriter.deleted)
        self._wake_ups = WakeUps(self._shards, self._url, options)
        if self._watcher is not None:
            self._wake_ups.watch(self._watcher)
        self._mailboxes = Mailboxes(
            self._shards, self._wake_ups, self._quotas, options, self._figures
        )
        self._accounts = Accounts(self._shards, self._quotas, self._figures)
        self._generation = b""

    # Opening and closing

    async def open(self) -> None:
        """See `Lifecycle`. Also raises ServerUnfit, which names the setting to change."""
        self._reset()
        try:
            await self._shards.open()
            await refuse_wrong_server(self._shards, self._url)
            self._shards.barrier = await probe(self._shards, self._options)
            if self._shards.barrier is not None:
                await self._shards.reopen()
            self._generation = await self._introduce()
            await self._count_all()
            self._wake_ups.start()
            # What an earlier life deleted may still be in the servers' logs.
            self._rewriter.deleted()
            self._rewriter.start()
        except BaseException:
            await self._shards.close()
            raise

    async def close(self) -> None:
        """See `Lifecycle`: waits for the answers that are under way."""
        await self._wake_ups.stop()
        await self._rewriter.stop()
        try:
            async with asyncio.timeout(self._options.answer_seconds_max):
                await self._shards.below(0)
        except TimeoutError:
            pass
        await self._shards.close()

    def watch(self, watcher: LoginWatcher) -> None:
        """See `Shared`."""
        self._watcher = watcher
        self._wake_ups.watch(watcher)

    async def service(self) -> ServiceMark | None:
        """See `Shared`."""
        return await service_mark.read(self._shards)

    async def claim_service(
        self, mine: ServiceMark, *, instead_of: ServiceMark | None
    ) -> ServiceMark:
        """See `Shared`."""
        return await service_mark.claim(self._shards, mine, instead_of)

    async def reach(self) -> None:
        """See `Shared`."""
        await reach(self._shards, self._options)

    # Accounts and prekeys

    async def create_account(self, account: AccountRow) -> None:
        """See `AccountStore`."""
        await self._accounts.create(account)

    async def load_account(self, account_id: bytes) -> AccountRow | None:
        """See `AccountStore`."""
        return await self._accounts.load(account_id)

    async def publish_device_list(
        self,
        account_id: bytes,
        *,
        expected_head: bytes,
        device_list: DeviceListRow,
        devices: tuple[DeviceRow, ...],
    ) -> None:
        """See `AccountStore`."""
        await self._accounts.publish(account_id, expected_head, device_list, devices)

    async def device_lists(
        self, account_id: bytes, after_version: int
    ) -> tuple[DeviceListRow, ...]:
        """See `AccountStore`."""
        return await self._accounts.lists(account_id, after_version)

    async def delete_account(self, account_id: bytes) -> bool:
        """See `AccountStore`."""
        return await self._accounts.delete(account_id)

    async def publish_prekeys(
        self,
        account_id: bytes,
        device_id: bytes,
        *,
        one_time: Sequence[OneTimePrekey] = (),
        signed: StandingRecord | None = None,
        seal: StandingRecord | None = None,
        day: int,
    ) -> int:
        """See `PrekeyStore`."""
        return await self._accounts.publish_prekeys(
            account_id, device_id, one_time=one_time, signed=signed, seal=seal, day=day
        )

    async def take_prekeys(
        self, account_id: bytes, day: int, *, one_time: bool = True
    ) -> TakenPrekeys | None:
        """See `PrekeyStore`."""
        return await self._accounts.take_prekeys(account_id, day, one_time=one_time)

    async def count_prekeys(self, account_id: bytes, device_id: bytes, day: int) -> int:
        """See `PrekeyStore`."""
        return await self._accounts.count_prekeys(account_id, device_id, day)

    # Drops

    async def register_drop(
        self, route: bytes, drop_hash: bytes, kind: DropKind, now: float
    ) -> None:
        """See `DropStore`."""
        await self._mailboxes.register_drop(route, drop_hash, kind, now)

    async def revoke_drop(self, route: bytes, drop_hash: bytes) -> None:
        """See `DropStore`."""
        await self._mailboxes.revoke_drop(route, drop_hash)

    # Mailboxes

    def submit(self, submission: Submission, listener: SubmissionListener, now: float) -> None:
        """See `MailboxStore`."""
        self._mailboxes.submit(submission, listener, now)

    def under_pressure(self) -> bool:
        """See `MailboxStore`."""
        return self._shards.waiting_bytes > self._options.waiting_bytes_high

    async def pressure_relieved(self) -> None:
        """See `MailboxStore`."""
        await self._shards.below(self._options.waiting_bytes_high)

    async def open_mailbox(self, route: bytes, now: float) -> OpenedMailbox:
        """See `MailboxStore`."""
        return await self._mailboxes.open(route)

    def close_mailbox(self, route: bytes, epoch: int) -> None:
        """See `MailboxStore`."""
        self._mailboxes.close(route, epoch)

    async def read_backlog(
        self, route: bytes, epoch: int, *, after_sequence: int, limit: int, now: float
    ) -> list[QueuedEnvelope]:
        """See `MailboxStore`."""
        return await self._mailboxes.read(
            route, epoch, after_sequence=after_sequence, limit=limit, now=now
        )

    def acknowledge(self, route: bytes, epoch: int, sequences: Sequence[int], now: float) -> None:
        """See `MailboxStore`."""
        self._mailboxes.acknowledge(route, epoch, sequences)

    async def expired_seen(self, route: bytes, notice_id: int) -> None:
        """See `MailboxStore`."""
        await self._mailboxes.seen(route, notice_id)

    async def expired_notices(self, route: bytes) -> tuple[ExpiredNotice, ...]:
        """See `MailboxStore`."""
        return await self._mailboxes.notices(route)

    # Looking after

    async def sweep(self, now: float) -> SweepReport:
        """See `Lifecycle`; of several relays one sweeps at a time, the others report nothing."""
        if not await self._has_turn():
            return SweepReport(0, 0, 0, ())
        envelopes = drops = prekeys = queued = queued_bytes = 0
        routes: list[bytes] = []
        async for batch in self._in_batches(ALL_MAILBOXES):
            swept = await asyncio.gather(*(self._sweep(named_by(key), now) for key in batch))
            for route, figures in zip(map(named_by, batch), swept, strict=True):
                envelopes += figures[0]
                drops += figures[1]
                queued += figures[2]
                queued_bytes += figures[3]
                if figures[0]:
                    routes.append(route)
        accounts, prekeys = await self._look_after_accounts(admission.day_of(now))
        self._figures.accounts = accounts
        self._figures.queued_envelopes, self._figures.queued_bytes = queued, queued_bytes
        return SweepReport(envelopes, drops, prekeys, tuple(routes))

    def deletion_lag(self, now: float) -> float:
        """See `Lifecycle`; deleted values are out of memory at once, and in the log for a while."""
        return self._rewriter.lag(now)

    def stats(self) -> StoreStats:
        """See `Lifecycle`; sums over all relays are exact at each sweep, and follow this one."""
        figures = self._figures
        return StoreStats(
            generation=self._generation,
            accounts=figures.accounts,
            # Another relay may have counted in what this one counts out.
            queued_envelopes=max(0, figures.queued_envelopes),
            queued_bytes=max(0, figures.queued_bytes),
            pending_bytes=self._shards.waiting_bytes,
            committed_envelopes=figures.committed,
            failed_envelopes=figures.failed,
            checkpoints=self._rewriter.rewrites,
            deletion_seconds_max=self._options.deletion_seconds_max,
            faulty=figures.is_faulty,
        )

    async def backup(self, target: Path) -> None:
        """Refuse: what a Redis holds is copied by Redis, and replicas are its backup."""
        raise errors.BackupUnsupported("a Redis store has replicas instead of backups")

    # -- inner ----------------------------------------------------------------------------------

    async def _introduce(self) -> bytes:
        """Return the store's generation, drawn when it is new. Raises StoreNewer."""
        ask = self._shards.ask
        wanted = (STORE_KEY, b"HMGET", STORE_KEY, b"format", b"generation")
        found = answers.items(await ask(*wanted))
        if None in found:  # written only where it must be: a full server takes nothing
            await ask(STORE_KEY, b"HSETNX", STORE_KEY, b"format", FORMAT)
            await ask(STORE_KEY, b"HSETNX", STORE_KEY, b"generation", secrets.token_bytes(16))
            found = answers.items(await ask(*wanted))
        if found[0] != FORMAT:
            raise errors.StoreNewer("this Redis was written by a newer hushpost: upgrade")
        return answers.blob(found[1])

    async def _has_turn(self) -> bool:
        node = self._options.node.encode()
        ask = self._shards.ask
        seconds = _SWEEP_TURN_SECONDS
        try:
            taken = await ask(SWEEP_KEY, b"SET", SWEEP_KEY, node, b"NX", b"EX", seconds)
        except ServerError:
            return True  # full: sweeping frees room, and two that sweep only work twice
        if taken is None and await ask(SWEEP_KEY, b"GET", SWEEP_KEY) != node:
            return False
        await ask(SWEEP_KEY, b"EXPIRE", SWEEP_KEY, seconds)
        return True

    async def _count_all(self) -> None:
        """Count what is there, once; from then on this process follows its own changes."""
        figures = self._figures
        async for batch in self._in_batches(ALL_MAILBOXES):
            asked = (self._shards.ask(key, b"HMGET", key, b"queued", b"bytes") for key in batch)
            for found in await asyncio.gather(*asked):
                queued, size = answers.items(found)
                figures.queued_envelopes += int(answers.blob(queued or b"0"))
                figures.queued_bytes += int(answers.blob(size or b"0"))
        async for batch in self._in_batches(ALL_ACCOUNTS):
            figures.accounts += len(batch)

    async def _sweep(self, route: bytes, now: float) -> tuple[int, int, int, int]:
        """Sweep one mailbox: envelopes and drops that went, envelopes and bytes that stay."""
        answer = answers.items(await self._shards.run("sweep", mailbox_keys(route), int(now)))
        envelopes, size_gone, drops, owner, _, queued, size = answer
        if answers.number(envelopes) or answers.number(drops):
            self._figures.on_deleted(answers.number(size_gone))
        if owner and await self._accounts.release_orphan(route, answers.blob(owner)):
            return 0, 0, 0, 0
        number = answers.number
        return number(envelopes), number(drops), number(queued), number(size)

    async def _look_after_accounts(self, day: int) -> tuple[int, int]:
        """Finish deletions that were broken off, prune prekeys: accounts left, records pruned."""
        accounts = pruned = 0
        async for batch in self._in_batches(ALL_ACCOUNTS):
            for account_id in map(named_by, batch):
                if await self._accounts.load(account_id) is None:
                    await self._accounts.delete(account_id)
                    continue
                accounts += 1
                pruned += await self._accounts.prune_prekeys(account_id, day)
        return accounts, pruned

    async def _in_batches(self, pattern: bytes) -> AsyncIterator[list[bytes]]:
        """Yield the keys of a pattern from every primary, some at a time."""
        for address in self._shards.primaries:
            cursor = b""
            while cursor != b"0":
                answer = await self._shards.ask_server(
                    address, b"SCAN", cursor or b"0", b"MATCH", pattern, b"COUNT", _SCAN_COUNT
                )
                following, found = answers.items(answer)
                cursor = answers.blob(following)
                keys = [answers.blob(key) for key in answers.items(found)]
                for start in range(0, len(keys), _SWEEPS_AT_ONCE):
                    yield keys[start : start + _SWEEPS_AT_ONCE]
