"""Texts on their way out: taken, sealed, sent again (docs/spec/content.md, 7).

What is kept of each is in `message_book`, how it moves on in `message_states`.
"""

from dataclasses import replace
from typing import Final

from hushpost_crypto.envelope import Bucket
from hushpost_wire.identifiers import DeviceId
from hushpost_wire.ttl import DEFAULT_TTL, not_after

from hushpost.contacts import ContactStage
from hushpost.content import (
    INNER_ID_BYTES,
    TEXT_BYTES_MAX,
    InnerId,
    split_text,
)
from hushpost.engine.contact_book import (
    ContactRow,
    DeviceRow,
    PostPath,
    contact_row,
    devices_of,
)
from hushpost.engine.desk import Desk
from hushpost.engine.message_book import (
    MessageRow,
    announce,
    failed,
    find_message,
    may_be_repeated,
    save_message,
    waiting_for,
)
from hushpost.engine.message_states import RESEAL_HOURS
from hushpost.engine.outbox import Letter, post
from hushpost.errors import MisuseError
from hushpost.messages import FAILED, MessageState

# What an app may have waiting for one contact that has not accepted yet.
WAITING_MAX: Final = 1000


def send_text(desk: Desk, account_id: bytes, text: str) -> MessageRow:
    """Take a text for a contact that is open or not yet; raises `MisuseError`."""
    check_text(text)
    contact = contact_row(desk, account_id)
    check_sendable(contact)
    row = MessageRow(
        new_inner_id(desk),
        contact.account_id,
        MessageState.WAITING,
        text,
        written=desk.milliseconds,
    )
    if contact.stage is ContactStage.OPEN:
        return _seal(desk, row)
    before = waiting_for(desk, account_id)
    if len(before) >= WAITING_MAX:
        raise MisuseError(
            f"{WAITING_MAX} messages wait for this contact to accept; wait for ContactAccepted"
        )
    row = replace(row, order=before[-1].order + 1 if before else 1)
    save_message(desk, row)
    return row


def flush_waiting(desk: Desk, account_id: bytes) -> None:
    """Seal what waited for a contact that is open now, in the order it was written."""
    for row in waiting_for(desk, account_id):
        announce(desk, _seal(desk, row))


def send_again(desk: Desk, inner_id: InnerId) -> MessageRow:
    """Seal a failed message anew under its old inner id; raises `MisuseError`."""
    row = find_message(desk, inner_id)
    if row is None or row.state not in FAILED:
        raise MisuseError("only a message that is refused or unconfirmed can be sent again")
    if not row.text:
        raise MisuseError("the text of this message is erased; send it as a new message")
    if not may_be_repeated(desk, row):
        raise MisuseError("this message is too old to be sent again; send it as a new message")
    contact = contact_row(desk, row.account_id)
    check_sendable(contact)
    if contact.stage is not ContactStage.OPEN:
        row = replace(row, state=MessageState.WAITING, not_after=0)
        save_message(desk, row)
        return announce(desk, row)
    return announce(desk, _seal(desk, row))


def reseal(desk: Desk, row: MessageRow) -> None:
    """Seal an unanswered message once more, in the session that is now (content.md, 4)."""
    _seal(desk, replace(row, repeats=row.repeats + 1))


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


def _seal(desk: Desk, row: MessageRow) -> MessageRow:
    devices = devices_ready(desk, row.account_id)
    parts = split_text(row.text)
    smallest = Bucket.SMALL if len(parts) == 1 else Bucket.LARGE
    unanswered = False
    places: list[tuple[DeviceId, int, int]] = []
    for device in devices:
        entries = [
            post(desk, device, Letter(part, row.inner_id, bucket_min=smallest, written=row.written))
            for part in parts
        ]
        unanswered = unanswered or any(entry.sealed_first for entry in entries)
        places.append((device.device_id, entries[0].stream, entries[-1].stream))
    sealed = replace(
        row,
        state=MessageState.SEALED if devices else MessageState.REFUSED,
        unaccepted=tuple((device.device_id, len(parts)) for device in devices),
        places=tuple(places),
        first_hour=row.first_hour or desk.hour,
        asked=False,
        not_after=not_after(DEFAULT_TTL, desk.now),
        reseal_hour=desk.hour + RESEAL_HOURS if unanswered and not row.repeats else 0,
    )
    if not devices:
        sealed = failed(desk, sealed, MessageState.REFUSED)
    save_message(desk, sealed)
    return sealed


def seal_anew(desk: Desk, row: MessageRow) -> None:
    """Seal a message that no relay has accepted once more, behind everything else."""
    _seal(desk, replace(row, first_hour=0))


def devices_ready(desk: Desk, account_id: bytes) -> list[DeviceRow]:
    """Give the devices that mail goes to: accepted, and in the newest list (content.md, 3)."""
    listed = contact_row(desk, account_id).device_list
    return [
        row
        for row in devices_of(desk, account_id)
        if row.path is PostPath.CONTACT and listed.find(row.device_id) is not None
    ]
