"""Events kept until the app consumed them (docs/embedding.md; docs/spec/content.md, 6).

An event is written in the same transaction as what it tells of, so neither is there without the
other. State changes of one message, and counts of undecryptable mail of one contact, are one row
that is replaced until consumed, so that an app which never reads events fills no vault with them.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import ClassVar, Final

from pydantic import ConfigDict

from hushpost.contacts import Contact, ContactStage, Knock
from hushpost.content import INNER_ID_BYTES, InnerId
from hushpost.engine.contact_book import find_contact, public_contact
from hushpost.engine.desk import Desk, StateChange
from hushpost.engine.ledger import Table
from hushpost.engine.shelf import ROW_CONFIG, Shelf
from hushpost.events import (
    AlarmKind,
    ClockWrong,
    ContactAccepted,
    KeptEvent,
    KnockReceived,
    MessageReceived,
    MessagesExpired,
    MessagesMissing,
    MessageStateChanged,
    ResendRequested,
    SafetyAlarm,
    SessionRestarted,
    UndecryptableReceived,
    UnknownKindReceived,
)
from hushpost.messages import MessageState

# The inbox is not read while this many events wait: an app that reads none is not given a vault
# that grows without end, and the relay's quotas tell the senders.
EVENTS_WAITING_MAX: Final = 1000
# A relay may claim any number; a sum of such claims stays one that JSON and an app can hold.
COUNT_MAX: Final = 2**53
# Messages named in one event; `Client.send_all_again(contact)` takes all there are.
RESEND_IDS_MAX: Final = 1000
# The end of the year 9999, the last that `datetime` knows: a sender may claim anything.
SENT_MILLISECONDS_MAX: Final = 253_402_300_799_000


@dataclass(frozen=True, slots=True)
class MessageRow:
    """Row of `MessageReceived`."""

    __pydantic_config__: ClassVar[ConfigDict] = ROW_CONFIG

    message_id: InnerId
    text: str
    sent_milliseconds: int
    late: bool


@dataclass(frozen=True, slots=True)
class KnockRow:
    """Row of `KnockReceived`."""

    __pydantic_config__: ClassVar[ConfigDict] = ROW_CONFIG

    address: str
    name: str
    text: str
    invited: bool


@dataclass(frozen=True, slots=True)
class EventRow:
    """A kept event; exactly the fields of its kind are set."""

    __pydantic_config__: ClassVar[ConfigDict] = ROW_CONFIG

    kind: str
    account_id: bytes = b""
    message: MessageRow | None = None
    knock: KnockRow | None = None
    inner_id: bytes = b""
    state: str = ""
    explanation: str = ""
    count: int = 0
    # Drawn at each write, so that consuming an event never removes the one that replaced it.
    token: bytes = b""


_SHELF: Final = Shelf(Table.EVENTS, EventRow)


def message_received(desk: Desk, account_id: bytes, row: MessageRow) -> None:
    """Keep a text for the app."""
    _keep(desk, EventRow("message", account_id, message=row))


def knock_received(desk: Desk, account_id: bytes, row: KnockRow) -> None:
    """Keep a knock; a repeat of one that was not yet consumed replaces it."""
    _keep(desk, EventRow("knock", account_id, knock=row), once=b"knock/" + account_id)


def contact_accepted(desk: Desk, account_id: bytes) -> None:
    """Keep that a contact accepted."""
    _keep(desk, EventRow("accepted", account_id))


def state_changed(desk: Desk, change: StateChange) -> None:
    """Keep a move of an outgoing message, in place of an earlier one not yet consumed."""
    row = EventRow("state", change.account_id, inner_id=change.inner_id, state=change.state)
    desk.states.append(change)
    _keep(desk, row, once=b"state/" + change.inner_id)


def session_restarted(desk: Desk, account_id: bytes) -> None:
    """Keep that a contact's device began anew."""
    _keep(desk, EventRow("restarted", account_id), once=b"restarted/" + account_id)


def safety_alarm(desk: Desk, account_id: bytes, kind: AlarmKind, explanation: str) -> None:
    """Keep an alarm, one of a kind for each contact. Empty ``account_id``: no contact."""
    row = EventRow("alarm", account_id, state=kind, explanation=explanation)
    _keep(desk, row, once=b"alarm/" + kind.encode() + account_id)


def messages_missing(desk: Desk, account_id: bytes, count: int) -> None:
    """Keep that a gap was given up."""
    _keep(desk, EventRow("missing", account_id, count=count))


def mail_expired(desk: Desk, account_id: bytes, count: int) -> None:
    """Keep that mail for this account expired, counted together with what was not yet shown.

    Empty ``account_id``: nobody's, or a stranger's.
    """
    key = b"expired/" + account_id
    known = _SHELF.get(desk.ledger, key)
    total = count if known is None else min(known.count + count, COUNT_MAX)
    _keep(desk, EventRow("expired", account_id, count=total), once=key)


def resend_requested(desk: Desk, account_id: bytes, inner_ids: list[InnerId]) -> None:
    """Keep which messages a contact asks for, in place of what it asked for before."""
    named = b"".join(inner_ids[:RESEND_IDS_MAX])
    row = EventRow("resend", account_id, inner_id=named)
    _keep(desk, row, once=b"resend/" + account_id)


def clock_wrong(desk: Desk, hours: int, explanation: str) -> None:
    """Keep that two clocks differ, ours ahead by so many hours."""
    _keep(desk, EventRow("clock", count=hours, explanation=explanation), once=b"clock")


def undecryptable(desk: Desk, account_id: bytes) -> None:
    """Count an envelope that no key opens. Empty ``account_id``: from no contact."""
    key = b"undecryptable/" + account_id
    known = _SHELF.get(desk.ledger, key)
    count = 1 if known is None else known.count + 1
    _keep(desk, EventRow("undecryptable", account_id, count=count), once=key)


def unknown_kind(desk: Desk, account_id: bytes) -> None:
    """Count a message of a kind that this version does not know."""
    key = b"unknown-kind/" + account_id
    known = _SHELF.get(desk.ledger, key)
    count = 1 if known is None else known.count + 1
    _keep(desk, EventRow("unknown-kind", account_id, count=count), once=key)


def next_event(desk: Desk) -> tuple[bytes, bytes, KeptEvent] | None:
    """Give the oldest kept event as (key, token, event), or None."""
    for _, key, row in _SHELF.first(desk.ledger, 1):
        return key, row.token, _public(desk, row)
    return None


def consume(desk: Desk, key: bytes, token: bytes) -> None:
    """Forget an event that the app is done with, unless a newer one stands in its place."""
    row = _SHELF.get(desk.ledger, key)
    if row is not None and row.token == token:
        _SHELF.delete(desk.ledger, key)


def waiting(desk: Desk) -> int:
    """Count the events not yet consumed."""
    return desk.ledger.count(Table.EVENTS)


def _keep(desk: Desk, row: EventRow, *, once: bytes | None = None) -> None:
    token = desk.random(8)
    key = b"event/" + token if once is None else once
    # Deleted first, so that what replaces an older event comes last.
    _SHELF.delete(desk.ledger, key)
    _SHELF.put(desk.ledger, key, replace(row, token=token))
    desk.new_events = True


def _public(desk: Desk, row: EventRow) -> KeptEvent:
    contact_row = find_contact(desk, row.account_id) if row.account_id else None
    contact = None if contact_row is None else public_contact(contact_row)
    if row.knock is not None:
        knock = row.knock
        return KnockReceived(
            Knock(knock.address, row.account_id, knock.name, knock.text, knock.invited)
        )
    if row.kind == "alarm":
        return SafetyAlarm(contact, AlarmKind(row.state), row.explanation)
    if row.kind == "clock":
        return ClockWrong(row.count, row.explanation)
    if row.kind in _COUNTED:
        return _COUNTED[row.kind](contact, row.count)
    return _about_contact(row, contact or _removed(row.account_id))


def _about_contact(row: EventRow, contact: Contact) -> KeptEvent:
    if row.message is not None:
        message = row.message
        sent_at = _claimed_time(message.sent_milliseconds)
        return MessageReceived(
            contact, message.message_id.hex(), message.text, sent_at, message.late
        )
    if row.kind == "state":
        return MessageStateChanged(contact, row.inner_id.hex(), MessageState(row.state))
    if row.kind == "resend":
        size = INNER_ID_BYTES
        ids = (row.inner_id[at : at + size] for at in range(0, len(row.inner_id), size))
        return ResendRequested(contact, tuple(inner_id.hex() for inner_id in ids))
    if row.kind in _COUNTED_OF_CONTACT:
        return _COUNTED_OF_CONTACT[row.kind](contact, row.count)
    return ContactAccepted(contact) if row.kind == "accepted" else SessionRestarted(contact)


_COUNTED: Final[dict[str, Callable[[Contact | None, int], KeptEvent]]] = {
    "expired": MessagesExpired,
    "undecryptable": UndecryptableReceived,
}
_COUNTED_OF_CONTACT: Final[dict[str, Callable[[Contact, int], KeptEvent]]] = {
    "missing": MessagesMissing,
    "unknown-kind": UnknownKindReceived,
}


def _claimed_time(milliseconds: int) -> datetime | None:
    """Give the sender's claim; None if it makes none, or one that no calendar holds."""
    if not 0 < milliseconds <= SENT_MILLISECONDS_MAX:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _removed(account_id: bytes) -> Contact:
    """Stand in for a contact that was removed after the event happened."""
    return Contact("", account_id, "", ContactStage.BLOCKED, verified=False)
