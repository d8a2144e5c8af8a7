"""People, envelopes and a listener for the cases of the suite."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Final

from hushpost_store.admission import DAY_SECONDS
from hushpost_store.interface import Store
from hushpost_store.quotas import Quotas
from hushpost_store.rows import (
    AccountRow,
    Admitted,
    DeviceListRow,
    DeviceRow,
    DropKind,
    Refusal,
    Submission,
    TtlClass,
)

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
# Long enough for a slow disk; a store that never answers fails its case.
SETTLED_SECONDS_MAX: Final = 10.0


@dataclass(slots=True)
class Recorder:
    """A listener that remembers the order of what it was told."""

    told: list[str] = field(default_factory=list[str])
    place: Admitted | None = None
    reason: Refusal | None = None
    retry_after: int = 0
    decided: asyncio.Event = field(default_factory=asyncio.Event)
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
        self.decided.set()

    def committed(self) -> None:
        """See `SubmissionListener`."""
        self.told.append("committed")
        self.settled.set()

    def failed(self) -> None:
        """See `SubmissionListener`."""
        self.told.append("failed")
        self.settled.set()


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
    await asyncio.wait_for(recorder.settled.wait(), SETTLED_SECONDS_MAX)
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
