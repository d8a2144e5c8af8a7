"""Outgoing messages: waiting, sealed, receipted, expired, sent again (docs/spec/content.md, 7).

A row keeps the text until a receipt comes, because a message may have to be sealed again; then the
text is erased and the row stays a while for read receipts. A row's position is the hour at which it
has to be looked at next.
"""

from dataclasses import dataclass, field, replace
from typing import ClassVar, Final

from hushpost_crypto.envelope import Bucket
from hushpost_wire.identifiers import AccountId, DeviceId
from hushpost_wire.ttl import DEFAULT_TTL, not_after
from pydantic import ConfigDict

from hushpost.contacts import ContactStage
from hushpost.content import (
    INNER_ID_BYTES,
    TEXT_BYTES_MAX,
    InnerId,
    ReceiptStatus,
    split_text,
)
from hushpost.engine import event_log
from hushpost.engine.contact_book import (
    ContactRow,
    DeviceRow,
    PostPath,
    contact_row,
    devices_of,
)
from hushpost.engine.desk import Desk, StateChange
from hushpost.engine.ledger import Table
from hushpost.engine.outbox import Letter, OutboxEntry, post
from hushpost.engine.shelf import ROW_CONFIG, Shelf
from hushpost.errors import MisuseError
from hushpost.messages import FAILED, MessageState, has_reached

# A read receipt may come weeks after delivery; afterwards nobody asks for the state any more.
KEEP_HOURS: Final = 30 * 24
# A message sealed under a bundle that nobody answered is sent once more after a day.
RESEAL_HOURS: Final = 24
# What an app may have waiting for one contact that has not accepted yet.
WAITING_MAX: Final = 1000


@dataclass(frozen=True, slots=True)
class MessageRow:
    """An outgoing message. ``text`` is empty once it is not needed any more."""

    __pydantic_config__: ClassVar[ConfigDict] = ROW_CONFIG

    inner_id: InnerId
    account_id: AccountId
    state: MessageState
    text: str = field(repr=False)
    # True for the first message to a stranger, whose text travels in a REQUEST.
    request: bool = False
    # (device, parts not yet accepted); a device whose drop refused is not listed.
    unaccepted: tuple[tuple[DeviceId, int], ...] = ()
    not_after: int = 0
    reseal_hour: int = 0
    repeats: int = 0
    # Counts what waits for one contact, in the order it was written.
    order: int = 0
    # An empty request of the client's own making: no app asked for it, none is told of it.
    hidden: bool = False


_SHELF: Final = Shelf(Table.MESSAGES, MessageRow)
_WAITING: Final = b"waiting/"
_SENT: Final = b"sent/"


def send_text(desk: Desk, account_id: bytes, text: str) -> MessageRow:
    """Take a text for a contact that is open or not yet; raises `MisuseError`."""
    check_text(text)
    contact = contact_row(desk, account_id)
    check_sendable(contact)
    row = MessageRow(new_inner_id(desk), contact.account_id, MessageState.WAITING, text)
    if contact.stage is ContactStage.OPEN:
        return _seal(desk, row)
    before = _waiting(desk, account_id)
    if len(before) >= WAITING_MAX:
        raise MisuseError(
            f"{WAITING_MAX} messages wait for this contact to accept; wait for ContactAccepted"
        )
    row = replace(row, order=before[-1].order + 1 if before else 1)
    save_message(desk, row)
    return row


def flush_waiting(desk: Desk, account_id: bytes) -> None:
    """Seal what waited for a contact that is open now, in the order it was written."""
    for row in _waiting(desk, account_id):
        _announce(desk, _seal(desk, row))


def send_again(desk: Desk, inner_id: InnerId) -> MessageRow:
    """Seal a failed message anew under its old inner id; raises `MisuseError`."""
    row = find_message(desk, inner_id)
    if row is None or row.state not in FAILED:
        raise MisuseError("only a message that is refused or unconfirmed can be sent again")
    if not row.text:
        raise MisuseError("the text of this message is erased; send it as a new message")
    contact = contact_row(desk, row.account_id)
    check_sendable(contact)
    if contact.stage is not ContactStage.OPEN:
        row = replace(row, state=MessageState.WAITING, not_after=0)
        save_message(desk, row)
        return _announce(desk, row)
    return _announce(desk, _seal(desk, row))


def first_waiting(desk: Desk, account_id: bytes) -> MessageRow | None:
    """Give the oldest message that waits for a contact."""
    waiting = _waiting(desk, account_id)
    return waiting[0] if waiting else None


def find_message(desk: Desk, inner_id: bytes) -> MessageRow | None:
    """Give an outgoing message that is still remembered."""
    return _SHELF.get(desk.ledger, inner_id)


def save_message(desk: Desk, row: MessageRow) -> None:
    """Store a message under the hour at which `sweep_messages` has to look at it."""
    waiting = row.state is MessageState.WAITING
    lookup = (_WAITING if waiting else _SENT) + row.account_id
    _SHELF.put(desk.ledger, row.inner_id, row, position=_next_hour(desk, row), lookup=lookup)


def entry_accepted(desk: Desk, entry: OutboxEntry) -> None:
    """Count a part that a relay took; the message is accepted with the last part of one device."""
    row = find_message(desk, entry.inner_id)
    if row is None:
        return
    left = tuple(
        (device, count - 1 if device == entry.device_id else count)
        for device, count in row.unaccepted
    )
    row = replace(row, unaccepted=left)
    if any(count == 0 for _, count in left):
        row = advance(desk, row, MessageState.ACCEPTED)
    save_message(desk, row)


def entry_refused(desk: Desk, entry: OutboxEntry) -> None:
    """Take a device off a message; with the last one the message is refused."""
    row = find_message(desk, entry.inner_id)
    if row is None or has_reached(row.state, MessageState.ACCEPTED):
        return
    left = tuple(pair for pair in row.unaccepted if pair[0] != entry.device_id)
    row = replace(row, unaccepted=left)
    if not left and row.state not in FAILED:
        row = _announce(desk, replace(row, state=MessageState.REFUSED))
    save_message(desk, row)


def receipted(desk: Desk, account_id: bytes, inner_id: InnerId, status: ReceiptStatus) -> None:
    """Believe a receipt of the message's own recipient; ignore any other (content.md, 2)."""
    row = find_message(desk, inner_id)
    if row is None or row.account_id != account_id or row.state is MessageState.WAITING:
        return
    wanted = MessageState.READ if status is ReceiptStatus.READ else MessageState.DELIVERED
    row = advance(desk, row, wanted)
    save_message(desk, replace(row, text="", reseal_hour=0))


def advance(desk: Desk, row: MessageRow, state: MessageState) -> MessageRow:
    """Move a message forward, never back; gives the row, which the caller stores."""
    if row.state not in FAILED and has_reached(row.state, state):
        return row
    if row.state in FAILED and state is MessageState.ACCEPTED:
        return row
    return _announce(desk, replace(row, state=state))


def sweep_messages(desk: Desk) -> list[MessageRow]:
    """Work off the messages whose hour has come; gives those to be sealed again by the caller."""
    due: list[MessageRow] = []
    for position, _, row in _SHELF.first(desk.ledger, 256):
        if position > desk.hour:
            break
        if _is_settled(row):
            _SHELF.delete(desk.ledger, row.inner_id)
        elif row.state is MessageState.WAITING:
            save_message(desk, row)
        elif desk.hour < row.not_after:
            due.extend(_due_again(desk, row))
        else:
            save_message(desk, _announce(desk, replace(row, state=MessageState.UNCONFIRMED)))
    return due


def _due_again(desk: Desk, row: MessageRow) -> list[MessageRow]:
    """Give the row if it is on its reader's side; what is still here is looked at again later."""
    accepted = row.state is MessageState.ACCEPTED
    save_message(desk, replace(row, reseal_hour=0 if accepted else desk.hour + RESEAL_HOURS))
    return [row] if accepted else []


def reseal(desk: Desk, row: MessageRow) -> None:
    """Seal an unanswered message once more, in the session that is now (content.md, 4)."""
    _seal(desk, replace(row, repeats=row.repeats + 1))


def contact_refuses(desk: Desk, account_id: bytes) -> None:
    """Refuse what waits for a contact that is blocked or removed."""
    for row in _waiting(desk, account_id):
        save_message(desk, _announce(desk, replace(row, state=MessageState.REFUSED)))


def new_inner_id(desk: Desk) -> InnerId:
    """Draw an inner id."""
    return InnerId(desk.random(INNER_ID_BYTES))


def check_text(text: str) -> None:
    """Raise `MisuseError` for a text that no message can carry."""
    size = len(text_bytes(text, "the text"))
    if size == 0:
        raise MisuseError("the text is empty; there is nothing to send")
    if size > TEXT_BYTES_MAX:
        raise MisuseError(
            f"the text has {size} bytes and a message carries {TEXT_BYTES_MAX}; cut it in pieces"
        )


def text_bytes(text: object, what: str) -> bytes:
    """Give the UTF-8 of what an app hands in as text; raises `MisuseError`."""
    if not isinstance(text, str):
        raise MisuseError(f"{what} is a str, not {type(text).__name__}")
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise MisuseError(f"{what} holds a lone surrogate, which is no character") from None


def check_sendable(contact: ContactRow) -> None:
    """Raise `MisuseError` towards a blocked contact or a stopped conversation."""
    if contact.stage is ContactStage.BLOCKED:
        raise MisuseError("this contact is blocked; call add_contact to write to it again")
    if contact.stage is ContactStage.STOPPED:
        raise MisuseError(
            "a safety alarm stopped this conversation: compare the safety number by another way,"
            " then call remove_contact and add_contact"
        )


def _waiting(desk: Desk, account_id: bytes) -> list[MessageRow]:
    """Give what waits for a contact, in the order it was written; a position is only an hour."""
    found = [row for _, row in _SHELF.find(desk.ledger, _WAITING + account_id)]
    return sorted(found, key=lambda row: row.order)


def _seal(desk: Desk, row: MessageRow) -> MessageRow:
    devices = devices_ready(desk, row.account_id)
    parts = split_text(row.text)
    smallest = Bucket.SMALL if len(parts) == 1 else Bucket.LARGE
    unanswered = False
    for device in devices:
        for part in parts:
            entry = post(desk, device, Letter(part, row.inner_id, bucket_min=smallest))
            unanswered = unanswered or entry.sealed_first
    sealed = replace(
        row,
        state=MessageState.SEALED if devices else MessageState.REFUSED,
        unaccepted=tuple((device.device_id, len(parts)) for device in devices),
        not_after=not_after(DEFAULT_TTL, desk.now),
        reseal_hour=desk.hour + RESEAL_HOURS if unanswered and not row.repeats else 0,
    )
    save_message(desk, sealed)
    return sealed


def devices_ready(desk: Desk, account_id: bytes) -> list[DeviceRow]:
    """Give the devices that mail goes to: accepted, and in the newest list (content.md, 3)."""
    listed = contact_row(desk, account_id).device_list
    return [
        row
        for row in devices_of(desk, account_id)
        if row.path is PostPath.CONTACT and listed.find(row.device_id) is not None
    ]


def _announce(desk: Desk, row: MessageRow) -> MessageRow:
    if row.hidden:
        return row
    event_log.state_changed(desk, StateChange(row.inner_id, row.account_id, row.state))
    return row


def _is_settled(row: MessageRow) -> bool:
    return row.state in FAILED or has_reached(row.state, MessageState.DELIVERED)


def _next_hour(desk: Desk, row: MessageRow) -> int:
    if _is_settled(row):
        return desk.hour + KEEP_HOURS
    if row.state is MessageState.WAITING:
        # Nothing is due for what waits for a person's decision; looked at again in a month.
        return desk.hour + KEEP_HOURS
    return min(row.not_after, row.reseal_hour or row.not_after)
