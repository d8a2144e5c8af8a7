"""First contact, the side that is written to (docs/spec/content.md, 3).

    (knock) --accept--> ACCEPTED --READY--> OPEN        decline: nothing is sent

Nothing goes back to a stranger before the person accepted. A repeated request is the same knock.
"""

from dataclasses import dataclass, field, replace
from typing import ClassVar, Final

from hushpost_crypto.address import Address
from hushpost_crypto.drops import Drop, make_drop
from hushpost_crypto.pqxdh import RemoteDevice
from hushpost_wire.host import Host
from hushpost_wire.identifiers import AccountId, DeviceId, DropHash, DropSecret, Route
from hushpost_wire.records import DeviceList
from pydantic import ConfigDict

from hushpost.contacts import ContactStage, Knock
from hushpost.content import Accept, Inner, InnerId, Request
from hushpost.engine import event_log, texts
from hushpost.engine.contact_book import (
    ContactRow,
    DeviceRow,
    PostPath,
    contact_row,
    devices_of,
    find_contact,
    find_device,
    is_agreed_host,
    save_contact,
    save_device,
)
from hushpost.engine.desk import Desk
from hushpost.engine.ledger import Table
from hushpost.engine.outbox import Letter, OutboxEntry, post
from hushpost.engine.own_account import own_account
from hushpost.engine.own_drops import DropRow, DropUse, register
from hushpost.engine.peer_lists import raise_alarm
from hushpost.engine.seen import see_message
from hushpost.engine.shelf import ROW_CONFIG, Shelf
from hushpost.engine.stream_order import skip_to
from hushpost.errors import MisuseError
from hushpost.events import AlarmKind

# A person decides about strangers one by one; more than this waiting is a flood, and is dropped.
KNOCKS_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class KnockRow:
    """A request that waits for the person, with all that accepting it needs."""

    __pydantic_config__: ClassVar[ConfigDict] = ROW_CONFIG

    account_id: AccountId
    device_id: DeviceId
    genesis_bytes: bytes
    list_bytes: bytes
    host: Host
    name: str
    text: str
    reply_route: Route
    reply_secret: DropSecret = field(repr=False)
    drop_hash: DropHash
    request_id: InnerId
    stream: int
    invited: bool

    @property
    def address(self) -> str:
        """The stranger's address as text."""
        return str(Address(self.host, self.account_id))


_SHELF: Final = Shelf(Table.KNOCKS, KnockRow)
_DECLINED: Final = b"declined/"


def request_received(
    desk: Desk, sender: RemoteDevice, inner: Inner, body: Request, *, invited: bool
) -> bool:
    """Work in a request whose session has opened; False if nobody wants it."""
    account_id = sender.account_id()
    contact = find_contact(desk, account_id)
    if is_declined(desk, account_id) or (contact and contact.stage in _NO_REQUESTS):
        return False
    known = _SHELF.get(desk.ledger, account_id)
    full = desk.ledger.count(Table.KNOCKS) >= KNOCKS_MAX
    if full and known is None and contact is None and not invited:
        # Who was invited comes in all the same: so many invitations the person made.
        return False
    row = KnockRow(
        account_id=account_id,
        device_id=sender.device_id(),
        genesis_bytes=sender.genesis.to_bytes(),
        list_bytes=sender.device_list.to_bytes(),
        host=body.host,
        name=body.name,
        text=body.text,
        reply_route=body.reply_route,
        reply_secret=body.reply_secret,
        drop_hash=body.drop_hash,
        request_id=inner.header.inner_id,
        stream=inner.header.stream,
        invited=invited or (known is not None and known.invited),
    )
    if contact is not None and not is_agreed_host(desk, row.host):
        raise_alarm(desk, contact, AlarmKind.FOREIGN_HOST)
        return False
    if contact is not None:
        _answer(desk, contact, row)
        _show_text(desk, row)
        return True
    if known is not None and known.device_id != row.device_id:
        # One session waits with a knock; a stranger's other devices leave none behind.
        desk.ledger.delete(Table.SESSIONS, account_id + known.device_id)
    _SHELF.put(desk.ledger, account_id, row)
    if known is None or known.request_id != row.request_id:
        shown = event_log.KnockRow(row.address, row.name, row.text, row.invited)
        event_log.knock_received(desk, account_id, shown)
    return True


def waiting_knocks(desk: Desk) -> list[Knock]:
    """Give the knocks that wait for a decision, oldest first."""
    return [
        Knock(row.address, row.account_id, row.name, row.text, row.invited)
        for row in _SHELF.all(desk.ledger)
    ]


def find_knock(desk: Desk, account_id: bytes) -> KnockRow:
    """Give a knock that waits; raises `MisuseError`."""
    row = _SHELF.get(desk.ledger, account_id)
    if row is None:
        raise MisuseError("no such knock waits: it was accepted or declined before")
    return row


def has_knocked(desk: Desk, account_id: bytes) -> bool:
    """Whether a knock of that account waits."""
    return _SHELF.get(desk.ledger, account_id) is not None


def accept(desk: Desk, account_id: bytes) -> ContactRow:
    """Make a contact of a knock: register their drop, answer through their reply drop."""
    knock = find_knock(desk, account_id)
    device_list = DeviceList.from_bytes(knock.list_bytes)
    contact = ContactRow(
        account_id=knock.account_id,
        host=knock.host,
        genesis_bytes=knock.genesis_bytes,
        list_bytes=knock.list_bytes,
        heads=((device_list.version, device_list.head()),),
        stage=ContactStage.NEW,
        name=knock.name,
    )
    save_contact(desk, contact)
    _answer(desk, contact, knock)
    _SHELF.delete(desk.ledger, account_id)
    _show_text(desk, knock)
    return contact_row(desk, account_id)


def decline(desk: Desk, account_id: bytes) -> None:
    """Forget a knock and drop later ones of that account; the stranger learns nothing."""
    knock = find_knock(desk, account_id)
    _SHELF.delete(desk.ledger, account_id)
    desk.ledger.delete(Table.SESSIONS, knock.account_id + knock.device_id)
    desk.ledger.put(Table.SETTINGS, _DECLINED + account_id, b"")


def is_declined(desk: Desk, account_id: bytes) -> bool:
    """Whether requests of that account are dropped."""
    return desk.ledger.get(Table.SETTINGS, _DECLINED + account_id) is not None


def undecline(desk: Desk, account_id: bytes) -> None:
    """Hear an account again, because the person adds it."""
    desk.ledger.delete(Table.SETTINGS, _DECLINED + account_id)


def ready_received(desk: Desk, device: DeviceRow) -> None:
    """Use the contact drop from here on and let go what waited."""
    contact = contact_row(desk, device.account_id)
    if contact.stage is not ContactStage.ACCEPTED:
        return
    save_contact(desk, replace(contact, stage=ContactStage.OPEN))
    current = find_device(desk, device.account_id, device.device_id) or device
    save_device(desk, replace(current, path=PostPath.CONTACT, path_secret=current.contact_secret))
    texts.flush_waiting(desk, device.account_id)


def repeat_accept(desk: Desk, contact: ContactRow) -> None:
    """Accept once more, through the contact drop: the READY has expired (content.md, 11)."""
    for device in devices_of(desk, contact.account_id):
        secret = device.contact_secret
        if secret is None or device.path is PostPath.NONE or not contact.accepted_id:
            continue
        save_device(desk, replace(device, path=PostPath.CONTACT, path_secret=secret))
        body = _acceptance(desk, device, secret, InnerId(contact.accepted_id))
        post(desk, device, Letter(body, texts.new_inner_id(desk)))


def acceptance_again(desk: Desk, contact: ContactRow, entry: OutboxEntry) -> Accept | None:
    """Give the ACCEPT that an outbox entry held, if its device is known."""
    device = find_device(desk, entry.account_id, entry.device_id)
    if device is None or device.contact_secret is None or not contact.accepted_id:
        return None
    return _acceptance(desk, device, device.contact_secret, InnerId(contact.accepted_id))


_NO_REQUESTS: Final = frozenset({ContactStage.OPEN, ContactStage.BLOCKED, ContactStage.STOPPED})


def _acceptance(desk: Desk, device: DeviceRow, secret: DropSecret, request_id: InnerId) -> Accept:
    own = own_account(desk)
    return Accept(request_id, Drop(device.route, secret).hash(), own.host, own.name)


def _answer(desk: Desk, contact: ContactRow, knock: KnockRow) -> None:
    """Register the drop they made and post ACCEPT through the reply drop they gave."""
    known = find_device(desk, knock.account_id, knock.device_id)
    secret = None if known is None else known.contact_secret
    # A drop is bound to its mailbox: a secret made for another route is no use here.
    if known is None or secret is None or known.route != knock.reply_route:
        secret = make_drop(knock.reply_route, desk.random).secret
    fresh = known or DeviceRow(
        knock.account_id, knock.device_id, knock.host, knock.reply_route, PostPath.NONE
    )
    device = replace(
        skip_to(fresh, knock.stream),
        host=knock.host,
        route=knock.reply_route,
        path=PostPath.REPLY,
        path_secret=knock.reply_secret,
        contact_secret=secret,
        their_hash=knock.drop_hash,
    )
    save_device(desk, device)
    answered = replace(
        contact, stage=ContactStage.ACCEPTED, name=knock.name, accepted_id=knock.request_id
    )
    save_contact(desk, answered)
    body = _acceptance(desk, device, secret, knock.request_id)
    entry = post(desk, device, Letter(body, texts.new_inner_id(desk), waits_for=knock.drop_hash))
    drop = DropRow(knock.drop_hash, DropUse.CONTACT, knock.account_id)
    register(desk, drop, releases=(entry.key,))


def _show_text(desk: Desk, knock: KnockRow) -> None:
    """Show the words of the request as the first message of the conversation."""
    if knock.text and see_message(desk, knock.account_id, knock.request_id, 0):
        row = event_log.MessageRow(knock.request_id, knock.text, 0, late=False)
        event_log.message_received(desk, knock.account_id, row)
