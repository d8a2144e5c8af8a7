"""Cases about drops, envelopes, logins and expiry."""

# ruff: noqa: D401 - the docstring of a case is the sentence of the contract that it checks

from __future__ import annotations

import asyncio

from hushpost_store import errors
from hushpost_store.admission import DAY_SECONDS
from hushpost_store.conformance.stage import (
    DAY,
    NOT_AFTER,
    NOW,
    QUOTAS,
    SETTLED_SECONDS_MAX,
    Recorder,
    backlog,
    check,
    digest,
    envelope,
    post,
    raises,
    route,
    with_drops,
)
from hushpost_store.interface import Store
from hushpost_store.rows import (
    NOTICES_MAX,
    Admitted,
    DropKind,
    ExpiredDrop,
    Refusal,
    TtlClass,
)


async def order_and_bytes(store: Store) -> None:
    """What was committed is read back whole and in the order of the submissions."""
    await with_drops(store, "alice", "carol")
    sent = [envelope("alice", 1), envelope("carol", 1, size=16384), envelope("alice", 2)]
    recorders = [Recorder() for _ in sent]
    for submission, recorder in zip(sent, recorders, strict=True):
        store.submit(submission, recorder, NOW)
    for recorder in recorders:
        await asyncio.wait_for(recorder.settled.wait(), SETTLED_SECONDS_MAX)
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
        await asyncio.wait_for(recorder.settled.wait(), SETTLED_SECONDS_MAX)
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
    await asyncio.wait_for(recorder.decided.wait(), SETTLED_SECONDS_MAX)
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


async def notices_bounded(store: Store) -> None:
    """An owner who never confirms has so many notices; later losses gather, and none is untold."""
    await with_drops(store, "alice")
    for number in range(NOTICES_MAX + 2):
        days = 2 * number
        now = NOW + days * DAY_SECONDS
        await post(store, envelope("alice", number, not_after=(DAY + days + 1) * 24), now)
        await store.sweep(now + 2 * DAY_SECONDS)
        await store.open_mailbox(route("bob"), now + 2 * DAY_SECONDS)
    before = await store.expired_notices(route("bob"))
    check(len(before) == NOTICES_MAX, "notices that wait are bounded")
    await store.expired_seen(route("bob"), before[0].notice_id)
    notices = await store.expired_notices(route("bob"))
    check(notices[:-1] == before[1:], "one confirmed leaves the others as they are")
    counts = [drop.envelopes for drop in notices[-1].drops]
    check((len(notices), counts) == (NOTICES_MAX, [2]), "what gathered follows")


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
