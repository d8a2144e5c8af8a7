"""A store in which every table holds rows of every kind, of several accounts."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from hushpost_store import (
    DropKind,
    OneTimePrekey,
    Quotas,
    SqliteStore,
    StandingRecord,
    Store,
    TtlClass,
)
from hushpost_store.admission import HOUR_SECONDS
from hushpost_store.conformance import DAY, NOW, account, device_list, digest, envelope, post, route

NAMES = ("alice", "bob", "carol")
HOUR = int(NOW // HOUR_SECONDS)


def markers(name: str) -> tuple[bytes, ...]:
    """Return what names a person, her devices, mailboxes, drops or mail in any row."""
    drops = (f"{name} contact", f"{name} once", f"{name} used", f"{name} knock")
    return (
        digest(name),
        *(digest(f"{name} device {n}")[:16] for n in range(2)),
        *(route(name, n) for n in range(2)),
        *(digest(drop)[:16] for drop in drops),
        *(digest(f"{name} head {version}") for version in (1, 2)),
        digest(f"{name} prekey 0")[:16],
        digest(f"{name} prekey 1")[:16],
    )


async def fill(store: Store) -> None:
    """Have each person use everything there is."""
    for name in NAMES:
        person = account(name, devices=2)
        await store.create_account(person)
        await store.publish_device_list(
            person.account_id,
            expected_head=person.device_list.head,
            device_list=device_list(name, 2),
            devices=person.devices,
        )
        for device in person.devices:
            await store.publish_prekeys(
                person.account_id,
                device.device_id,
                one_time=[
                    OneTimePrekey(
                        digest(f"{name} prekey {n}")[:16], DAY + 9, f"{name} {n}".encode()
                    )
                    for n in range(2)
                ],
                signed=StandingRecord(DAY + 9, b"signed " + name.encode()),
                seal=StandingRecord(DAY + 9, b"seal " + name.encode()),
                day=DAY,
            )
        await store.take_prekeys(person.account_id, DAY)
        await _fill_mailbox(store, name)


async def _fill_mailbox(store: Store, name: str) -> None:
    for drop, kind in (
        ("contact", DropKind.CONTACT),
        ("once", DropKind.ONCE),
        ("used", DropKind.ONCE),
        ("knock", DropKind.KNOCK),
    ):
        await store.register_drop(route(name), digest(f"{name} {drop}"), kind, NOW)
    for drop, size in (("contact", 4096), ("contact", 16384), ("used", 4096), ("knock", 4096)):
        await post(store, envelope(f"{name} {drop}", size, to=name, size=size))
    hour_long = envelope(f"{name} contact", 3, to=name, ttl_class=TtlClass.HOUR, not_after=HOUR + 1)
    await post(store, hour_long)


@asynccontextmanager
async def full_store(path: Path) -> AsyncGenerator[SqliteStore]:
    """Give such a store, open; one envelope of each person has expired."""
    store = SqliteStore(path, Quotas())
    await store.open()
    try:
        await fill(store)
        await store.sweep(NOW + 2 * HOUR_SECONDS)
        yield store
    finally:
        await store.close()
