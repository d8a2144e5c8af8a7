"""All that a store holds of an account and of a mailbox, as nouns (docs/spec/store.md, "Moving").

What `rows` names crosses the interface in answers; this is what must be there for those answers to
stay the same in another store: what was taken, what was used, which number comes next. Figures that
a store keeps beside what it counts (`queued`, `through`, ends) are part of it, so that a wrong one
shows. `Exporting` gives it, `Importing` takes it, `contents_digest` compares it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from hushpost_store.rows import (
    AccountRow,
    DeviceListRow,
    DeviceRow,
    DropKind,
    ExpiredNotice,
    QueuedEnvelope,
)

# A page of envelopes: with the largest bucket a mebibyte, which a server takes in milliseconds.
PAGE_ENVELOPES: Final = 64
# The notice that still gathers what expires; closed ones count from 1.
GATHERING: Final = 0


@dataclass(frozen=True, slots=True)
class KeptPrekey:
    """A one-time prekey; `record` None: it was handed out and must not come back."""

    device_id: bytes
    prekey_id: bytes
    expiry_day: int
    record: bytes | None


@dataclass(frozen=True, slots=True)
class KeptStanding:
    """The signed prekey (kind 1) or seal record (kind 2) of a device."""

    device_id: bytes
    kind: int
    expiry_day: int
    record: bytes


@dataclass(frozen=True, slots=True)
class AccountContents:
    """An account with its chain of device lists, oldest first, and its prekeys, by their names."""

    account: AccountRow
    lists: tuple[DeviceListRow, ...]
    prekeys: tuple[KeptPrekey, ...]
    standing: tuple[KeptStanding, ...]


@dataclass(frozen=True, slots=True)
class KeptDrop:
    """A drop; `life_end` in hours, 0 for none; `used_by` the envelope that used a one-use drop."""

    drop_hash: bytes
    kind: DropKind
    life_end: int
    used_by: bytes | None


@dataclass(frozen=True, slots=True)
class QueuedThrough:
    """What is queued through one drop, which may have been revoked since."""

    drop_ref: bytes
    envelopes: int
    size: int


@dataclass(frozen=True, slots=True)
class MailboxContents:
    """A mailbox but its envelopes. Hours of `earliest` and `latest` are 0 where nothing is queued.

    `expired` holds the notices that wait; one with the number GATHERING is not closed yet.
    """

    route: bytes
    account_id: bytes
    device_id: bytes
    last_sequence: int
    knock_day: int
    knocks: int
    notices_closed: int
    drops: tuple[KeptDrop, ...]
    expired: tuple[ExpiredNotice, ...]
    through: tuple[QueuedThrough, ...]
    earliest: int
    latest: int

    @property
    def queued(self) -> int:
        """How many envelopes wait."""
        return sum(row.envelopes for row in self.through)

    @property
    def queued_bytes(self) -> int:
        """How many bytes of envelopes wait."""
        return sum(row.size for row in self.through)


class Exporting(Protocol):
    """Gives what a store holds, whole. Nothing may change it meanwhile.

    All raise StoreDamaged for a part that is not what was written, and StoreFault.
    """

    async def account(self, account_id: bytes) -> AccountContents | None:
        """Return an account; None where it is unknown."""
        ...

    async def mailbox(self, account_id: bytes, device: DeviceRow) -> MailboxContents | None:
        """Return the mailbox of a device; None where it is unknown or another's."""
        ...

    async def envelopes(self, route: bytes, after_sequence: int) -> list[QueuedEnvelope]:
        """Return at most PAGE_ENVELOPES envelopes above a sequence, in order, expired or not."""
        ...


class Importing(Protocol):
    """Takes what another store held; what is written is durable on return.

    Nobody else may use the store meanwhile. All raise StoreFault.
    """

    async def forget(self, account_id: bytes, routes: Sequence[bytes]) -> None:
        """Remove an account and mailboxes, whole or half written."""
        ...

    async def put_account(self, contents: AccountContents) -> None:
        """Write an account that is not there."""
        ...

    async def put_mailbox(self, contents: MailboxContents) -> None:
        """Write a mailbox that is not there, with its figures, and no envelope."""
        ...

    async def put_envelopes(self, route: bytes, page: Sequence[QueuedEnvelope]) -> None:
        """Write envelopes that are in the figures already."""
        ...


async def copy_account(source: Exporting, target: Importing, account_id: bytes) -> None:
    """Write one account with all that is in its mailboxes, in place of whatever half is there.

    In memory at one time: the account, one mailbox without its envelopes, and one page of them.
    """
    contents = await source.account(account_id)
    if contents is None:
        return
    devices = contents.account.devices
    await target.forget(account_id, [device.route for device in devices])
    await target.put_account(contents)
    for device in devices:
        mailbox = await source.mailbox(account_id, device)
        if mailbox is None:
            continue
        await target.put_mailbox(mailbox)
        after = 0
        while page := await source.envelopes(device.route, after):
            await target.put_envelopes(device.route, page)
            after = page[-1].sequence
