"""The SQLite store: the parts put together (docs/spec/store.md, "SQLite").

Reads top down: opening and closing, accounts, prekeys, drops, mailboxes, looking after. Every
operation that touches the disk is a job in the writer's queue.
"""

from __future__ import annotations

import asyncio
import functools
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from hushpost_store import admission, errors
from hushpost_store.interface import SubmissionListener
from hushpost_store.quotas import Quotas
from hushpost_store.rows import (
    AccountRow,
    DeviceListRow,
    DeviceRow,
    DropKind,
    ExpiredNotice,
    OneTimePrekey,
    OpenedMailbox,
    QueuedEnvelope,
    Refusal,
    StandingRecord,
    StoreStats,
    Submission,
    SweepReport,
    TakenPrekeys,
)
from hushpost_store.sqlite import backup, drops, mailboxes, schema, sweeper
from hushpost_store.sqlite.census import Census, file_bytes, take_census
from hushpost_store.sqlite.checkpointer import Checkpointer, truncate_log
from hushpost_store.sqlite.commit_hold import SqliteCommitHold
from hushpost_store.sqlite.database import Database, fault
from hushpost_store.sqlite.deletion_clock import DeletionClock
from hushpost_store.sqlite.examination import require_sound
from hushpost_store.sqlite.intake import RETRY_SECONDS, Intake
from hushpost_store.sqlite.loader import MailboxLoader
from hushpost_store.sqlite.mailbox_cache import MailboxCache
from hushpost_store.sqlite.migration_mark import require_unmarked
from hushpost_store.sqlite.options import SqliteOptions
from hushpost_store.sqlite.registry import Registry
from hushpost_store.sqlite.writer import Writer


class SqliteStore:
    """A `Store` in one SQLite file, for one process.

    `clock` gives seconds since the epoch for deletions whose caller names no time.
    """

    def __init__(
        self,
        path: Path,
        quotas: Quotas | None = None,
        options: SqliteOptions | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._path = path
        self._quotas = quotas if quotas is not None else Quotas()
        self._options = options if options is not None else SqliteOptions()
        self._clock = clock
        self._reset()

    def _reset(self) -> None:
        options = self._options
        self._cache = MailboxCache(options.cache_entries_max, options.unknown_routes_max)
        self._intake = Intake(self._cache, self._quotas)
        self._database = Database(self._path, options)
        self._deletion_clock = DeletionClock()
        self._writer = Writer(self._database, options, self._intake.finished, self._deletion_clock)
        self.commit_hold = SqliteCommitHold(self._writer, self._intake)
        self._checkpointer = Checkpointer(self._writer, options, self._deletion_clock)
        self._running = False
        self._epochs: dict[bytes, int] = {}
        self._epochs_begun = 0
        self._buckets: tuple[int, ...] = ()
        self._census = Census()
        self._loader = MailboxLoader(self._writer, self._cache, self._intake)
        self._registry = Registry(
            self._writer,
            self._cache,
            self._intake,
            quotas=self._quotas,
            clock=self._clock,
            on_closing=self._end_epoch,
        )

    # Opening and closing

    async def open(self) -> None:
        """See `Lifecycle`."""
        self._reset()
        await self._database.open()
        backup.discard_part(self._path)
        try:
            await self._database.run(
                lambda connection: schema.migrate(connection, self._options.bucket_sizes)
            )
            await self._database.run(require_unmarked)
            self._buckets = await self._database.run(schema.envelope_buckets)
            has_envelopes = file_bytes(self._path) <= self._options.examined_bytes_max
            damage = self._database.damage
            await self._database.run(
                lambda connection: require_sound(connection, damage, envelopes=has_envelopes)
            )
            self._census = await self._database.run(
                lambda connection: take_census(connection, self._buckets)
            )
        except sqlite3.Error as error:
            await self._database.close()
            raise fault(error) from error
        except BaseException:
            await self._database.close()
            raise
        self._intake.start(self._writer, self._buckets)
        self._loader.start(self._buckets)
        self._registry.start(self._buckets, self._census)
        self._intake.queued_envelopes = self._census.queued_envelopes
        self._intake.queued_bytes = self._census.queued_bytes
        self._writer.start()
        self._checkpointer.start()
        self._running = True
        await self._registry.finish_broken_off()

    async def close(self) -> None:
        """See `Lifecycle`."""
        self._running = False
        await self._checkpointer.stop()
        await self._writer.stop()
        try:
            await self._database.run(truncate_log)
        except (sqlite3.Error, errors.StoreFault):
            # A full disk, or never opened: the next opening truncates it.
            pass
        finally:
            await self._database.close()

    # Accounts and prekeys

    async def create_account(self, account: AccountRow) -> None:
        """See `AccountStore`."""
        await self._registry.create_account(account)

    async def load_account(self, account_id: bytes) -> AccountRow | None:
        """See `AccountStore`."""
        return await self._registry.load_account(account_id)

    async def publish_device_list(
        self,
        account_id: bytes,
        *,
        expected_head: bytes,
        device_list: DeviceListRow,
        devices: tuple[DeviceRow, ...],
    ) -> None:
        """See `AccountStore`."""
        await self._registry.publish_device_list(
            account_id, expected_head=expected_head, device_list=device_list, devices=devices
        )

    async def device_lists(
        self, account_id: bytes, after_version: int
    ) -> tuple[DeviceListRow, ...]:
        """See `AccountStore`."""
        return await self._registry.device_lists(account_id, after_version)

    async def delete_account(self, account_id: bytes) -> bool:
        """See `AccountStore`."""
        return await self._registry.delete_account(account_id)

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
        return await self._registry.publish_prekeys(
            account_id, device_id, one_time=one_time, signed=signed, seal=seal, day=day
        )

    async def take_prekeys(
        self, account_id: bytes, day: int, *, one_time: bool = True
    ) -> TakenPrekeys | None:
        """See `PrekeyStore`."""
        return await self._registry.take_prekeys(account_id, day, one_time=one_time)

    async def count_prekeys(self, account_id: bytes, device_id: bytes, day: int) -> int:
        """See `PrekeyStore`."""
        return await self._registry.count_prekeys(account_id, device_id, day)

    # Drops

    async def register_drop(
        self, route: bytes, drop_hash: bytes, kind: DropKind, now: float
    ) -> None:
        """See `DropStore`."""
        async with self._loader.pinned(route) as mailbox:
            drop = admission.registrable(mailbox, drop_hash, kind, now, self._quotas)
            if drop is None:
                return

            def registered(_: None) -> None:
                if drop_hash not in mailbox.drops:
                    mailbox.drops[drop_hash] = drop
                    self._cache.entries += not mailbox.gone

            await self._writer.run(
                lambda connection: drops.insert(
                    connection, mailbox.slot, drop_hash, drop, self._quotas.drops_max
                ),
                registered,
            )

    async def revoke_drop(self, route: bytes, drop_hash: bytes) -> None:
        """See `DropStore`."""
        async with self._loader.pinned(route) as mailbox:

            def revoked(_: None) -> None:
                if mailbox.drops.pop(drop_hash, None) is not None:
                    self._cache.entries -= not mailbox.gone

            revoked(None)
            # Once more when it is written: a registration may have been under way before it.
            await self._writer.run(
                lambda connection: drops.delete(connection, mailbox.slot, drop_hash),
                revoked,
                deleting_at=self._clock(),
            )

    # Mailboxes

    def submit(self, submission: Submission, listener: SubmissionListener, now: float) -> None:
        """See `MailboxStore`."""
        if not self._running:
            listener.refused(Refusal.RETRY, RETRY_SECONDS)
        elif self._intake.submit(submission, listener, now):
            self._loader.load(submission.route)

    def under_pressure(self) -> bool:
        """See `MailboxStore`."""
        return self._writer.under_pressure()

    async def pressure_relieved(self) -> None:
        """See `MailboxStore`."""
        await self._writer.relieved()

    async def open_mailbox(self, route: bytes, now: float) -> OpenedMailbox:
        """See `MailboxStore`."""
        async with self._loader.pinned(route) as mailbox:
            self._epochs_begun += 1
            epoch = self._epochs_begun
            if route not in self._epochs:
                mailbox.pins += 1
            self._epochs[route] = epoch
            opened: list[OpenedMailbox] = []

            def answer(expired: tuple[ExpiredNotice, ...]) -> None:
                opened.append(
                    OpenedMailbox(epoch, mailbox.next_sequence - 1, len(mailbox.places), expired)
                )

            try:
                await self._writer.run(
                    lambda connection: mailboxes.close_notice(connection, mailbox.slot), answer
                )
            except BaseException:
                self.close_mailbox(route, epoch)
                raise
            return opened[0]

    def close_mailbox(self, route: bytes, epoch: int) -> None:
        """See `MailboxStore`."""
        if self._epochs.get(route) == epoch:
            del self._epochs[route]
            mailbox = self._cache.peek(route)
            if mailbox is not None:
                mailbox.pins -= 1

    async def read_backlog(
        self, route: bytes, epoch: int, *, after_sequence: int, limit: int, now: float
    ) -> list[QueuedEnvelope]:
        """See `MailboxStore`."""
        mailbox = self._cache.peek(route)
        if mailbox is None or self._epochs.get(route) != epoch:
            return []
        hold, hour = self.commit_hold, admission.hour_of(now)
        read = functools.partial(
            mailboxes.read_backlog, slot=mailbox.slot, buckets=self._buckets, limit=limit, hour=hour
        )
        while True:
            held = hold.kept_back(mailbox, after_sequence)
            rows = await self._writer.run(functools.partial(read, after_sequence=after_sequence))
            if not self._writer.is_holding:
                return rows
            page = hold.completed(mailbox, rows, held, limit=limit, now=now)
            if page or len(rows) < limit:
                return page
            # All of it is acknowledged, and only its deletion is held: there may be more behind.
            after_sequence = rows[-1].sequence

    def acknowledge(self, route: bytes, epoch: int, sequences: Sequence[int], now: float) -> None:
        """See `MailboxStore`."""
        if self._epochs.get(route) == epoch:
            mailbox = self._cache.peek(route)
            if mailbox is not None:
                self._intake.acknowledge(mailbox, sequences, now)

    async def expired_seen(self, route: bytes, notice_id: int) -> None:
        """See `MailboxStore`."""
        await self._writer.run(
            lambda connection: mailboxes.forget_notice(connection, route, notice_id),
            deleting_at=self._clock(),
        )

    async def expired_notices(self, route: bytes) -> tuple[ExpiredNotice, ...]:
        """See `MailboxStore`."""
        try:
            async with self._loader.pinned(route) as mailbox:
                return await self._writer.run(
                    lambda connection: mailboxes.close_notice(connection, mailbox.slot)
                )
        except errors.MailboxUnknown:
            return ()

    # Looking after

    async def sweep(self, now: float) -> SweepReport:
        """See `Lifecycle`."""
        hour, day = admission.hour_of(now), admission.day_of(now)
        step = functools.partial(sweeper.sweep_envelopes, buckets=self._buckets, hour=hour)
        swept: list[sweeper.Swept] = []
        while gone := await self._writer.run(step, self._forget_swept, deleting_at=now):
            swept += gone

        def forget_drops(_: int) -> None:
            for mailbox in self._cache.mailboxes():
                self._cache.entries -= admission.expire_drops(mailbox, now)

        ended = await self._writer.run(
            lambda connection: sweeper.sweep_drops(connection, hour),
            forget_drops,
            deleting_at=now,
        )
        pruned = await self._writer.run(
            lambda connection: sweeper.sweep_days(connection, day), deleting_at=now
        )
        routes = tuple(dict.fromkeys(row.route for row in swept if row.route))
        return SweepReport(len(swept), ended, pruned, routes)

    def deletion_lag(self, now: float) -> float:
        """See `Lifecycle`."""
        return self._deletion_clock.lag(now)

    def stats(self) -> StoreStats:
        """See `Lifecycle`."""
        figures = self._writer.figures
        return StoreStats(
            generation=self._census.generation,
            accounts=self._census.accounts,
            queued_envelopes=self._intake.queued_envelopes,
            queued_bytes=self._intake.queued_bytes,
            pending_envelopes=self._writer.pending_envelopes,
            pending_bytes=self._writer.pending_bytes,
            commits=figures.commits,
            committed_envelopes=figures.committed,
            withdrawn_envelopes=self._intake.withdrawn,
            failed_envelopes=figures.failed,
            commit_seconds=figures.commit_seconds,
            database_bytes=file_bytes(self._path),
            log_bytes=file_bytes(self._path.with_name(self._path.name + "-wal")),
            checkpoints=self._checkpointer.checkpoints,
            checkpoints_busy=self._checkpointer.busy,
            cached_mailboxes=len(self._cache),
            faulty=figures.faulty,
            damaged=self._database.damage.count,
            log_was_cut=self._database.log_was_cut,
        )

    async def backup(self, target: Path) -> None:
        """See `Lifecycle`."""
        await asyncio.to_thread(backup.write, self._path, target, self._options.bucket_sizes)

    def _end_epoch(self, route: bytes) -> None:
        self._epochs.pop(route, None)

    def _forget_swept(self, swept: list[sweeper.Swept]) -> None:
        for row in swept:
            self._intake.expired(row.route, row.sequence, row.stored_bytes)
