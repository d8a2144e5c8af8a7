"""What a store must do, in plain dictionaries (docs/spec/store.md, "Interface" to "Sweep").

Written from the specification and slow on purpose: lists are searched, sums are summed anew, and
nothing is cached, so that it has no bug in common with the stores that are held against it. It
knows nothing of sequences, commits and files; the machine that drives it does.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hushpost_store.quotas import Quotas
from hushpost_store.rows import (
    AccountRow,
    DeviceListRow,
    DeviceRow,
    DropKind,
    OneTimePrekey,
    Refusal,
    StandingRecord,
    Submission,
    TtlClass,
)

HOUR = 3_600
DAY = 86_400
REFERENCE = 16


@dataclass(eq=False)
class Queued:
    """An envelope that waits; `order` counts admissions over the whole run."""

    order: int
    submission: Submission
    kind: DropKind
    ends_before: int | None = None
    sequence: int = 0
    durable: bool = False

    @property
    def drop_ref(self) -> bytes:
        """By what the owner knows the drop."""
        return self.submission.drop_hash[:REFERENCE]

    def ended(self, now: float) -> bool:
        """Whether its lifetime is over."""
        return self.submission.not_after * HOUR <= now


@dataclass(frozen=True)
class Verdict:
    """What a submission must be told: a refusal, or a place (None: nothing is queued for it)."""

    refusal: Refusal | None = None
    hint: str = "none"
    queued: Queued | None = None
    duplicate: bool = False


@dataclass
class Drop:
    """What a drop allows, and until when (hours since the epoch)."""

    kind: DropKind
    ends: int | None = None
    used_by: bytes | None = None


@dataclass
class Mailbox:
    """One route's state."""

    drops: dict[bytes, Drop] = field(default_factory=dict[bytes, Drop])
    queue: list[Queued] = field(default_factory=list[Queued])
    knocks: dict[int, int] = field(default_factory=dict[int, int])
    gathering: dict[bytes, int] = field(default_factory=dict[bytes, int])
    notices: list[dict[bytes, int]] = field(default_factory=list[dict[bytes, int]])

    def total(self, *refs: bytes) -> tuple[int, int]:
        """Count envelopes and bytes, of all or of these drops."""
        sizes = [
            len(queued.submission.envelope)
            for queued in self.queue
            if not refs or queued.drop_ref in refs
        ]
        return len(sizes), sum(sizes)

    def close_notice(self) -> list[dict[bytes, int]]:
        """End the notice that gathers, and give all that wait."""
        if self.gathering:
            self.notices.append(self.gathering)
            self.gathering = {}
        return self.notices


@dataclass
class Shelf:
    """One device's prekeys; `taken` are ids that were handed out, with their expiry days."""

    one_time: dict[bytes, OneTimePrekey] = field(default_factory=dict[bytes, OneTimePrekey])
    taken: dict[bytes, int] = field(default_factory=dict[bytes, int])
    signed: StandingRecord | None = None
    seal: StandingRecord | None = None

    def valid(self, day: int) -> dict[bytes, OneTimePrekey]:
        """Give what may be handed out on a day."""
        return {key: prekey for key, prekey in self.one_time.items() if prekey.expiry_day >= day}


@dataclass
class Account:
    """An account, its lists and its devices' prekeys."""

    row: AccountRow
    lists: list[DeviceListRow]
    shelves: dict[bytes, Shelf]


class StoreModel:
    """All of it."""

    def __init__(self, quotas: Quotas) -> None:
        self.quotas = quotas
        self.accounts: dict[bytes, Account] = {}
        self.mailboxes: dict[bytes, Mailbox] = {}
        self.orders = 0

    # -- accounts

    def create(self, row: AccountRow) -> str:
        """Create an account; gives the name of the error that must be raised, or ''."""
        known = self.accounts.get(row.account_id)
        if known is not None:
            return "" if known.row == row else "AccountExists"
        routes = [device.route for device in row.devices]
        if len(set(routes)) != len(routes) or any(route in self.mailboxes for route in routes):
            return "RouteTaken"
        shelves = {device.device_id: Shelf() for device in row.devices}
        self.accounts[row.account_id] = Account(row, [row.device_list], shelves)
        for route in routes:
            self.mailboxes[route] = Mailbox()
        return ""

    def row_of(self, account_id: bytes) -> AccountRow | None:
        """Find an account's row."""
        account = self.accounts.get(account_id)
        return None if account is None else account.row

    def publish_list(
        self, account_id: bytes, expected: bytes, new: DeviceListRow, devices: tuple[DeviceRow, ...]
    ) -> str:
        """Swap a device list; gives the error's name or ''."""
        account = self.accounts.get(account_id)
        if account is None:
            return "AccountUnknown"
        row = account.row
        if row.device_list == new and row.devices == devices:
            return ""
        if row.device_list.head != expected:
            return "DeviceListConflict"
        before, after = ({d.route for d in rows} for rows in (row.devices, devices))
        if any(route in self.mailboxes for route in after - before):
            return "RouteTaken"
        for route in before - after:
            del self.mailboxes[route]
        for route in after - before:
            self.mailboxes[route] = Mailbox()
        account.row = AccountRow(account_id, row.genesis, row.created_day, new, devices)
        account.lists = [*account.lists, new][-64:]
        account.shelves = {
            device.device_id: account.shelves.get(device.device_id, Shelf()) for device in devices
        }
        return ""

    def delete(self, account_id: bytes) -> bool:
        """Delete an account."""
        account = self.accounts.pop(account_id, None)
        for device in account.row.devices if account is not None else ():
            del self.mailboxes[device.route]
        return account is not None

    def shelf(self, account_id: bytes, device_id: bytes) -> Shelf | None:
        """Find a device's prekeys."""
        account = self.accounts.get(account_id)
        return None if account is None else account.shelves.get(device_id)

    def publish_prekeys(self, shelf: Shelf, prekeys: list[OneTimePrekey], day: int) -> bool:
        """Keep one-time prekeys; False where they are too many."""
        fresh = {
            prekey.prekey_id: prekey
            for prekey in prekeys
            if prekey.prekey_id not in shelf.one_time and prekey.prekey_id not in shelf.taken
        }
        added = [prekey for prekey in fresh.values() if prekey.expiry_day >= day]
        if fresh and len(shelf.valid(day)) + len(added) > self.quotas.prekeys_max:
            return False
        shelf.one_time.update(fresh)
        return True

    # -- drops

    def register(self, route: bytes, drop_hash: bytes, kind: DropKind, now: float) -> str:
        """Register a drop; gives the error's name or ''."""
        mailbox = self.mailboxes.get(route)
        if mailbox is None:
            return "MailboxUnknown"
        known = mailbox.drops.get(drop_hash)
        if known is not None:
            return "" if known.kind == kind else "DropConflict"
        if any(other[:REFERENCE] == drop_hash[:REFERENCE] for other in mailbox.drops):
            return "DropConflict"
        if len(mailbox.drops) >= self.quotas.drops_max:
            return "DropsFull"
        last_day = int(now // DAY) + self.quotas.once_drop_days
        ends = (last_day + 1) * 24 if kind == DropKind.ONCE else None
        mailbox.drops[drop_hash] = Drop(kind, ends)
        return ""

    # -- envelopes

    def submit(self, submission: Submission, now: float) -> Verdict:
        """Judge and keep an envelope."""
        if not _lifetime_holds(submission, now):
            return Verdict(Refusal.BAD_TTL)
        mailbox = self.mailboxes.get(submission.route)
        drop = mailbox.drops.get(submission.drop_hash) if mailbox is not None else None
        if mailbox is None or drop is None:
            return Verdict(Refusal.NO_DROP)
        if submission.ttl_class == TtlClass.EPHEMERAL:
            contact = drop.kind == DropKind.CONTACT
            return Verdict() if contact else Verdict(Refusal.NO_DROP)
        return self._submit_queued(mailbox, drop, submission, now)

    def _submit_queued(
        self, mailbox: Mailbox, drop: Drop, submission: Submission, now: float
    ) -> Verdict:
        same = [q for q in mailbox.queue if q.submission.envelope_id == submission.envelope_id]
        if drop.ends is not None:
            other = drop.used_by not in (None, submission.envelope_id)
            if drop.ends * HOUR <= now or other:
                return Verdict(Refusal.NO_DROP)
        if same or drop.used_by == submission.envelope_id:
            return Verdict(queued=same[0] if same else None, duplicate=True)
        hint = self._full(mailbox, drop, submission, now)
        if hint:
            return Verdict(Refusal.FULL, hint)
        self.orders += 1
        queued = Queued(self.orders, submission, drop.kind, drop.ends)
        mailbox.queue.append(queued)
        if drop.kind == DropKind.ONCE:
            drop.used_by, drop.ends = submission.envelope_id, submission.not_after
        if drop.kind == DropKind.KNOCK:
            today = int(now // DAY)
            mailbox.knocks[today] = mailbox.knocks.get(today, 0) + 1
        return Verdict(queued=queued)

    def _full(self, mailbox: Mailbox, drop: Drop, submission: Submission, now: float) -> str:
        quotas, size = self.quotas, len(submission.envelope)
        envelopes, through = mailbox.total(submission.drop_hash[:REFERENCE])
        if drop.kind == DropKind.KNOCK:
            if mailbox.knocks.get(int(now // DAY), 0) >= quotas.knocks_per_day:
                return "tomorrow"
            return "later" if through + size > quotas.knock_bytes_max else ""
        all_envelopes, all_bytes = mailbox.total()
        full = (
            all_envelopes >= quotas.mailbox_envelopes_max
            or all_bytes + size > quotas.mailbox_bytes_max
            or envelopes >= quotas.drop_envelopes_max
            or through + size > quotas.drop_bytes_max
        )
        return "later" if full else ""

    def undo(self, queued: Queued) -> None:
        """Take back what could not be committed; a knock stays counted."""
        mailbox = self.mailboxes[queued.submission.route]
        mailbox.queue.remove(queued)
        drop = mailbox.drops.get(queued.submission.drop_hash)
        if drop is not None and drop.used_by == queued.submission.envelope_id:
            drop.used_by, drop.ends = None, queued.ends_before

    def sweep(self, now: float) -> tuple[int, int, int, set[bytes]]:
        """Remove what expired: how many envelopes, drops and prekeys, and of which routes."""
        envelopes = drops = prekeys = 0
        routes: set[bytes] = set()
        for route, mailbox in self.mailboxes.items():
            ended = [
                key
                for key, drop in mailbox.drops.items()
                if drop.ends is not None and drop.ends * HOUR <= now
            ]
            for key in ended:
                del mailbox.drops[key]
            drops += len(ended)
            expired = [queued for queued in mailbox.queue if queued.ended(now)]
            for queued in expired:
                mailbox.queue.remove(queued)
                counted = mailbox.gathering.get(queued.drop_ref, 0)
                mailbox.gathering[queued.drop_ref] = counted + 1
                routes.add(route)
            envelopes += len(expired)
        for account in self.accounts.values():
            prekeys += sum(_prune(shelf, int(now // DAY)) for shelf in account.shelves.values())
        return envelopes, drops, prekeys, routes


def _lifetime_holds(submission: Submission, now: float) -> bool:
    if submission.ttl_class == TtlClass.EPHEMERAL:
        return True
    if submission.ttl_class not in set(TtlClass):
        return False
    whole = submission.not_after % 24 == 0 or submission.ttl_class == TtlClass.HOUR
    return whole and submission.not_after * HOUR > now


def _prune(shelf: Shelf, day: int) -> int:
    gone = [key for key, prekey in shelf.one_time.items() if prekey.expiry_day < day]
    for key in gone:
        del shelf.one_time[key]
    shelf.taken = {key: expiry for key, expiry in shelf.taken.items() if expiry >= day}
    count = len(gone)
    if shelf.signed is not None and shelf.signed.expiry_day < day:
        shelf.signed, count = None, count + 1
    if shelf.seal is not None and shelf.seal.expiry_day < day:
        shelf.seal, count = None, count + 1
    return count
