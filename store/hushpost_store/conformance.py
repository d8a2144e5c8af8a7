"""What any store must do, as cases that need no test framework (docs/spec/store.md, "Conformance").

`run_conformance(factory)` runs every case on a fresh store and returns what came of each; a third
party calls it from wherever it tests. The factory makes an opened, empty store with the given
quotas; every case closes its own. A case that fails says which sentence of the contract it found
broken.
"""

# ruff: noqa: D401 - the docstring of a case is the sentence of the contract that it checks

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from hushpost_store import errors
from hushpost_store.admission import DAY_SECONDS
from hushpost_store.interface import Store
from hushpost_store.quotas import Quotas
from hushpost_store.rows import (
    AccountRow,
    Admitted,
    DeviceListRow,
    DeviceRow,
    DropKind,
    ExpiredDrop,
    OneTimePrekey,
    Refusal,
    StandingRecord,
    Submission,
    TtlClass,
)

Factory = Callable[[Quotas], Awaitable[Store]]
Case = Callable[[Store], Awaitable[None]]

DAY: Final = 20_000
NOW: Final = float(DAY * DAY_SECONDS + 3_600)
NOT_AFTER: Final = (DAY + 15) * 24
BUCKET: Final = 4096
QUOTAS: Final = Quotas(
    mailbox_envelopes_max=6,
    mailbox_bytes_max=6 * BUCKET,
    drop_envelopes_max=4,
    drop_bytes_max=4 * BUCKET,
    knocks_per_day=2,
    knock_bytes_max=8 * BUCKET,
    drops_max=4,
    prekeys_max=4,
    once_drop_days=3,
)
CASE_SECONDS_MAX: Final = 30.0
_SETTLED_SECONDS_MAX: Final = 10.0


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One case and, if it failed, why."""

    name: str
    problem: str | None

    @property
    def passed(self) -> bool:
        """Whether the store kept this part of the contract."""
        return self.problem is None


@dataclass(slots=True)
class Recorder:
    """A listener that remembers the order of what it was told."""

    told: list[str] = field(default_factory=list[str])
    place: Admitted | None = None
    reason: Refusal | None = None
    retry_after: int = 0
    settled: asyncio.Event = field(default_factory=asyncio.Event)

    def refused(self, reason: Refusal, retry_after: int) -> None:
        """See `SubmissionListener`."""
        self.told.append("refused")
        self.reason, self.retry_after = reason, retry_after
        self.settled.set()

    def admitted(self, admitted: Admitted) -> None:
        """See `SubmissionListener`."""
        self.told.append("admitted")
        self.place = admitted

    def committed(self) -> None:
        """See `SubmissionListener`."""
        self.told.append("committed")
        self.settled.set()

    def failed(self) -> None:
        """See `SubmissionListener`."""
        self.told.append("failed")
        self.settled.set()


async def run_conformance(factory: Factory) -> list[CaseResult]:
    """Run every case on a store of its own and return the results, failures included."""
    return [await run_case(name, case, factory) for name, case in CASES.items()]


async def run_case(name: str, case: Case, factory: Factory) -> CaseResult:
    """Run one case; whatever the store raises is a failure, never an exception here."""
    store = await factory(QUOTAS)
    try:
        await asyncio.wait_for(case(store), CASE_SECONDS_MAX)
    except Exception as error:  # noqa: BLE001 - a foreign store may raise anything: it is the result
        return CaseResult(name, f"{type(error).__name__}: {error}")
    finally:
        await store.close()
    return CaseResult(name, None)


def check(held: bool, sentence: str) -> None:
    """Fail a case with the sentence of the contract that does not hold."""
    if not held:
        raise AssertionError(sentence)


def digest(name: str) -> bytes:
    """Return 32 bytes that stand for `name`."""
    return hashlib.sha256(name.encode()).digest()


def account(name: str, devices: int = 1) -> AccountRow:
    """Return an account with so many devices."""
    rows = tuple(
        DeviceRow(digest(f"{name} device {n}")[:16], digest(f"{name} key {n}"), route(name, n))
        for n in range(devices)
    )
    return AccountRow(digest(name), b"genesis " + name.encode(), DAY, device_list(name, 1), rows)


def route(name: str, number: int = 0) -> bytes:
    """Return the route of an account's device."""
    return digest(f"{name} route {number}")[:16]


def device_list(name: str, version: int) -> DeviceListRow:
    """Return one version of an account's device list."""
    return DeviceListRow(version, digest(f"{name} head {version}"), f"{name} {version}".encode())


def envelope(
    drop: str,
    number: int,
    *,
    to: str = "bob",
    ttl_class: TtlClass = TtlClass.FORTNIGHT,
    not_after: int = NOT_AFTER,
    size: int = BUCKET,
) -> Submission:
    """Return an envelope whose bytes depend on drop and number."""
    body = hashlib.shake_256(f"{drop} {number}".encode()).digest(size)
    return Submission(
        route(to), digest(drop), hashlib.sha256(body).digest()[:16], ttl_class, not_after, body
    )


async def post(store: Store, submission: Submission, now: float = NOW) -> Recorder:
    """Submit one envelope and wait until its listener knows the end."""
    recorder = Recorder()
    store.submit(submission, recorder, now)
    await asyncio.wait_for(recorder.settled.wait(), _SETTLED_SECONDS_MAX)
    return recorder


async def with_drops(store: Store, *drops: str, kind: DropKind = DropKind.CONTACT) -> None:
    """Make bob's account with these drops."""
    await store.create_account(account("bob"))
    for drop in drops:
        await store.register_drop(route("bob"), digest(drop), kind, NOW)


async def backlog(store: Store, now: float = NOW) -> list[Submission]:
    """Log in as bob and return what waits, as (id, envelope) through a new epoch."""
    opened = await store.open_mailbox(route("bob"), now)
    rows = await store.read_backlog(
        route("bob"), opened.epoch, after_sequence=0, limit=100, now=now
    )
    store.close_mailbox(route("bob"), opened.epoch)
    return [
        Submission(route("bob"), row.drop_ref, row.envelope_id, 0, row.not_after, row.envelope)
        for row in rows
    ]


async def raises(awaitable: Awaitable[object], kind: type[Exception], sentence: str) -> None:
    """Fail unless the awaitable raises this error."""
    try:
        await awaitable
    except kind:
        return
    raise AssertionError(sentence)


async def order_and_bytes(store: Store) -> None:
    """What was committed is read back whole and in the order of the submissions."""
    await with_drops(store, "alice", "carol")
    sent = [envelope("alice", 1), envelope("carol", 1, size=16384), envelope("alice", 2)]
    recorders = [Recorder() for _ in sent]
    for submission, recorder in zip(sent, recorders, strict=True):
        store.submit(submission, recorder, NOW)
    for recorder in recorders:
        await asyncio.wait_for(recorder.settled.wait(), _SETTLED_SECONDS_MAX)
        check(recorder.told == ["admitted", "committed"], "admitted, then committed, each once")
    read = await backlog(store)
    check([r.envelope for r in read] == [s.envelope for s in sent], "read in order, byte for byte")
    check([r.drop_hash for r in read] == [s.drop_hash[:16] for s in sent], "with their drop's name")
    sequences = [r.place.sequence for r in recorders if r.place is not None]
    check(sequences == sorted(set(sequences)), "sequences rise within a route")


async def unknown_drops(store: Store) -> None:
    """Unknown mailbox, unknown drop and revoked drop are refused alike."""
    await with_drops(store, "alice")
    await post(store, envelope("alice", 1))
    await store.revoke_drop(route("bob"), digest("alice"))
    await store.revoke_drop(route("bob"), digest("alice"))
    for submission in (
        envelope("alice", 2),
        envelope("nobody", 1),
        envelope("alice", 3, to="nowhere"),
        envelope("alice", 4, ttl_class=TtlClass.EPHEMERAL),
    ):
        told = await post(store, submission)
        check(told.told == ["refused"], "refused and nothing else")
        check((told.reason, told.retry_after) == (Refusal.NO_DROP, 0), "NO_DROP without a hint")
    check(len(await backlog(store)) == 1, "what a revoked drop had posted stays")


async def lifetimes(store: Store) -> None:
    """A lifetime that is past, too fine or of no class is refused before the drop is looked at."""
    await with_drops(store, "alice")
    hour = DAY * 24 + 1
    for submission in (
        envelope("nobody", 1, not_after=DAY * 24),
        envelope("alice", 1, not_after=hour, ttl_class=TtlClass.HOUR),
        envelope("alice", 2, not_after=NOT_AFTER + 1),
        envelope("alice", 3)._replace(ttl_class=9),
    ):
        told = await post(store, submission)
        check(told.reason is Refusal.BAD_TTL, "a bad lifetime is refused as such")
    told = await post(store, envelope("alice", 4, not_after=hour + 1, ttl_class=TtlClass.HOUR))
    check(told.told == ["admitted", "committed"], "an hour-class envelope may end at any hour")


async def duplicates(store: Store) -> None:
    """A queued envelope that comes again joins the first; both are accepted, one is kept."""
    await with_drops(store, "alice")
    first, second = Recorder(), Recorder()
    store.submit(envelope("alice", 1), first, NOW)
    store.submit(envelope("alice", 1), second, NOW)
    for recorder in (first, second):
        await asyncio.wait_for(recorder.settled.wait(), _SETTLED_SECONDS_MAX)
        check(recorder.told == ["admitted", "committed"], "both are told admitted and committed")
    third = await post(store, envelope("alice", 1))
    check(third.place is not None and third.place.duplicate, "a repetition is called one")
    check(first.place is not None and not first.place.duplicate, "the first is not")
    check(len(await backlog(store)) == 1, "one is kept")


async def full_mailboxes(store: Store) -> None:
    """Quotas by drop and mailbox refuse with a hint, and never trim what was accepted."""
    await with_drops(store, "alice", "carol")
    for number in range(4):
        await post(store, envelope("alice", number))
    told = await post(store, envelope("alice", 9))
    check(told.reason is Refusal.FULL and told.retry_after > 0, "a full drop hints when to return")
    for number in range(2):
        check((await post(store, envelope("carol", number))).reason is None, "others still post")
    check((await post(store, envelope("carol", 2))).reason is Refusal.FULL, "a mailbox is bounded")
    check((await post(store, envelope("nobody", 1))).reason is Refusal.NO_DROP, "only who may post")
    again = await post(store, envelope("alice", 0))
    check(again.told == ["admitted", "committed"], "a repetition is accepted even when full")
    check(len(await backlog(store)) == 6, "nothing accepted is trimmed")


async def knocks(store: Store) -> None:
    """The knock quota is refilled by the day, not by draining, and leaves contacts alone."""
    await with_drops(store, "door", kind=DropKind.KNOCK)
    await store.register_drop(route("bob"), digest("alice"), DropKind.CONTACT, NOW)
    opened = await store.open_mailbox(route("bob"), NOW)
    for number in range(2):
        told = await post(store, envelope("door", number))
        check(told.place is not None, "a knock within the quota is admitted")
        if told.place is not None:
            store.acknowledge(route("bob"), opened.epoch, [told.place.sequence], NOW)
    told = await post(store, envelope("door", 3))
    check(told.reason is Refusal.FULL, "draining does not refill")
    check(0 < told.retry_after <= DAY_SECONDS, "the hint is the next day")
    check(
        (await post(store, envelope("alice", 1))).reason is None, "contacts are not bounded by it"
    )
    told = await post(store, envelope("door", 4), NOW + DAY_SECONDS)
    check(told.reason is None, "the next day refills")


async def once_drops(store: Store) -> None:
    """A one-use drop takes one envelope, accepts its repetition, refuses another, and ends."""
    await with_drops(store, "invite", "late", kind=DropKind.ONCE)
    first = await post(store, envelope("invite", 1))
    check(first.told == ["admitted", "committed"], "the first envelope is taken")
    opened = await store.open_mailbox(route("bob"), NOW)
    sequence = first.place.sequence if first.place is not None else 0
    for _ in range(2):
        again = await post(store, envelope("invite", 1))
        check(again.told == ["admitted", "committed"], "its repetition is accepted")
        check(again.place is not None and again.place.duplicate, "as a repetition")
        store.acknowledge(route("bob"), opened.epoch, [sequence], NOW)
    check((await post(store, envelope("invite", 2))).reason is Refusal.NO_DROP, "another is not")
    late = NOW + (QUOTAS.once_drop_days + 2) * DAY_SECONDS
    check((await post(store, envelope("late", 1), late)).reason is Refusal.NO_DROP, "its life ends")
    check((await store.sweep(late)).drops >= 1, "and sweeping removes it")
    check(await backlog(store) == [], "what was acknowledged is gone")


async def ephemeral(store: Store) -> None:
    """An ephemeral envelope is accepted through a contact's drop and never queued."""
    await with_drops(store, "alice")
    told = await post(store, envelope("alice", 1, ttl_class=TtlClass.EPHEMERAL, not_after=0))
    check(told.told == ["admitted", "committed"], "it is accepted")
    check(told.place == Admitted(0, duplicate=False), "it has no place")
    check(await backlog(store) == [], "it is not queued")


async def acknowledgements(store: Store) -> None:
    """Acknowledging deletes once, only by the present login, and frees quota."""
    await with_drops(store, "alice")
    placed = [await post(store, envelope("alice", number)) for number in range(4)]
    sequences = [r.place.sequence for r in placed if r.place is not None]
    stale = await store.open_mailbox(route("bob"), NOW)
    opened = await store.open_mailbox(route("bob"), NOW)
    check((opened.backlog_end, opened.queued) == (sequences[-1], 4), "the login names its backlog")
    store.acknowledge(route("bob"), stale.epoch, sequences, NOW)
    stale_rows = await store.read_backlog(
        route("bob"), stale.epoch, after_sequence=0, limit=9, now=NOW
    )
    check(stale_rows == [], "a stale epoch reads nothing")
    store.close_mailbox(route("bob"), stale.epoch)
    store.acknowledge(route("bob"), opened.epoch, [sequences[0], sequences[2], 99], NOW)
    store.acknowledge(route("bob"), opened.epoch, [sequences[0]], NOW)
    rows = await store.read_backlog(route("bob"), opened.epoch, after_sequence=0, limit=9, now=NOW)
    check([r.sequence for r in rows] == [sequences[1], sequences[3]], "the acknowledged are gone")
    page = await store.read_backlog(
        route("bob"), opened.epoch, after_sequence=sequences[1], limit=1, now=NOW
    )
    check([r.sequence for r in page] == [sequences[3]], "pages go on after a sequence")
    check(store.stats().queued_envelopes == 2, "figures follow")
    check((await post(store, envelope("alice", 7))).reason is None, "quota is free again")


async def withdrawal(store: Store) -> None:
    """What is acknowledged before its commit is told committed, and does not come back."""
    await with_drops(store, "alice")
    await post(store, envelope("alice", 0))
    opened = await store.open_mailbox(route("bob"), NOW)
    recorder = Recorder()
    store.submit(envelope("alice", 1), recorder, NOW)
    check(recorder.place is not None, "a loaded mailbox decides at once")
    place = recorder.place
    if place is not None:
        store.acknowledge(route("bob"), opened.epoch, [place.sequence], NOW)
    check(recorder.told == ["admitted", "committed"], "acknowledged counts as accepted")
    rows = await store.read_backlog(route("bob"), opened.epoch, after_sequence=0, limit=9, now=NOW)
    check([r.envelope_id for r in rows] == [envelope("alice", 0).envelope_id], "it stays away")


async def expiry(store: Store) -> None:
    """What expired is never read, is swept, and is told to its owner until it was seen."""
    await with_drops(store, "alice", "carol")
    soon = (DAY + 1) * 24
    for number in range(2):
        await post(store, envelope("alice", number, not_after=soon))
    await post(store, envelope("carol", 1))
    later = NOW + 2 * DAY_SECONDS
    check(len(await backlog(store, later)) == 1, "expired envelopes are not read")
    report = await store.sweep(later)
    check(report.envelopes == 2 and report.routes == (route("bob"),), "sweeping counts them")
    expected = (ExpiredDrop(digest("alice")[:16], 2),)
    first = await store.open_mailbox(route("bob"), later)
    opened = await store.open_mailbox(route("bob"), later)
    check([n.drops for n in opened.expired] == [expected], "told at each login")
    check(opened.expired == first.expired, "under one name until seen")
    await store.expired_seen(route("bob"), opened.expired[0].notice_id)
    check(await store.expired_notices(route("bob")) == (), "seen notices are forgotten")
    check((await store.sweep(later)).envelopes == 0, "nothing is swept twice")


async def accounts(store: Store) -> None:
    """An account is loaded as created, once, and its routes are its own."""
    bob = account("bob", devices=2)
    await store.create_account(bob)
    await store.create_account(bob)
    check(await store.load_account(bob.account_id) == bob, "loaded as created")
    check(await store.load_account(digest("nobody")) is None, "unknown is None")
    other = AccountRow(bob.account_id, b"other", DAY, bob.device_list, bob.devices)
    await raises(store.create_account(other), errors.AccountExists, "another one is refused")
    mallory = account("mallory")
    thief = AccountRow(
        mallory.account_id,
        b"g",
        DAY,
        mallory.device_list,
        (DeviceRow(b"m" * 16, b"k" * 32, route("bob")),),
    )
    await raises(store.create_account(thief), errors.RouteTaken, "a route is taken once")
    check(await store.load_account(mallory.account_id) is None, "and nothing of it is kept")
    check(store.stats().accounts == 1, "figures follow")


async def device_lists(store: Store) -> None:
    """Device lists are swapped only against the present head; the last 64 are kept."""
    bob = account("bob", devices=2)
    await store.create_account(bob)
    await store.register_drop(route("bob", 1), digest("alice"), DropKind.CONTACT, NOW)
    for version in range(2, 71):
        await store.publish_device_list(
            bob.account_id,
            expected_head=digest(f"bob head {version - 1}"),
            device_list=device_list("bob", version),
            devices=bob.devices[:1],
        )
    forked = store.publish_device_list(
        bob.account_id,
        expected_head=digest("bob head 1"),
        device_list=device_list("fork", 71),
        devices=bob.devices,
    )
    await raises(forked, errors.DeviceListConflict, "an old head is refused")
    kept = await store.device_lists(bob.account_id, 0)
    check([row.version for row in kept] == list(range(7, 71)), "the last 64 are kept, in order")
    check(len(await store.device_lists(bob.account_id, 69)) == 1, "only later ones are returned")
    gone = await post(store, envelope("alice", 1)._replace(route=route("bob", 1)))
    check(gone.reason is Refusal.NO_DROP, "a device that is gone loses its mailbox")
    loaded = await store.load_account(bob.account_id)
    check(loaded is not None and loaded.devices == bob.devices[:1], "the newest devices stand")


async def deletion(store: Store) -> None:
    """A deleted account leaves nothing, can be deleted again, and can come anew."""
    await with_drops(store, "alice")
    await post(store, envelope("alice", 1))
    await store.publish_prekeys(
        digest("bob"), account("bob").devices[0].device_id, one_time=_prekeys(1), day=DAY
    )
    check(await store.delete_account(digest("bob")), "deleted")
    check(not await store.delete_account(digest("bob")), "nothing is left to delete")
    check(await store.load_account(digest("bob")) is None, "not loaded")
    check((await post(store, envelope("alice", 2))).reason is Refusal.NO_DROP, "not posted to")
    check(await store.take_prekeys(digest("bob"), DAY) is None, "no prekeys")
    await raises(store.open_mailbox(route("bob"), NOW), errors.MailboxUnknown, "no mailbox")
    stats = store.stats()
    check((stats.accounts, stats.queued_envelopes) == (0, 0), "figures follow")
    await with_drops(store, "alice")
    check(await backlog(store) == [], "a new account begins empty")


async def prekeys(store: Store) -> None:
    """One-time prekeys go out once, also under contention and when published again."""
    bob = account("bob")
    device_id = bob.devices[0].device_id
    await store.create_account(bob)
    left = await store.publish_prekeys(
        bob.account_id,
        device_id,
        one_time=_prekeys(3),
        signed=StandingRecord(DAY + 9, b"signed"),
        seal=StandingRecord(DAY + 9, b"seal"),
        day=DAY,
    )
    check(left == 3, "publishing returns the count")
    taken = await asyncio.gather(*(store.take_prekeys(bob.account_id, DAY) for _ in range(5)))
    bundles = [bundle for one in taken if one is not None for bundle in one.bundles]
    records = sorted(b.one_time for b in bundles if b.one_time is not None)
    check(records == [b"record 0", b"record 1", b"record 2"], "each record goes out exactly once")
    check(all((b.signed, b.seal) == (b"signed", b"seal") for b in bundles), "standing ones always")
    left = await store.publish_prekeys(bob.account_id, device_id, one_time=_prekeys(3), day=DAY)
    check(left == 0, "publishing again does not bring taken records back")
    full = store.publish_prekeys(bob.account_id, device_id, one_time=_prekeys(9), day=DAY)
    await raises(full, errors.PrekeysFull, "prekeys are bounded")
    check(await store.count_prekeys(bob.account_id, device_id, DAY) == 0, "none of them is kept")
    unknown = store.publish_prekeys(bob.account_id, b"?" * 16, one_time=(), day=DAY)
    await raises(unknown, errors.DeviceUnknown, "only for devices of the account")


async def prekey_expiry(store: Store) -> None:
    """Prekeys past their day are neither counted nor handed out, and are swept."""
    bob = account("bob")
    device_id = bob.devices[0].device_id
    await store.create_account(bob)
    await store.publish_prekeys(
        bob.account_id,
        device_id,
        one_time=_prekeys(2),
        signed=StandingRecord(DAY, b"signed"),
        day=DAY,
    )
    later = DAY + 31
    check(await store.count_prekeys(bob.account_id, device_id, later) == 0, "not counted")
    taken = await store.take_prekeys(bob.account_id, later)
    bundle = taken.bundles[0] if taken is not None else None
    check(bundle is not None and (bundle.one_time, bundle.signed) == (None, None), "not handed out")
    check((await store.sweep(float(later * DAY_SECONDS))).prekeys == 3, "swept")


async def drops_bounded(store: Store) -> None:
    """Registering a drop again changes nothing; drops are bounded and keep their kind."""
    await with_drops(store, "a", "b", "c", "d")
    mailbox = route("bob")
    await store.register_drop(mailbox, digest("a"), DropKind.CONTACT, NOW)
    await raises(
        store.register_drop(mailbox, digest("e"), DropKind.CONTACT, NOW),
        errors.DropsFull,
        "drops are bounded",
    )
    await raises(
        store.register_drop(mailbox, digest("a"), DropKind.ONCE, NOW),
        errors.DropConflict,
        "a drop keeps its kind",
    )
    await raises(
        store.register_drop(b"?" * 16, digest("a"), DropKind.CONTACT, NOW),
        errors.MailboxUnknown,
        "only for a mailbox",
    )
    await store.revoke_drop(mailbox, digest("b"))
    await store.register_drop(mailbox, digest("e"), DropKind.CONTACT, NOW)
    check((await post(store, envelope("e", 1))).reason is None, "revoking frees a place")


def _prekeys(count: int) -> list[OneTimePrekey]:
    return [
        OneTimePrekey(digest(f"prekey {n}")[:16], DAY + 30, f"record {n}".encode())
        for n in range(count)
    ]


CASES: Final[dict[str, Case]] = {
    case.__name__: case
    for case in (
        order_and_bytes,
        unknown_drops,
        lifetimes,
        duplicates,
        full_mailboxes,
        knocks,
        once_drops,
        ephemeral,
        acknowledgements,
        withdrawal,
        expiry,
        accounts,
        device_lists,
        deletion,
        prekeys,
        prekey_expiry,
        drops_bounded,
    )
}
