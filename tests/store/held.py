"""A store in dictionaries that can be exported from and imported into, and what to put there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from hushpost_store.conformance.stage import NOT_AFTER, account, device_list, digest, envelope
from hushpost_store.contents import (
    GATHERING,
    PAGE_ENVELOPES,
    AccountContents,
    KeptDrop,
    KeptPrekey,
    KeptStanding,
    MailboxContents,
    QueuedThrough,
)
from hushpost_store.rows import (
    DeviceRow,
    DropKind,
    ExpiredDrop,
    ExpiredNotice,
    QueuedEnvelope,
)

PERSON = account("alice", devices=2)
ID = PERSON.account_id


@dataclass(slots=True)
class Held:
    """An `Exporting` and `Importing`; `asked` notes what was done, in its order."""

    accounts: dict[bytes, AccountContents] = field(default_factory=dict[bytes, AccountContents])
    mailboxes: dict[bytes, MailboxContents] = field(default_factory=dict[bytes, MailboxContents])
    queued: dict[bytes, list[QueuedEnvelope]] = field(
        default_factory=dict[bytes, list[QueuedEnvelope]]
    )
    asked: list[str] = field(default_factory=list[str])

    async def account(self, account_id: bytes) -> AccountContents | None:
        """See `Exporting`."""
        return self.accounts.get(account_id)

    async def mailbox(self, account_id: bytes, device: DeviceRow) -> MailboxContents | None:
        """See `Exporting`."""
        found = self.mailboxes.get(device.route)
        return found if found is not None and found.account_id == account_id else None

    async def envelopes(self, route: bytes, after_sequence: int) -> list[QueuedEnvelope]:
        """See `Exporting`."""
        rows = [row for row in self.queued.get(route, []) if row.sequence > after_sequence]
        return rows[:PAGE_ENVELOPES]

    async def forget(self, account_id: bytes, routes: Sequence[bytes]) -> None:
        """See `Importing`."""
        self.asked.append("forget")
        self.accounts.pop(account_id, None)
        for route in routes:
            self.mailboxes.pop(route, None)
            self.queued.pop(route, None)

    async def put_account(self, contents: AccountContents) -> None:
        """See `Importing`."""
        self.asked.append("account")
        assert contents.account.account_id not in self.accounts
        self.accounts[contents.account.account_id] = contents

    async def put_mailbox(self, contents: MailboxContents) -> None:
        """See `Importing`."""
        self.asked.append("mailbox")
        assert contents.route not in self.mailboxes
        self.mailboxes[contents.route] = contents

    async def put_envelopes(self, route: bytes, page: Sequence[QueuedEnvelope]) -> None:
        """See `Importing`."""
        self.asked.append(f"page of {len(page)}")
        self.queued.setdefault(route, []).extend(page)


def queued(number: int) -> QueuedEnvelope:
    """Return an envelope as it waits."""
    sent = envelope("alice contact", number)
    return QueuedEnvelope(number, sent.envelope_id, digest("ref")[:16], NOT_AFTER, sent.envelope)


def full(envelopes: int = 3) -> Held:
    """Return a store with one account that has everything."""
    first, second = PERSON.devices
    contents = AccountContents(
        PERSON,
        (PERSON.device_list, device_list("alice", 2)),
        (
            KeptPrekey(first.device_id, digest("one")[:16], 20_009, b"record"),
            KeptPrekey(first.device_id, digest("two")[:16], 20_009, None),
        ),
        (
            KeptStanding(first.device_id, 1, 20_009, b"signed"),
            KeptStanding(first.device_id, 2, 20_009, b"seal"),
        ),
    )
    rows = [queued(number + 1) for number in range(envelopes)]
    mailbox = MailboxContents(
        route=first.route,
        account_id=ID,
        device_id=first.device_id,
        last_sequence=envelopes,
        knock_day=20_000,
        knocks=2,
        notices_closed=3,
        drops=(
            KeptDrop(digest("contact"), DropKind.CONTACT, 0, None),
            KeptDrop(digest("once"), DropKind.ONCE, NOT_AFTER, digest("user")[:16]),
        ),
        expired=(
            ExpiredNotice(GATHERING, (ExpiredDrop(digest("contact")[:16], 4),)),
            ExpiredNotice(3, (ExpiredDrop(digest("gone")[:16], 1),)),
        ),
        through=(QueuedThrough(digest("ref")[:16], envelopes, envelopes * 4096),),
        earliest=NOT_AFTER,
        latest=NOT_AFTER,
    )
    empty = MailboxContents(
        second.route, ID, second.device_id, 0, 0, 0, 0, (), (), (), earliest=0, latest=0
    )
    return Held({ID: contents}, {first.route: mailbox, second.route: empty}, {first.route: rows})
