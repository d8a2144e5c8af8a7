"""First contact, the side that writes first (docs/spec/content.md, 3), and new sessions (4).

NEW --request--> REQUESTED --ACCEPT--> OPEN        (the other side is in `knocks`)
"""

from dataclasses import replace
from typing import Final

from hushpost_crypto.address import Address, Invitation
from hushpost_crypto.drops import Drop, make_drop
from hushpost_crypto.pqxdh import Bundle
from hushpost_wire.host import Host
from hushpost_wire.identifiers import AccountId
from hushpost_wire.ttl import DEFAULT_TTL, not_after

from hushpost.contacts import ContactStage
from hushpost.content import (
    REQUEST_TEXT_BYTES_MAX,
    Accept,
    InnerId,
    Ready,
    ReceiptStatus,
    Request,
)
from hushpost.engine import event_log, knocks, message_book, message_states, texts
from hushpost.engine.contact_book import (
    ContactRow,
    DeviceRow,
    PostPath,
    contact_row,
    device_row,
    devices_of,
    find_contact,
    is_agreed_host,
    remove_contact,
    save_contact,
    save_device,
)
from hushpost.engine.desk import Desk
from hushpost.engine.message_book import MessageRow
from hushpost.engine.new_sessions import (
    FOR_REPEAT,
    FOR_REQUEST,
    begin_restart,
    reseal_messages,
    start_session,
    take_bundle,
)
from hushpost.engine.outbox import Letter, OutboxEntry, post
from hushpost.engine.own_account import own_account
from hushpost.engine.own_drops import DropRow, DropUse, make_reply_drop, register
from hushpost.engine.peer_keys import KeysAnswer, kept_bundle, read_keys, remember_bundle
from hushpost.engine.peer_lists import KeysRejected, raise_alarm, warn_if_stale
from hushpost.errors import HostUnconfirmed, MisuseError, PeerUnreachable
from hushpost.events import AlarmKind
from hushpost.messages import FAILED, MessageState

# A knock is not a doorbell to lean on: again after 1, 2, 4 and 8 days, then never.
REQUEST_REPEATS_MAX: Final = 4
_DAY_HOURS: Final = 24


def known_already(desk: Desk, target: Address | Invitation) -> ContactRow | None:
    """Give the contact if there is one; a blocked one is none, and is made anew by `add`."""
    account_id = address_of(target).account_id
    if account_id == own_account(desk).account_id:
        raise MisuseError("this is your own address; hand it to somebody else")
    row = find_contact(desk, account_id)
    return None if row is not None and row.stage is ContactStage.BLOCKED else row


def add(
    desk: Desk, target: Address | Invitation, answer: KeysAnswer, *, trusted: frozenset[Host]
) -> ContactRow:
    """Make a contact of verified keys; nothing is sent yet.

    Raises `KeysRejected`, `PeerUnreachable`, or `HostUnconfirmed` for a host not in ``trusted``.
    """
    address = address_of(target)
    known = known_already(desk, target)
    if known is not None:
        return known
    remove_contact(desk, address.account_id)
    knocks.undecline(desk, address.account_id)
    row, bundles = read_keys(answer, address.account_id, address.host, known=None, today=desk.day)
    if not bundles:
        raise PeerUnreachable(
            "this account has no keys at its relay yet: ask the person to open the app once"
        )
    save_contact(desk, row)
    devices = [_with_invitation(desk, remember_bundle(desk, item), target) for item in bundles]
    for device in devices:
        if device.host not in trusted:
            raise HostUnconfirmed(device.host)
    if not any(device.path_secret for device in devices):
        raise PeerUnreachable(
            "this person takes no messages from strangers: ask for an invitation, and add that"
        )
    warn_if_stale(desk, row.account_id)
    return contact_row(desk, row.account_id)


def use_invitation(desk: Desk, contact: ContactRow, target: Address | Invitation) -> None:
    """Take a way in for somebody added before who has not been written to yet."""
    if contact.stage is ContactStage.NEW:
        for device in devices_of(desk, contact.account_id):
            _with_invitation(desk, device, target)


def address_of(target: Address | Invitation) -> Address:
    """Give the address in either."""
    return target.address if isinstance(target, Invitation) else target


def send(desk: Desk, account_id: bytes, text: str) -> MessageRow:
    """Take a text for a contact at any stage; the first one makes the request."""
    row = texts.send_text(desk, account_id, text)
    if contact_row(desk, account_id).stage is ContactStage.NEW:
        _ask(desk, AccountId(account_id))
    return message_book.find_message(desk, row.inner_id) or row


def send_again(desk: Desk, inner_id: bytes) -> MessageRow:
    """Send a failed message once more, under its old inner id; raises `MisuseError`."""
    row = message_book.find_message(desk, inner_id)
    if row is None or not row.request:
        return texts.send_again(desk, InnerId(inner_id))
    contact = contact_row(desk, row.account_id)
    if contact.stage is ContactStage.OPEN or row.state not in FAILED:
        return texts.send_again(desk, row.inner_id)
    texts.check_sendable(contact)
    take_bundle(desk, row.account_id, FOR_REPEAT)
    waiting = replace(row, state=MessageState.WAITING, repeats=0)
    message_book.save_message(desk, waiting)
    return waiting


def send_all_again(desk: Desk, inner_ids: list[InnerId]) -> list[MessageRow]:
    """Send those of these messages again that are still unconfirmed; gives their rows."""
    sent: list[MessageRow] = []
    for inner_id in inner_ids:
        row = message_book.find_message(desk, inner_id)
        if row is not None and row.state is MessageState.UNCONFIRMED and row.text:
            sent.append(send_again(desk, inner_id))
    return sent


def bundle_taken(desk: Desk, account_id: AccountId, purpose: str, answer: KeysAnswer) -> None:
    """Work in fresh keys of a contact and do what they were fetched for."""
    contact = find_contact(desk, account_id)
    if contact is None or contact.stage in (ContactStage.BLOCKED, ContactStage.STOPPED):
        return
    try:
        contact, bundles = read_keys(
            answer, account_id, contact.host, known=contact, today=desk.day
        )
    except KeysRejected as rejected:
        raise_alarm(desk, contact, rejected.kind)
        return
    save_contact(desk, contact)
    for bundle in bundles:
        if is_agreed_host(desk, bundle.seal.host):
            remember_bundle(desk, bundle)
        else:
            raise_alarm(desk, contact, AlarmKind.FOREIGN_HOST)
    warn_if_stale(desk, account_id)
    match purpose:
        case "restart":
            begin_restart(desk, contact)
        case "renewal":
            begin_restart(desk, contact, only_linked=True)
        case "reseal":
            reseal_messages(desk, contact)
        case _:
            _ask(desk, account_id, fetched=True)


def accept_received(desk: Desk, device: DeviceRow, body: Accept) -> None:
    """Complete first contact: register their drop, say READY, let go what waited."""
    contact = contact_row(desk, device.account_id)
    if body.request_id != contact.request_id or device.contact_secret is None:
        return
    opened = contact.stage is not ContactStage.OPEN
    save_contact(desk, replace(contact, stage=ContactStage.OPEN, name=body.name))
    current = replace(
        device_row(desk, device.key),
        path=PostPath.CONTACT,
        path_secret=device.contact_secret,
        their_hash=body.drop_hash,
    )
    save_device(desk, current)
    drop = DropRow(body.drop_hash, DropUse.CONTACT, device.account_id)
    entry = post(desk, current, Letter(Ready(), texts.new_inner_id(desk), waits_for=body.drop_hash))
    register(desk, drop, releases=(entry.key,))
    message_states.receipted(desk, device.account_id, body.request_id, ReceiptStatus.DELIVERED)
    if opened:
        event_log.contact_accepted(desk, device.account_id)
    texts.flush_waiting(desk, device.account_id)


def request_refused(desk: Desk, entry: OutboxEntry) -> None:
    """Fall back to NEW when no drop takes our request: the next text asks again."""
    contact = find_contact(desk, entry.account_id)
    if contact is not None and contact.stage is ContactStage.REQUESTED:
        save_contact(desk, replace(contact, stage=ContactStage.NEW))


def repeat_request(desk: Desk, contact: ContactRow) -> None:
    """Ask once more, within the four repeats: the answer may have expired (content.md, 11)."""
    if contact.stage is ContactStage.REQUESTED and _request_message(desk, contact) is not None:
        take_bundle(desk, contact.account_id, FOR_REPEAT)


def _ask(desk: Desk, account_id: AccountId, *, fetched: bool = False) -> None:
    """Make or repeat the request if the keys for it are here; otherwise fetch them, once."""
    contact = contact_row(desk, account_id)
    if contact.stage not in (ContactStage.NEW, ContactStage.REQUESTED):
        return
    message = _request_message(desk, contact)
    if message is None:
        return
    ready = [(row, kept_bundle(desk, contact, row)) for row in devices_of(desk, account_id)]
    usable = [(row, bundle) for row, bundle in ready if bundle and row.path_secret]
    if not usable and fetched:
        # No drop leads there: asked again, the relay would hand out prekeys for nothing.
        message_states.contact_refuses(desk, account_id)
        return
    if not usable:
        purpose = FOR_REQUEST if contact.stage is ContactStage.NEW else FOR_REPEAT
        take_bundle(desk, account_id, purpose)
        return
    _request(desk, contact, message, usable)


def _request_message(desk: Desk, contact: ContactRow) -> MessageRow | None:
    """Give the message whose text the request carries: a short one, or an empty one of its own."""
    known = message_book.find_message(desk, contact.request_id) if contact.request_id else None
    if known is not None and (known.request or contact.stage is ContactStage.REQUESTED):
        return None if known.repeats >= REQUEST_REPEATS_MAX else known
    first = message_book.first_waiting(desk, contact.account_id)
    if first is None or len(first.text.encode()) > REQUEST_TEXT_BYTES_MAX:
        return MessageRow(
            texts.new_inner_id(desk), contact.account_id, MessageState.WAITING, "", hidden=True
        )
    return first


def _request(
    desk: Desk,
    contact: ContactRow,
    message: MessageRow,
    usable: list[tuple[DeviceRow, Bundle]],
) -> None:
    for device, bundle in usable:
        _post_request(desk, device, bundle, message)
    again = message.repeats + (1 if contact.stage is ContactStage.REQUESTED else 0)
    due = desk.hour + _DAY_HOURS * 2**again if again < REQUEST_REPEATS_MAX else 0
    sealed = replace(
        message,
        request=True,
        state=MessageState.SEALED,
        unaccepted=tuple((device.device_id, 1) for device, _ in usable),
        first_hour=message.first_hour or desk.hour,
        not_after=not_after(DEFAULT_TTL, desk.now),
        reseal_hour=due,
        repeats=again,
    )
    message_book.save_message(desk, sealed)
    if message.state in FAILED:
        message_book.announce(desk, sealed)
    save_contact(
        desk,
        replace(
            contact_row(desk, contact.account_id),
            stage=ContactStage.REQUESTED,
            request_id=message.inner_id,
        ),
    )


def _post_request(desk: Desk, device: DeviceRow, bundle: Bundle, message: MessageRow) -> None:
    own = own_account(desk)
    start_session(desk, device, bundle)
    secret = device.contact_secret or make_drop(device.route, desk.random).secret
    device = replace(device_row(desk, device.key), contact_secret=secret)
    save_device(desk, device)
    reply, reply_row = make_reply_drop(desk, device.account_id)
    body = Request(
        drop_hash=Drop(device.route, secret).hash(),
        reply_route=reply.route,
        reply_secret=reply.secret,
        host=own.host,
        name=own.name,
        text=message.text,
    )
    letter = Letter(body, message.inner_id, waits_for=reply_row.drop_hash, written=message.written)
    entry = post(desk, device, letter)
    register(desk, reply_row, releases=(entry.key,))
    if device.path is PostPath.INVITATION:
        # It serves one envelope; whatever comes later goes through the knock drop.
        knock = bundle.seal.knock_secret
        path = PostPath.NONE if knock is None else PostPath.KNOCK
        save_device(desk, replace(device_row(desk, device.key), path=path, path_secret=knock))


def _with_invitation(desk: Desk, device: DeviceRow, target: Address | Invitation) -> DeviceRow:
    if not isinstance(target, Invitation) or target.drop.route != device.route:
        return device
    device = replace(device, path=PostPath.INVITATION, path_secret=target.drop.secret)
    save_device(desk, device)
    return device
