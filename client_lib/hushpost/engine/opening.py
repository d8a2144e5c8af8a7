"""Opening an envelope: which session, and does its account own the drop (content.md, 4 and 9).

    drop of a contact   its devices' sessions, then a first message of that contact
    invitation, knock   a first message of anybody who is no contact yet

The drop never authenticates; only the session does. Nothing is stored but the session that opened.
"""

from dataclasses import dataclass, replace
from typing import Final

from hushpost_crypto import snapshot
from hushpost_crypto.envelope import Commitment, take_apart, unpad
from hushpost_crypto.errors import Undecryptable
from hushpost_crypto.first_message import FirstMessage, SealAddress, open_first
from hushpost_crypto.pqxdh import RemoteDevice
from hushpost_crypto.session import Decrypted, Reception, SessionBook, SessionStart
from hushpost_wire.identifiers import AccountId, DeviceId

from hushpost.engine.contact_book import (
    DeviceRow,
    all_contacts,
    devices_of,
    find_contact,
    find_device,
    save_book,
    session_book,
)
from hushpost.engine.desk import Desk
from hushpost.engine.ledger import Table
from hushpost.engine.own_account import own_account, save_own
from hushpost.engine.own_drops import DropRow
from hushpost.engine.prekey_upkeep import (
    erase_one_time,
    one_time_secret,
    seal_secrets,
    signed_secret,
)
from hushpost.engine.seen import Arrival, ciphertext_seen, see_ciphertext
from hushpost.errors import PeerError

# Devices of other contacts tried for an envelope that its drop's owner did not seal: enough to
# recognise a relay that mislabels mail, too few to make garbage expensive.
OTHERS_MAX: Final = 64
# A relay that mislabels mail does so more than once; who sends garbage makes this device load that
# many times so many sessions an hour and no more.
SEARCHES_AN_HOUR_MAX: Final = 16


class WrongDrop(PeerError):
    """An envelope opens in the session of another account than its drop's; ``account_id`` is it."""

    def __init__(self, account_id: AccountId) -> None:
        super().__init__("the envelope came through another contact's drop")
        self.account_id = account_id


@dataclass(frozen=True, slots=True)
class Opened:
    """An envelope's inner message, authenticated as that device's."""

    account_id: AccountId
    device_id: DeviceId
    body: bytes
    # Set by a first message: the sender with its certified list.
    sender: RemoteDevice | None = None
    start: SessionStart | None = None


def open_from_contact(desk: Desk, drop: DropRow, arrival: Arrival) -> Opened:
    """Open what came through a contact's or a reply drop; raises `Undecryptable`, `WrongDrop`."""
    commitment, sealed = take_apart(arrival.envelope)
    for device in devices_of(desk, drop.account_id):
        opened = _try(desk, device, sealed, commitment)
        if opened is not None:
            return opened
    try:
        first = _open_seal(desk, sealed, commitment)
    except Undecryptable:
        _look_elsewhere(desk, drop, sealed, commitment)
        raise
    if first.claimed_account != drop.account_id:
        # Judged and not kept: a contact's new session comes through their own drop only.
        _judge(desk, first)
        raise WrongDrop(first.claimed_account)
    return accept_first(desk, first)


def open_from_stranger(desk: Desk, arrival: Arrival) -> FirstMessage:
    """Open the seal of what came through an invitation or a knock; a claim until `accept_first`."""
    commitment, sealed = take_apart(arrival.envelope)
    return _open_seal(desk, sealed, commitment)


def accept_first(desk: Desk, first: FirstMessage) -> Opened:
    """Open a first message in its sender's book and store that; raises `Undecryptable`."""
    account_id, device_id = first.claimed_account, first.claimed_device
    book, decrypted, reception = _judge(desk, first)
    kem_holder = reception.one_time or reception.signed
    if decrypted.reencapsulation is not None and kem_holder is not None:
        see_ciphertext(desk, decrypted.reencapsulation, kem_holder.erase_day)
    if decrypted.one_time_used is not None:
        erase_one_time(desk, decrypted.one_time_used)
    desk.ledger.put(Table.SESSIONS, account_id + device_id, snapshot.dump(book), lookup=account_id)
    return _opened(account_id, device_id, decrypted, Commitment(first.commitment))


def forget_session(desk: Desk, opened: Opened) -> None:
    """Drop the session of somebody whose request is not wanted."""
    if find_device(desk, opened.account_id, opened.device_id) is None:
        desk.ledger.delete(Table.SESSIONS, opened.account_id + opened.device_id)


def _judge(desk: Desk, first: FirstMessage) -> tuple[SessionBook, Decrypted, Reception]:
    """Open a first message and store nothing; raises `Undecryptable`.

    A contact's device must stand in the newest list known of that contact: an older list of theirs
    lets no removed device in, and lists made up by the dozen fill no vault.
    """
    contact = find_contact(desk, first.claimed_account)
    if contact is not None and contact.device_list.find(first.claimed_device) is None:
        raise Undecryptable
    own = own_account(desk)
    value = desk.ledger.get(Table.SESSIONS, first.claimed_account + first.claimed_device)
    book = SessionBook() if value is None else snapshot.load(value)
    reception = Reception(
        own.local_device(),
        signed_secret(desk, first.signed_prekey_id),
        one_time_secret(desk, first.one_time_prekey_id),
        dict(own.heads),
        lambda value: ciphertext_seen(desk, value),
    )
    book, decrypted = book.accept(first, reception, now=desk.now)
    return book, decrypted, reception


def _try(desk: Desk, device: DeviceRow, sealed: bytes, commitment: Commitment) -> Opened | None:
    try:
        book, decrypted = session_book(desk, device).decrypt(
            sealed, commitment=commitment, now=desk.now
        )
    except Undecryptable:
        return None
    save_book(desk, device, book)
    return _opened(device.account_id, device.device_id, decrypted, commitment)


def _opened(
    account_id: AccountId, device_id: DeviceId, decrypted: Decrypted, commitment: Commitment
) -> Opened:
    body = unpad(decrypted.plaintext, commitment).body
    return Opened(account_id, device_id, body, decrypted.sender, decrypted.start)


def _may_search(desk: Desk) -> bool:
    own = own_account(desk)
    hour, times = own.searches
    times = times + 1 if hour == desk.hour else 1
    if times > SEARCHES_AN_HOUR_MAX:
        return False
    save_own(desk, replace(own, searches=(desk.hour, times)))
    return True


def _open_seal(desk: Desk, sealed: bytes, commitment: Commitment) -> FirstMessage:
    own = own_account(desk)
    address = SealAddress(own.host, own.account_id, own.device_id, own.route)
    return open_first(sealed, seal_secrets(desk), address, commitment=commitment)


def _look_elsewhere(desk: Desk, drop: DropRow, sealed: bytes, commitment: Commitment) -> None:
    """Raise `WrongDrop` if somebody else's session opens it; that session stays as it was."""
    if not _may_search(desk):
        return
    others = [
        device
        for contact in all_contacts(desk)
        if contact.account_id != drop.account_id
        for device in devices_of(desk, contact.account_id)
    ]
    for device in others[:OTHERS_MAX]:
        try:
            session_book(desk, device).decrypt(sealed, commitment=commitment, now=desk.now)
        except Undecryptable:
            continue
        raise WrongDrop(device.account_id)
