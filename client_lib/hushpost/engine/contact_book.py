"""What is known of contacts and of their devices (docs/spec/content.md, 3 and 8).

ContactRow (account)  1 --- n  DeviceRow (one of its devices: where to post, stream counters)
1 --- 1  session book (hushpost_crypto.session)
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar, Final

from hushpost_crypto import snapshot
from hushpost_crypto.address import Address
from hushpost_crypto.session import SessionBook
from hushpost_wire.host import Host
from hushpost_wire.identifiers import (
    AccountId,
    DeviceId,
    DropHash,
    DropSecret,
    ListHead,
    Route,
)
from hushpost_wire.records import DeviceList, Genesis
from pydantic import ConfigDict

from hushpost.contacts import Contact, ContactStage
from hushpost.content import ListView
from hushpost.engine.desk import Desk
from hushpost.engine.ledger import Table
from hushpost.engine.own_account import own_account
from hushpost.engine.shelf import ROW_CONFIG, Shelf
from hushpost.errors import MisuseError


class PostPath(StrEnum):
    """Which drop leads to a device; a later one is better than an earlier one."""

    NONE = "none"
    KNOCK = "knock"
    INVITATION = "invitation"
    REPLY = "reply"
    CONTACT = "contact"


@dataclass(frozen=True, slots=True)
class ContactRow:
    """One person: the account, its lists as far as verified, and how far first contact came."""

    __pydantic_config__: ClassVar[ConfigDict] = ROW_CONFIG

    account_id: AccountId
    host: Host
    genesis_bytes: bytes
    list_bytes: bytes
    heads: tuple[tuple[int, ListHead], ...]
    stage: ContactStage
    name: str = ""
    verified: bool = False
    # Read receipts to this contact; None: as the account says.
    read_receipts: bool | None = None
    stale_warned_version: int = 0
    # List views that messages named and the relay has not shown yet.
    wanted_lists: tuple[tuple[int, ListHead], ...] = ()
    seen_messages: int = 0
    # The inner id of our REQUEST, or of theirs that we accepted.
    request_id: bytes = b""
    # The inner id of their REQUEST that we accepted, to accept it once more.
    accepted_id: bytes = b""
    # Inner ids of messages to seal again as soon as fresh keys are here.
    reseal: tuple[bytes, ...] = ()

    @property
    def genesis(self) -> Genesis:
        """The genesis record."""
        return Genesis.from_bytes(self.genesis_bytes)

    @property
    def device_list(self) -> DeviceList:
        """The newest verified list."""
        return DeviceList.from_bytes(self.list_bytes)

    @property
    def view(self) -> ListView:
        """What our inner messages say about the contact's list."""
        version, head = self.heads[-1]
        return ListView(version, head)

    @property
    def address(self) -> str:
        """The address as text."""
        return str(Address(self.host, self.account_id))


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """One device of a contact: where to post to it, and both stream counters."""

    __pydantic_config__: ClassVar[ConfigDict] = ROW_CONFIG

    account_id: AccountId
    device_id: DeviceId
    host: Host
    route: Route
    path: PostPath
    # The secret of `path`.
    path_secret: DropSecret | None = field(repr=False, default=None)
    # The contact drop's secret: ours from the beginning, in use from READY on.
    contact_secret: DropSecret | None = field(repr=False, default=None)
    # The hash of the secret they made for our mailbox, once told.
    their_hash: DropHash | None = None
    # A verified bundle (signed prekey, seal record, one-time record) for the next session.
    bundle: tuple[bytes, bytes, bytes | None] | None = field(repr=False, default=None)
    next_out: int = 1
    next_in: int = 1
    highest_in: int = 0
    # (stream, version) of the newest list version this device named: it never goes down.
    named_list: tuple[int, int] = (0, 0)
    held: int = 0
    held_bytes: int = 0
    gap_since: int = 0
    restarted_day: int = 0
    # Typing notices sealed since this device was last heard: each uses up a message key.
    typed: int = 0
    # What was given up of its stream and did not come later: (first, last, hour), ascending.
    missing: tuple[tuple[int, int, int], ...] = ()
    # The newest time that a text of it claimed, in milliseconds: older ones are late.
    newest_sent: int = 0
    # The highest place of our stream to it of which a receipt came.
    confirmed_out: int = 0
    # How often it asked for mail again: (day, times).
    asked: tuple[int, int] = (0, 0)

    @property
    def key(self) -> bytes:
        """The key of this device in every table."""
        return self.account_id + self.device_id


_CONTACTS: Final = Shelf(Table.CONTACTS, ContactRow)
_DEVICES: Final = Shelf(Table.DEVICES, DeviceRow)


def find_contact(desk: Desk, account_id: bytes) -> ContactRow | None:
    """Give a contact's row, or None."""
    return _CONTACTS.get(desk.ledger, account_id)


def contact_row(desk: Desk, account_id: bytes) -> ContactRow:
    """Give a contact's row; raises `MisuseError` for somebody who is no contact."""
    row = find_contact(desk, account_id)
    if row is None:
        raise MisuseError("this person is no contact: call add_contact with the address first")
    return row


def save_contact(desk: Desk, row: ContactRow) -> None:
    """Store a contact's row."""
    _CONTACTS.put(desk.ledger, row.account_id, row)


def all_contacts(desk: Desk) -> Iterator[ContactRow]:
    """Give every contact, oldest first."""
    return _CONTACTS.all(desk.ledger)


def is_agreed_host(desk: Desk, host: Host) -> bool:
    """Whether the person agreed to show that relay an IP address: the own one, or a contact's."""
    return host == own_account(desk).host or any(row.host == host for row in all_contacts(desk))


def devices_of(desk: Desk, account_id: bytes) -> list[DeviceRow]:
    """Give the known devices of a contact."""
    return [row for _, row in _DEVICES.find(desk.ledger, account_id)]


def find_device(desk: Desk, account_id: bytes, device_id: bytes) -> DeviceRow | None:
    """Give a device's row, or None."""
    return _DEVICES.get(desk.ledger, account_id + device_id)


def find_device_by_key(desk: Desk, key: bytes) -> DeviceRow | None:
    """Give a device's row by its `key`, or None; also for no key at all."""
    return _DEVICES.get(desk.ledger, key) if key else None


def device_row(desk: Desk, key: bytes) -> DeviceRow:
    """Give the row of a device that is known to exist."""
    row = _DEVICES.get(desk.ledger, key)
    if row is None:
        raise MisuseError("this device is no longer a contact's")
    return row


def save_device(desk: Desk, row: DeviceRow) -> None:
    """Store a device's row."""
    _DEVICES.put(desk.ledger, row.key, row, lookup=row.account_id)


def session_book(desk: Desk, device: DeviceRow) -> SessionBook:
    """Give the sessions with a device; an empty book if there is none."""
    value = desk.ledger.get(Table.SESSIONS, device.key)
    return SessionBook() if value is None else snapshot.load(value)


def save_book(desk: Desk, device: DeviceRow, book: SessionBook) -> None:
    """Store the sessions with a device."""
    desk.ledger.put(Table.SESSIONS, device.key, snapshot.dump(book), lookup=device.account_id)


def remove_contact(desk: Desk, account_id: bytes) -> None:
    """Forget a contact, its devices and their sessions."""
    for device in devices_of(desk, account_id):
        desk.ledger.delete(Table.SESSIONS, device.key)
        _DEVICES.delete(desk.ledger, device.key)
    _CONTACTS.delete(desk.ledger, account_id)


def public_contact(row: ContactRow) -> Contact:
    """Give what the app sees of a contact."""
    return Contact(row.address, row.account_id, row.name, row.stage, row.verified)
