"""What a person decides about a contact: verify, block, remove (docs/spec/content.md, 3 and 8)."""

from dataclasses import replace
from typing import Final

from hushpost_crypto.address import Address, Invitation
from hushpost_wire.host import Host

from hushpost.contacts import ContactStage
from hushpost.engine import first_contact, knocks, message_states, outbox, texts
from hushpost.engine.contact_book import (
    ContactRow,
    contact_row,
    devices_of,
    remove_contact,
    save_contact,
    save_device,
)
from hushpost.engine.desk import Desk
from hushpost.engine.ledger import Table
from hushpost.engine.outbox import OutboxEntry
from hushpost.engine.own_drops import revoke_drops_of

# To somebody who is away they are all lost, and a session bridges a thousand lost messages at most.
TYPED_MAX: Final = 100


def prepare_contact(
    desk: Desk, target: Address | Invitation, *, trusted: frozenset[Host]
) -> ContactRow | None:
    """Give the contact that an address already leads to; somebody who knocked is accepted.

    Not a knock that wants its answer at another relay than the address names, or than the person
    agreed to: what the person typed counts, and that knock goes on waiting.
    """
    address = first_contact.address_of(target)
    known = first_contact.known_already(desk, target)
    if known is not None:
        first_contact.use_invitation(desk, known, target)
    elif knocks.has_knocked(desk, address.account_id):
        host = knocks.find_knock(desk, address.account_id).host
        if host == address.host and host in trusted:
            return knocks.accept(desk, address.account_id)
    return known


def seal_typing(desk: Desk, account_id: bytes, *, began: bool) -> list[OutboxEntry]:
    """Seal a typing notice for each device of an open contact; none for any other.

    Nor for a device for which mail waits: a notice that overtakes it, and what answers the notice,
    would move the ratchet on until nobody can open the mail that waited (content.md, 5).
    """
    if contact_row(desk, account_id).stage is not ContactStage.OPEN:
        return []
    inner_id = texts.new_inner_id(desk)
    sealed: list[OutboxEntry] = []
    for device in texts.devices_ready(desk, account_id):
        if device.typed < TYPED_MAX and not outbox.mail_waits(desk, device.key):
            sealed.append(outbox.seal_typing(desk, device, inner_id, began=began))
            save_device(desk, replace(device, typed=device.typed + 1))
    return sealed


def mark_verified(desk: Desk, account_id: bytes, *, verified: bool) -> None:
    """Remember whether the person compared the safety number."""
    save_contact(desk, replace(contact_row(desk, account_id), verified=verified))


def allow_read_receipts(desk: Desk, account_id: bytes, *, allowed: bool | None) -> None:
    """Choose for one contact whether read receipts go out; None: as for everybody."""
    save_contact(desk, replace(contact_row(desk, account_id), read_receipts=allowed))


def block(desk: Desk, account_id: bytes) -> None:
    """Revoke the contact's drop, drop what is on its way, forget the sessions."""
    row = contact_row(desk, account_id)
    _take_back(desk, account_id)
    save_contact(desk, replace(row, stage=ContactStage.BLOCKED))
    message_states.contact_refuses(desk, account_id)


def remove(desk: Desk, account_id: bytes) -> None:
    """Forget a contact; a later knock of theirs is a stranger's."""
    contact_row(desk, account_id)
    _take_back(desk, account_id)
    message_states.contact_refuses(desk, account_id)
    remove_contact(desk, account_id)


def _take_back(desk: Desk, account_id: bytes) -> None:
    revoke_drops_of(desk, account_id)
    for device in devices_of(desk, account_id):
        for entry in outbox.remove_contact_mail(desk, device.key):
            message_states.entry_refused(desk, entry)
        desk.ledger.delete(Table.SESSIONS, device.key)
        for table in (Table.HELD, Table.PARTS):
            for row in desk.ledger.find(table, device.key):
                desk.ledger.delete(table, row.key)
    for row in desk.ledger.find(Table.RECEIPTS, account_id):
        desk.ledger.delete(Table.RECEIPTS, row.key)
    desk.changed_mail = True
