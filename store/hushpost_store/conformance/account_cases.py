"""Cases about accounts, device lists and prekeys."""

# ruff: noqa: D401 - the docstring of a case is the sentence of the contract that it checks

from __future__ import annotations

import asyncio

from hushpost_store import errors
from hushpost_store.admission import DAY_SECONDS
from hushpost_store.conformance.stage import (
    DAY,
    NOW,
    account,
    backlog,
    check,
    device_list,
    digest,
    envelope,
    post,
    raises,
    route,
    with_drops,
)
from hushpost_store.interface import Store
from hushpost_store.rows import (
    AccountRow,
    DeviceRow,
    DropKind,
    OneTimePrekey,
    Refusal,
    StandingRecord,
)


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


async def two_errors(store: Store) -> None:
    """Where a route is taken and something else is wrong as well, the other thing is told."""
    bob, alice = account("bob"), account("alice")
    await store.create_account(bob)
    await store.create_account(alice)
    other = AccountRow(bob.account_id, b"other", DAY, bob.device_list, alice.devices)
    await raises(store.create_account(other), errors.AccountExists, "the account, not the route")
    for account_id, error in (
        (bob.account_id, errors.DeviceListConflict),
        (digest("nobody"), errors.AccountUnknown),
    ):
        stale = store.publish_device_list(
            account_id,
            expected_head=digest("an old head"),
            device_list=device_list("bob", 2),
            devices=alice.devices,
        )
        await raises(stale, error, "the account or its head, not the route")
    check(await store.load_account(bob.account_id) == bob, "nothing was changed")


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
    spared = await store.take_prekeys(bob.account_id, DAY, one_time=False)
    bundle = spared.bundles[0] if spared is not None else None
    check(bundle is not None and bundle.one_time is None, "no record where none may be taken")
    check(bundle is not None and (bundle.signed, bundle.left) == (b"signed", 3), "and all are left")
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
    fresh = [OneTimePrekey(digest(f"later {n}")[:16], later + 9, b"later") for n in range(4)]
    left = await store.publish_prekeys(bob.account_id, device_id, one_time=fresh, day=later)
    check(left == 4, "they take no place of a fresh one")
    check((await store.sweep(float(later * DAY_SECONDS))).prekeys == 3, "swept")
    left = await store.count_prekeys(bob.account_id, device_id, later)
    check(left == 4, "and those alone")


def _prekeys(count: int) -> list[OneTimePrekey]:
    return [
        OneTimePrekey(digest(f"prekey {n}")[:16], DAY + 30, f"record {n}".encode())
        for n in range(count)
    ]
