"""Outgoing messages as rows: what is kept of each, and for how long (docs/spec/content.md, 7).

A row keeps the text until a receipt comes, because a message may have to be sealed again; then the
text is erased and the row stays a while for read receipts. A row's position is the hour at which it
has to be looked at next.
"""

from dataclasses import dataclass, field, replace
from typing import ClassVar, Final

from hushpost_wire.identifiers import AccountId, DeviceId
from pydantic import ConfigDict

from hushpost.content import InnerId
from hushpost.engine import event_log
from hushpost.engine.desk import Desk, StateChange
from hushpost.engine.ledger import Table
from hushpost.engine.shelf import ROW_CONFIG, Shelf
from hushpost.messages import FAILED, MessageState, has_reached

# A read receipt may come weeks after delivery; afterwards nobody asks for the state any more.
KEEP_HOURS: Final = 30 * 24
# How long after its first sealing a message may be sent again: its reader remembers the inner id
# for 64 days, and the last envelope lives 15 (content.md, 6).
REPEAT_HOURS: Final = 45 * 24


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
    # When it was written, in milliseconds; every repeat says the same.
    written: int = 0
    # The hour of its first sealing; 0: not sealed yet.
    first_hour: int = 0
    # Where its last sealing stands in the streams: (device, first place, last place).
    places: tuple[tuple[DeviceId, int, int], ...] = ()
    # The hour at which a failed message is forgotten.
    keep_until: int = 0
    # The recipient asked for it, and it was not sent again since.
    asked: bool = False


_SHELF: Final = Shelf(Table.MESSAGES, MessageRow)
_WAITING: Final = b"waiting/"
_SENT: Final = b"sent/"


def find_message(desk: Desk, inner_id: bytes) -> MessageRow | None:
    """Give an outgoing message that is still remembered."""
    return _SHELF.get(desk.ledger, inner_id)


def save_message(desk: Desk, row: MessageRow) -> None:
    """Store a message under the hour at which `sweep_messages` has to look at it."""
    waiting = row.state is MessageState.WAITING
    lookup = (_WAITING if waiting else _SENT) + row.account_id
    _SHELF.put(desk.ledger, row.inner_id, row, position=_next_hour(desk, row), lookup=lookup)


def forget_message(desk: Desk, row: MessageRow) -> None:
    """Forget a message and its state."""
    _SHELF.delete(desk.ledger, row.inner_id)


def first_messages(desk: Desk, limit: int) -> list[tuple[int, MessageRow]]:
    """Give the messages that are to be looked at first, with the hour of each."""
    return [(position, row) for position, _, row in _SHELF.first(desk.ledger, limit)]


def sent_to(desk: Desk, account_id: bytes) -> list[MessageRow]:
    """Give the messages to a contact that are sealed or were, in the order they were written."""
    found = [row for _, row in _SHELF.find(desk.ledger, _SENT + account_id)]
    return sorted(found, key=lambda row: (row.written, min((p[1] for p in row.places), default=0)))


def unconfirmed_to(desk: Desk, account_id: bytes) -> list[MessageRow]:
    """Give the unconfirmed messages to a contact that can be sent again, oldest first."""
    return [
        row
        for row in sent_to(desk, account_id)
        if row.state is MessageState.UNCONFIRMED and row.text and may_be_repeated(desk, row)
    ]


def asked_for(desk: Desk, account_id: bytes) -> list[MessageRow]:
    """Give those that the contact asked for and that were not sent again since."""
    return [row for row in unconfirmed_to(desk, account_id) if row.asked]


def waiting_for(desk: Desk, account_id: bytes) -> list[MessageRow]:
    """Give what waits for a contact, in the order it was written; a position is only an hour."""
    found = [row for _, row in _SHELF.find(desk.ledger, _WAITING + account_id)]
    return sorted(found, key=lambda row: row.order)


def first_waiting(desk: Desk, account_id: bytes) -> MessageRow | None:
    """Give the oldest message that waits for a contact."""
    waiting = waiting_for(desk, account_id)
    return waiting[0] if waiting else None


def may_be_repeated(desk: Desk, row: MessageRow) -> bool:
    """Whether its reader is sure to know a repeat of this message as one (content.md, 7)."""
    return desk.hour <= row.first_hour + REPEAT_HOURS or not row.first_hour


def announce(desk: Desk, row: MessageRow) -> MessageRow:
    """Tell the app of a message's state; gives the row."""
    if row.hidden:
        return row
    event_log.state_changed(desk, StateChange(row.inner_id, row.account_id, row.state))
    return row


def failed(desk: Desk, row: MessageRow, state: MessageState) -> MessageRow:
    """Give a message that came to nothing, to be kept for a while; the caller stores it."""
    return replace(row, state=state, keep_until=desk.hour + KEEP_HOURS)


def advance(desk: Desk, row: MessageRow, state: MessageState) -> MessageRow:
    """Move a message forward, never back; gives the row, which the caller stores."""
    if row.state not in FAILED and has_reached(row.state, state):
        return row
    if row.state in FAILED and state is MessageState.ACCEPTED:
        return row
    return announce(desk, replace(row, state=state, asked=False))


def is_settled(row: MessageRow) -> bool:
    """Whether nothing more is due for a message but to be forgotten."""
    return row.state in FAILED or has_reached(row.state, MessageState.DELIVERED)


def _next_hour(desk: Desk, row: MessageRow) -> int:
    if row.state in FAILED and row.text and row.first_hour:
        # Its text is of no use once it cannot be sent again.
        return min(row.keep_until, max(desk.hour, row.first_hour + REPEAT_HOURS) + 1)
    if row.state in FAILED:
        return row.keep_until
    if is_settled(row):
        return desk.hour + KEEP_HOURS
    if row.state is MessageState.WAITING:
        # Nothing is due for what waits for a person's decision; looked at again in a month.
        return desk.hour + KEEP_HOURS
    return min(row.not_after, row.reseal_hour or row.not_after)
