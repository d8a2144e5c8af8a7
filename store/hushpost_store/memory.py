"""A store that forgets when its process ends (docs/spec/store.md, "Memory").

For tests, and for an operator who wants a relay that writes nothing: what is accepted lives as
long as the process, which the relay says when it starts. Every operation is complete on return,
so a submission's listener hears `committed` from within `submit`.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from hushpost_store import admission, errors
from hushpost_store.admission import MailboxState
from hushpost_store.interface import SubmissionListener
from hushpost_store.memory_accounts import MemoryAccounts
from hushpost_store.quotas import Quotas
from hushpost_store.rows import (
    NOTICE_DROPS_MAX,
    NOTICES_MAX,
    AccountRow,
    Admitted,
    DeviceListRow,
    DeviceRow,
    DropKind,
    ExpiredDrop,
    ExpiredNotice,
    OneTimePrekey,
    OpenedMailbox,
    QueuedEnvelope,
    StandingRecord,
    StoreStats,
    Submission,
    SweepReport,
    TakenPrekeys,
)


@dataclass(slots=True)
class _Mailbox:
    state: MailboxState = field(default_factory=MailboxState)
    queue: dict[int, QueuedEnvelope] = field(default_factory=dict[int, QueuedEnvelope])
    epoch: int = 0
    gathering: dict[bytes, int] = field(default_factory=dict[bytes, int])
    notices: list[ExpiredNotice] = field(default_factory=list[ExpiredNotice])
    notices_closed: int = 0

    def close_notice(self) -> tuple[ExpiredNotice, ...]:
        """Close the notice that gathers, and return all that wait."""
        while self.gathering and len(self.notices) < NOTICES_MAX:
            self.notices_closed += 1
            closed = [ExpiredDrop(*pair) for pair in sorted(self.gathering.items())]
            del closed[NOTICE_DROPS_MAX:]
            for drop in closed:
                del self.gathering[drop.drop_ref]
            self.notices.append(ExpiredNotice(self.notices_closed, tuple(closed)))
        return tuple(self.notices)


class NothingToCommit:
    """The `CommitHold` of a store that never writes: it is always decided and committed."""

    is_empty: Final = True

    def begin(self) -> None:
        """See `CommitHold`."""

    def cut(self) -> None:
        """See `CommitHold`."""

    async def decided(self) -> None:
        """See `CommitHold`."""

    async def commit(self) -> None:
        """See `CommitHold`."""


class MemoryStore:
    """A `Store` in dictionaries."""

    def __init__(self, quotas: Quotas | None = None) -> None:
        self._quotas = quotas if quotas is not None else Quotas()
        self._accounts = MemoryAccounts(self._quotas)
        self._mailboxes: dict[bytes, _Mailbox] = {}
        self._epochs = 0
        self._committed = 0
        self._generation = secrets.token_bytes(16)
        self.commit_hold = NothingToCommit()

    async def open(self) -> None:
        """Do nothing: there is nothing to make ready."""

    async def close(self) -> None:
        """Forget everything."""
        self._accounts = MemoryAccounts(self._quotas)
        self._mailboxes.clear()

    # Accounts and prekeys

    async def create_account(self, account: AccountRow) -> None:
        """See `AccountStore`."""
        if self._accounts.create(account, taken=self._mailboxes.keys()):
            for device in account.devices:
                self._mailboxes[device.route] = _Mailbox()

    async def load_account(self, account_id: bytes) -> AccountRow | None:
        """See `AccountStore`."""
        return self._accounts.load(account_id)

    async def publish_device_list(
        self,
        account_id: bytes,
        *,
        expected_head: bytes,
        device_list: DeviceListRow,
        devices: tuple[DeviceRow, ...],
    ) -> None:
        """See `AccountStore`."""
        change = self._accounts.publish(
            account_id, expected_head, device_list, devices, taken=self._mailboxes.keys()
        )
        for route in change.closed:
            self._close_down(route)
        for route in change.opened:
            self._mailboxes[route] = _Mailbox()

    async def device_lists(
        self, account_id: bytes, after_version: int
    ) -> tuple[DeviceListRow, ...]:
        """See `AccountStore`."""
        return self._accounts.lists(account_id, after_version)

    async def delete_account(self, account_id: bytes) -> bool:
        """See `AccountStore`."""
        account = self._accounts.delete(account_id)
        for device in account.devices if account is not None else ():
            self._close_down(device.route)
        return account is not None

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
        shelf = self._accounts.shelf(account_id, device_id)
        return shelf.publish(one_time, signed, seal, day, self._quotas.prekeys_max)

    async def take_prekeys(
        self, account_id: bytes, day: int, *, one_time: bool = True
    ) -> TakenPrekeys | None:
        """See `PrekeyStore`."""
        return self._accounts.take_prekeys(account_id, day, one_time=one_time)

    async def count_prekeys(self, account_id: bytes, device_id: bytes, day: int) -> int:
        """See `PrekeyStore`."""
        return self._accounts.shelf(account_id, device_id).left(day)

    # Drops

    async def register_drop(
        self, route: bytes, drop_hash: bytes, kind: DropKind, now: float
    ) -> None:
        """See `DropStore`."""
        state = self._mailbox(route).state
        drop = admission.registrable(state, drop_hash, kind, now, self._quotas)
        if drop is not None:
            state.drops[drop_hash] = drop

    async def revoke_drop(self, route: bytes, drop_hash: bytes) -> None:
        """See `DropStore`."""
        self._mailbox(route).state.drops.pop(drop_hash, None)

    # Mailboxes

    def submit(self, submission: Submission, listener: SubmissionListener, now: float) -> None:
        """See `MailboxStore`."""
        mailbox = self._mailboxes.get(submission.route)
        state = mailbox.state if mailbox is not None else None
        decision = admission.decide(state, submission, now, self._quotas)
        if not isinstance(decision, Admitted):
            listener.refused(decision.reason, decision.retry_after)
            return
        if mailbox is not None and decision.sequence and not decision.duplicate:
            self._enqueue(mailbox, submission, decision.sequence, now)
        listener.admitted(decision)
        listener.committed()

    def under_pressure(self) -> bool:
        """See `MailboxStore`; nothing waits to be committed here."""
        return False

    async def pressure_relieved(self) -> None:
        """See `MailboxStore`."""

    async def open_mailbox(self, route: bytes, now: float) -> OpenedMailbox:
        """See `MailboxStore`."""
        mailbox = self._mailbox(route)
        self._epochs += 1
        mailbox.epoch = self._epochs
        return OpenedMailbox(
            epoch=mailbox.epoch,
            backlog_end=mailbox.state.next_sequence - 1,
            queued=len(mailbox.queue),
            expired=mailbox.close_notice(),
        )

    def close_mailbox(self, route: bytes, epoch: int) -> None:
        """See `MailboxStore`."""
        mailbox = self._mailboxes.get(route)
        if mailbox is not None and mailbox.epoch == epoch:
            mailbox.epoch = 0

    async def read_backlog(
        self, route: bytes, epoch: int, *, after_sequence: int, limit: int, now: float
    ) -> list[QueuedEnvelope]:
        """See `MailboxStore`."""
        mailbox = self._mailboxes.get(route)
        if mailbox is None or mailbox.epoch != epoch:
            return []
        waiting = (
            row
            for sequence, row in mailbox.queue.items()
            if sequence > after_sequence and row.not_after * admission.HOUR_SECONDS > now
        )
        return [row for row, _ in zip(waiting, range(limit), strict=False)]

    def acknowledge(self, route: bytes, epoch: int, sequences: Sequence[int], now: float) -> None:
        """See `MailboxStore`."""
        mailbox = self._mailboxes.get(route)
        if mailbox is None or mailbox.epoch != epoch:
            return
        for sequence in sequences:
            if admission.forget(mailbox.state, sequence) is not None:
                del mailbox.queue[sequence]

    async def expired_seen(self, route: bytes, notice_id: int) -> None:
        """See `MailboxStore`."""
        mailbox = self._mailboxes.get(route)
        if mailbox is not None:
            mailbox.notices = [n for n in mailbox.notices if n.notice_id != notice_id]

    async def expired_notices(self, route: bytes) -> tuple[ExpiredNotice, ...]:
        """See `MailboxStore`."""
        mailbox = self._mailboxes.get(route)
        return mailbox.close_notice() if mailbox is not None else ()

    # Looking after

    async def sweep(self, now: float) -> SweepReport:
        """See `Lifecycle`."""
        envelopes = drops = 0
        routes: list[bytes] = []
        for route, mailbox in self._mailboxes.items():
            drops += admission.expire_drops(mailbox.state, now)
            expired = _expire(mailbox, now)
            envelopes += expired
            if expired:
                routes.append(route)
        prekeys = self._accounts.prune_prekeys(admission.day_of(now))
        return SweepReport(envelopes, drops, prekeys, tuple(routes))

    def deletion_lag(self, now: float) -> float:
        """See `Lifecycle`; deleted bytes are handed back to the allocator at once."""
        return 0.0

    def stats(self) -> StoreStats:
        """See `Lifecycle`."""
        states = [mailbox.state for mailbox in self._mailboxes.values()]
        return StoreStats(
            generation=self._generation,
            accounts=self._accounts.count(),
            queued_envelopes=sum(len(state.places) for state in states),
            queued_bytes=sum(state.envelope_bytes for state in states),
            committed_envelopes=self._committed,
            cached_mailboxes=len(states),
        )

    async def backup(self, target: Path) -> None:
        """Refuse: there is no file to restore from."""
        raise errors.BackupUnsupported("a memory store has nothing to back up: use SQLite")

    def _mailbox(self, route: bytes) -> _Mailbox:
        mailbox = self._mailboxes.get(route)
        if mailbox is None:
            raise errors.MailboxUnknown("no mailbox has this route")
        return mailbox

    def _enqueue(
        self, mailbox: _Mailbox, submission: Submission, sequence: int, now: float
    ) -> None:
        admission.admit(mailbox.state, submission, sequence, now)
        self._committed += 1
        mailbox.queue[sequence] = QueuedEnvelope(
            sequence,
            submission.envelope_id,
            submission.drop_hash[: admission.DROP_REF_BYTES],
            submission.not_after,
            submission.envelope,
        )

    def _close_down(self, route: bytes) -> None:
        del self._mailboxes[route]


def _expire(mailbox: _Mailbox, now: float) -> int:
    expired = [
        row for row in mailbox.queue.values() if row.not_after * admission.HOUR_SECONDS <= now
    ]
    for row in expired:
        del mailbox.queue[row.sequence]
        admission.forget(mailbox.state, row.sequence)
        mailbox.gathering[row.drop_ref] = mailbox.gathering.get(row.drop_ref, 0) + 1
    return len(expired)
