"""The Redis store: the parts put together (docs/spec/store.md, "Redis")."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from hushpost_store import errors
from hushpost_store.interface import LoginWatcher, SubmissionListener
from hushpost_store.quotas import Quotas
from hushpost_store.redis import migration_mark, service_mark
from hushpost_store.redis.accounts import Accounts
from hushpost_store.redis.address import Address
from hushpost_store.redis.aof_rewriter import AofRewriter
from hushpost_store.redis.clocks import ClocksApart, refuse_wrong_clock
from hushpost_store.redis.figures import Figures
from hushpost_store.redis.lanes import Lanes
from hushpost_store.redis.mailboxes import Mailboxes
from hushpost_store.redis.options import RedisOptions
from hushpost_store.redis.probe import ServerUnfit, probe, require_fit
from hushpost_store.redis.reach import reach
from hushpost_store.redis.role import refuse_unable, refuse_wrong_server
from hushpost_store.redis.shards import Shards
from hushpost_store.redis.sweeping import StoreSweep
from hushpost_store.redis.tally import Tally
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


class RedisStore:
    """A `Store` in Redis, for any number of relays at once.

    `options.node` names this one. What Redis answered is durable as `options.durability` says.
    """

    def __init__(
        self,
        options: RedisOptions,
        quotas: Quotas | None = None,
        clock: Callable[[], float] = time.time,
        machine_clock: Callable[[], float] = time.time,
    ) -> None:
        self._options = options
        self._clock = clock
        self._machine_clock = machine_clock
        self._quotas = quotas if quotas is not None else Quotas()
        self._url = RedisUrl.parse(options.url)
        self._watcher: LoginWatcher | None = None
        self._reset()

    def _reset(self) -> None:
        options = self._options
        self._shards = Shards(self._url, options)
        self._probe_at = 0.0
        self._rewriter = AofRewriter(self._shards, options, self._clock)
        self._figures = Figures(on_deleted=self._rewriter.deleted)
        self._wake_ups = WakeUps(self._shards, self._url, options)
        if self._watcher is not None:
            self._wake_ups.watch(self._watcher)
        self._mailboxes = Mailboxes(
            self._shards, self._wake_ups, self._quotas, options, self._figures
        )
        self._accounts = Accounts(self._shards, self._quotas, self._figures)
        self._tally = Tally(self._shards, self._figures, self._renewed)
        self._sweep = StoreSweep(self._shards, self._accounts, self._figures, options.node)

    # Opening and closing

    async def open(self) -> None:
        """See `Lifecycle`. Also raises ServerUnfit, which names the setting to change."""
        self._reset()
        try:
            await self._shards.open()
            await refuse_wrong_server(self._shards, self._url)
            await refuse_unable(self._shards)
            self._shards.barrier = await probe(self._shards, self._options)
            self._shards.check_with(self._require_fit)
            if self._shards.barrier is not None:
                await self._shards.reopen()
            await migration_mark.take_over(self._shards)
            await self._refuse_wrong_clock()
            await self._tally.tell()
            if not self._tally.is_counted:
                await self._tally.counted(await self._sweep.count())
            self._tally.start()
            self._wake_ups.start()
            self._rewriter.start()
        except BaseException:
            await self._shards.close()
            raise

    async def close(self) -> None:
        """See `Lifecycle`: waits for the answers that are under way."""
        await self._wake_ups.stop()
        await self._rewriter.stop()
        await self._tally.stop()
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
        self._figures.reached()
        await self._probe_again()

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
        for prepare in (self._refuse_wrong_clock, self._tally.tell):
            try:
                await prepare()
            except (ClocksApart, errors.StoreNewer):
                raise
            except errors.StoreFault:
                continue  # a server is away: the others are swept, and that tells
        if not await self._sweep.has_turn():
            return SweepReport(0, 0, 0, ())
        with self._tally.counting():
            report, sums = await self._sweep.sweep(now)
            await self._tally.counted(sums)
        return report

    def deletion_lag(self, now: float) -> float:
        """See `Lifecycle`; deleted values are out of memory at once, and in the log for a while."""
        return self._rewriter.lag(now)

    def stats(self) -> StoreStats:
        """See `Lifecycle`; sums over all relays, as they stood a second ago."""
        figures = self._figures
        sums = figures.now
        return StoreStats(
            generation=self._tally.generation,
            accounts=sums.accounts,
            queued_envelopes=sums.envelopes,
            queued_bytes=sums.envelope_bytes,
            pending_bytes=self._shards.waiting_bytes,
            committed_envelopes=figures.committed,
            failed_envelopes=figures.failed,
            checkpoints=self._rewriter.rewrites,
            deletion_seconds_max=self._options.deletion_seconds_max,
            faulty=figures.is_faulty,
            damaged=len(figures.damaged),
        )

    async def backup(self, target: Path) -> None:
        """Refuse: what a Redis holds is copied by Redis, and replicas are its backup."""
        raise errors.BackupUnsupported("a Redis store has replicas instead of backups")

    # -- inner ----------------------------------------------------------------------------------

    async def _require_fit(self, address: Address, lanes: Lanes) -> None:
        is_cluster = self._shards.is_cluster
        await require_fit(self._options, address, lanes, is_cluster=is_cluster)

    async def _probe_again(self) -> None:
        """Look now and then whether somebody changed a setting. Raises ServerUnfit."""
        now = asyncio.get_running_loop().time()
        if now >= self._probe_at:
            try:
                await probe(self._shards, self._options)
            except ServerUnfit:
                raise  # and looked at each time, until it is mended
            except errors.StoreFault:
                pass  # a replica is away, on which nothing depends
            self._probe_at = now + self._options.probe_seconds

    async def _refuse_wrong_clock(self) -> None:
        await refuse_wrong_clock(
            self._shards, self._machine_clock, self._options.clocks_apart_seconds_max
        )

    def _renewed(self) -> None:
        """Have every device that is logged in here come again: it learns the new generation."""
        for route, epoch in [*self._wake_ups.logins.items()]:
            if self._watcher is not None:
                self._watcher.login_lost(route, epoch)
