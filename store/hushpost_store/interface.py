"""The contract between a relay and its store (docs/spec/store.md, "Interface").

Atomic within one route, never across two. `now` is always seconds since the Unix epoch and is
the caller's clock; `day` is whole days since the epoch. A store raises only what `errors` names.
`conformance.run_conformance` decides whether an implementation keeps this contract.

A submission's life, told to its listener on the event loop, at once or later::

    submit ──► refused                      (nothing is kept)
         └───► admitted ──► committed       (durable, or acknowledged by its recipient)
                      └───► failed          (nothing is kept; the same bytes may come again)

A store must be opened before use and closed after it, by one event loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from hushpost_store.rows import (
    AccountRow,
    Admitted,
    DeviceListRow,
    DeviceRow,
    DropKind,
    ExpiredNotice,
    OneTimePrekey,
    OpenedMailbox,
    QueuedEnvelope,
    Refusal,
    ServiceMark,
    StandingRecord,
    StoreStats,
    Submission,
    SweepReport,
    TakenPrekeys,
)


class SubmissionListener(Protocol):
    """Learns what becomes of one submission.

    Exactly one of `refused` and `admitted` is called; after `admitted` exactly one of
    `committed` and `failed`. Calls may come from within `submit` or `acknowledge`; they MUST NOT
    raise and SHOULD only note and schedule.
    """

    def refused(self, reason: Refusal, retry_after: int) -> None:
        """Nothing is kept; `retry_after` seconds is a hint (0: none)."""
        ...

    def admitted(self, admitted: Admitted) -> None:
        """Learn its place: the envelope may be pushed, but not yet be called accepted."""
        ...

    def committed(self) -> None:
        """Learn that the envelope is durable, or that its recipient acknowledged it."""
        ...

    def failed(self) -> None:
        """Learn that the commit failed and nothing is kept: answer RETRY, never a refusal."""
        ...


class AccountStore(Protocol):
    """Accounts, their device lists and devices."""

    async def create_account(self, account: AccountRow) -> None:
        """Keep a new account and a mailbox for each of its devices.

        Durable on return. An account equal to the stored one is accepted again, so that a lost
        answer can be asked for twice. Raises AccountExists, RouteTaken.
        """
        ...

    async def load_account(self, account_id: bytes) -> AccountRow | None:
        """Return the account as it stands, or None where it is unknown or being deleted."""
        ...

    async def publish_device_list(
        self,
        account_id: bytes,
        *,
        expected_head: bytes,
        device_list: DeviceListRow,
        devices: tuple[DeviceRow, ...],
    ) -> None:
        """Put a device list in place of the one whose head is `expected_head`.

        Compare and swap, durable on return; publishing the list that is stored again is accepted.
        Devices that are no longer named lose mailbox, drops and prekeys; new ones get a mailbox.
        The caller has verified list and signature. Raises AccountUnknown, DeviceListConflict
        (nothing changed), RouteTaken.
        """
        ...

    async def device_lists(
        self, account_id: bytes, after_version: int
    ) -> tuple[DeviceListRow, ...]:
        """Return the stored lists of a later version, oldest first; the last 64 are kept."""
        ...

    async def delete_account(self, account_id: bytes) -> bool:
        """Remove the account with all that belongs to it; False where there was none.

        A sequence of idempotent steps: from the first, nothing of the account can be loaded or
        posted to; one that was broken off is finished when the store opens.
        """
        ...


class PrekeyStore(Protocol):
    """One-time prekeys, and the standing records beside them."""

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
        """Keep records and return how many one-time ones are left; durable on return.

        A prekey id that is stored, or was taken, is passed over: publishing a batch again never
        brings a taken record back. Raises DeviceUnknown, PrekeysFull (nothing of the call kept).
        """
        ...

    async def take_prekeys(
        self, account_id: bytes, day: int, *, one_time: bool = True
    ) -> TakenPrekeys | None:
        """Hand out one one-time record of each device (None where they ran out), for good.

        A taken record is deleted before this returns, and is never handed out again. Expired
        records are not handed out. Without `one_time` none is taken, and the rest of the bundle is
        handed out all the same. Returns None for an unknown account.
        """
        ...

    async def count_prekeys(self, account_id: bytes, device_id: bytes, day: int) -> int:
        """Return how many one-time records of the device are left. Raises DeviceUnknown."""
        ...


class DropStore(Protocol):
    """Who may post into a mailbox."""

    async def register_drop(
        self, route: bytes, drop_hash: bytes, kind: DropKind, now: float
    ) -> None:
        """Allow posting by a drop; durable on return, and registering again changes nothing.

        Raises MailboxUnknown, DropsFull, DropConflict (registered as another kind, or the first
        16 bytes belong to another drop of the mailbox).
        """
        ...

    async def revoke_drop(self, route: bytes, drop_hash: bytes) -> None:
        """Forbid posting by a drop from this call on; what it posted stays. Idempotent.

        Raises MailboxUnknown.
        """
        ...


class MailboxStore(Protocol):
    """The way of an envelope in and out."""

    def submit(self, submission: Submission, listener: SubmissionListener, now: float) -> None:
        """Decide about an envelope and, if admitted, commit it soon; never raises.

        Submissions to one route are decided and sequenced in the order of the calls. The caller
        has checked size, envelope id and rate. See `SubmissionListener`.
        """
        ...

    def under_pressure(self) -> bool:
        """Whether uncommitted bytes are above the high-water mark: stop reading from senders."""
        ...

    async def pressure_relieved(self) -> None:
        """Return once `under_pressure` is false."""
        ...

    async def open_mailbox(self, route: bytes, now: float) -> OpenedMailbox:
        """Begin a login epoch; the one before it ends with the call.

        Every envelope admitted with a sequence up to `backlog_end` is found by `read_backlog`;
        later ones are live. Envelopes may be admitted while this waits: the caller keeps those,
        drops what turns out to be in the backlog and pushes the rest after it. Call
        `close_mailbox` when the connection ends. Raises MailboxUnknown.
        """
        ...

    def close_mailbox(self, route: bytes, epoch: int) -> None:
        """End a login epoch; a stale one is ignored."""
        ...

    async def read_backlog(
        self, route: bytes, epoch: int, *, after_sequence: int, limit: int, now: float
    ) -> list[QueuedEnvelope]:
        """Return up to `limit` envelopes above `after_sequence`, in order, none of them expired.

        An empty list means that there are no more; a stale epoch reads nothing. What was admitted
        before the call is found (unless its commit failed or it was acknowledged).
        """
        ...

    def acknowledge(self, route: bytes, epoch: int, sequences: Sequence[int], now: float) -> None:
        """Delete what the recipient has kept; a stale epoch or unknown sequence is ignored.

        Not durable on return: what a crash undoes is delivered again. An envelope not yet
        committed is withdrawn, and its listener told `committed`.
        """
        ...

    async def expired_seen(self, route: bytes, notice_id: int) -> None:
        """Forget a notice that the owner has kept. Idempotent."""
        ...

    async def expired_notices(self, route: bytes) -> tuple[ExpiredNotice, ...]:
        """Return the notices that wait, oldest first, closing the one that gathers."""
        ...


class CommitHold(Protocol):
    """Holding commits back, for the quiet profile (docs/spec/store.md, "Holding commits")."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is held."""
        ...

    def begin(self) -> None:
        """Keep what is admitted, and what is deleted, in memory from now on, until `commit`.

        All the rest of the contract stands: what is held is found by `read_backlog`, joined by a
        repetition and withdrawn by its acknowledgement. The caller bounds what it submits.
        """
        ...

    async def decided(self) -> None:
        """Return when each submission made before the call was refused or admitted.

        Useful without holding too. It takes as long whether anything had to be loaded or not.
        """
        ...

    def cut(self) -> None:
        """Say that what is held by now is for the next `commit`, and what comes for a later one."""
        ...

    async def commit(self) -> None:
        """Commit what was cut; its listeners know the end when this returns.

        It takes one sync, whether anything was to be written or not. Raises StoreFault when that
        failed; each envelope has then been told its own end.
        """
        ...


@runtime_checkable
class Holding(Protocol):
    """A store that can hold commits back. Its hold is new each time it opens."""

    @property
    def commit_hold(self) -> CommitHold:
        """Return the switch."""
        ...


class LoginWatcher(Protocol):
    """Learns what other relays do to mailboxes whose owners are logged in here.

    Calls come on the event loop, MUST NOT raise, and may come late or again.
    """

    def mail_waits(self, route: bytes, sequence: int) -> None:
        """Learn that the backlog reaches up to `sequence`: read what was not delivered yet."""
        ...

    def ephemeral_came(
        self, route: bytes, envelope_id: bytes, drop_ref: bytes, not_after: int, envelope: bytes
    ) -> None:
        """Take an envelope that is never queued."""
        ...

    def login_moved(self, route: bytes, epoch: int) -> None:
        """Learn that this login has ended: its device is logged in elsewhere."""
        ...

    def login_lost(self, route: bytes, epoch: int) -> None:
        """Learn that this login has ended and none has followed: the device MUST come again."""
        ...


@runtime_checkable
class Shared(Protocol):
    """A store that several relays use at once.

    Sequences that are admitted here may have gaps that other relays fill: what is pushed live must
    follow on what was delivered, or be read from the backlog.
    """

    def watch(self, watcher: LoginWatcher) -> None:
        """Tell `watcher` from now on, within two seconds, of what other relays did."""
        ...

    async def service(self) -> ServiceMark | None:
        """Return as whom the relays of this store are known; None before the first one."""
        ...

    async def claim_service(
        self, mine: ServiceMark, *, instead_of: ServiceMark | None
    ) -> ServiceMark:
        """Put `mine` in place of `instead_of` (None: of nothing); return what stands afterwards.

        Compare and swap, durable on return. Clients alarm at a relay whose key changes from one
        connection to the next, so a relay MUST NOT serve beside a mark that is not its own.
        """
        ...

    async def reach(self) -> None:
        """Ask every server behind the store whether it is there; bounded in time.

        Raises StoreFault, whose text names the server and holds no password.
        """
        ...


@runtime_checkable
class Lifecycle(Protocol):
    """Opening, closing and looking after a store."""

    async def open(self) -> None:
        """Make ready, migrating and finishing what a crash broke off.

        Raises StoreInUse, StoreNewer, StoreDamaged, StorageFull.
        """
        ...

    async def close(self) -> None:
        """Commit what was admitted, leave no deleted byte behind, release everything."""
        ...

    async def sweep(self, now: float) -> SweepReport:
        """Delete what has expired at `now`: envelopes (counted into notices), drops, prekeys."""
        ...

    def deletion_lag(self, now: float) -> float:
        """Seconds for which the oldest deleted bytes may have been readable; 0 if none are.

        Above 30 the store breaks its promise, and health must say so.
        """
        ...

    def stats(self) -> StoreStats:
        """Return figures for metrics and health, from memory."""
        ...

    async def backup(self, target: Path) -> None:
        """Write what a restored relay needs to a new file; no envelope and no one-time prekey.

        Raises BackupExists, StorageFull.
        """
        ...


class Store(AccountStore, PrekeyStore, DropStore, MailboxStore, Lifecycle, Protocol):
    """All of it: what a relay is given."""
