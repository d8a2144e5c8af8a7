"""A SQLite store full of everything, by chance from a seed: what a migration has to carry."""

from pathlib import Path
from random import Random

from hushpost_store import DropKind, OneTimePrekey, Quotas, SqliteStore, StandingRecord, Store
from hushpost_store.admission import DAY_SECONDS
from hushpost_store.conformance.stage import account, device_list, digest, envelope, post, route

_SIZES = (4096, 4096, 4096, 16384)


async def build(path: Path, random: Random, people: int, envelopes: int, now: float) -> None:
    """Make a store in which so many people have mail, drops, notices and prekeys of all kinds."""
    store = SqliteStore(path, Quotas(), clock=lambda: now)
    await store.open()
    try:
        for number in range(people):
            await _settle(store, f"person {number}", random, now)
        for number in range(envelopes):
            name = f"person {random.randrange(people)}"
            drop = f"{name} contact {random.randrange(3)}"
            await _post(store, drop, name, number, random.choice(_SIZES), now)
        await store.sweep(now)
    finally:
        await store.close()


async def _settle(store: Store, name: str, random: Random, now: float) -> None:
    """Have a person register, publish, be written to and lose something to time."""
    day = int(now // DAY_SECONDS)
    person = account(name, devices=random.randint(1, 3))
    await store.create_account(person)
    if random.random() < 0.5:
        await store.publish_device_list(
            person.account_id,
            expected_head=person.device_list.head,
            device_list=device_list(name, 2),
            devices=person.devices[::-1],
        )
    for device in person.devices:
        ids = [digest(f"{name} {device.route.hex()} {n}")[:16] for n in range(random.randint(0, 9))]
        await store.publish_prekeys(
            person.account_id,
            device.device_id,
            one_time=[OneTimePrekey(i, day + random.randint(1, 30), i * 20) for i in ids],
            signed=StandingRecord(day + 9, random.randbytes(1700)),
            seal=StandingRecord(day + 9, random.randbytes(1300)),
            day=day,
        )
    for _ in range(random.randint(0, 3)):
        await store.take_prekeys(person.account_id, day)
    await _be_written_to(store, name, random, now)


async def _be_written_to(store: Store, name: str, random: Random, now: float) -> None:
    kinds = [(f"{name} contact {n}", DropKind.CONTACT) for n in range(3)]
    kinds += [(f"{name} once {n}", DropKind.ONCE) for n in range(3)]
    for drop, kind in (*kinds, (f"{name} knock", DropKind.KNOCK)):
        await store.register_drop(route(name), digest(drop), kind, now)
    for drop in (f"{name} once 0", f"{name} knock"):
        await _post(store, drop, name, 1, 4096, now)
    if random.random() < 0.5:
        # One notice is closed and not confirmed, the next one gathers.
        await _expire(store, f"{name} contact 0", name, now)
        await store.expired_notices(route(name))
        await _expire(store, f"{name} contact 1", name, now)
    if random.random() < 0.3:
        await store.revoke_drop(route(name), digest(f"{name} once 1"))


async def _expire(store: Store, drop: str, name: str, now: float) -> None:
    then = now - 3 * DAY_SECONDS
    await _post(store, drop, name, int(then), 4096, then, days=1)
    await store.sweep(now)


async def _post(
    store: Store, drop: str, name: str, number: int, size: int, now: float, *, days: int = 14
) -> None:
    not_after = (int(now // DAY_SECONDS) + 1 + days) * 24
    sent = envelope(drop, number, to=name, size=size, not_after=not_after)
    await post(store, sent, now)
