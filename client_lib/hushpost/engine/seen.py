"""What was received before (docs/spec/content.md, 6): envelope ids, inner ids, KEM ciphertexts.

Positions are the hour (for KEM ciphertexts the day) after which a row may be forgotten, so that one
`delete_through` forgets what is due. Per drop and per account the number is bounded.
"""

from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import ClassVar, Final

from hushpost_wire.identifiers import AccountId, DropReference, EnvelopeId
from pydantic import ConfigDict

from hushpost.engine.contact_book import contact_row, find_device_by_key, save_contact
from hushpost.engine.desk import Desk
from hushpost.engine.ledger import Table
from hushpost.engine.outbox import UNACCEPTED_MAX
from hushpost.engine.own_account import own_account, save_own
from hushpost.engine.own_drops import DropRow, save_drop
from hushpost.engine.shelf import ROW_CONFIG, Shelf

# More than a drop may have queued at a relay eight times over.
ENVELOPES_PER_DROP_MAX: Final = 8192
MESSAGES_PER_ACCOUNT_MAX: Final = 8192
# One eighth is forgotten at once, so that a full set is not walked for every envelope.
_EVICT: Final = 1024
DAY_HOURS: Final = 24
# Longer than a sender repeats a message: 45 days, 15 for the last envelope, clocks that differ.
INNER_ID_HOURS: Final = 64 * DAY_HOURS
# A sender repeats what was not accepted, and a relay whose disk is full delivers it each time:
# twenty minutes of that are no attack (`couriers.retry_wait`). A relay that goes on longer replays.
REPEATS_MAX: Final = 16


class Sight(Enum):
    """Whether an envelope was received before, and what a second time means."""

    NEW = auto()
    REPEATED = auto()
    REPLAYED = auto()


@dataclass(frozen=True, slots=True)
class Arrival:
    """An envelope as the relay delivered it. ``login_number`` counts this device's logins."""

    drop_ref: DropReference
    envelope_id: EnvelopeId
    not_after: int
    envelope: bytes
    login_number: int

    @property
    def key(self) -> bytes:
        """Its place in the seen-set."""
        return self.drop_ref + self.envelope_id


@dataclass(frozen=True, slots=True)
class SeenRow:
    """What is remembered of an envelope: when it came first and last, and what was in it."""

    __pydantic_config__: ClassVar[ConfigDict] = ROW_CONFIG

    login_number: int
    first_hour: int
    repeats: int = 0
    device_key: bytes = b""
    stream: int = 0


_SEEN: Final = Shelf(Table.SEEN_ENVELOPES, SeenRow)


def see_envelope(desk: Desk, arrival: Arrival, drop: DropRow | None) -> Sight:
    """Remember an envelope id; tells an innocent repeat from a replay (content.md, 8)."""
    before = _SEEN.get(desk.ledger, arrival.key)
    if before is None and drop is None:
        # Nobody's mail, and nothing opens it: remembered, a relay could fill the vault with it.
        return Sight.NEW
    if before is None:
        _put(desk, arrival, SeenRow(arrival.login_number, desk.hour))
        if drop is not None:
            save_drop(desk, replace(drop, seen=_counted(desk, drop.seen, arrival.drop_ref)))
        own = own_account(desk)
        if own.fresh_login != arrival.login_number:
            save_own(desk, replace(own, fresh_login=arrival.login_number))
        return Sight.NEW
    row = replace(before, login_number=arrival.login_number, repeats=before.repeats + 1)
    _put(desk, arrival, row)
    return Sight.REPLAYED if _is_replay(desk, before, row) else Sight.REPEATED


def note_stream(desk: Desk, arrival: Arrival, device_key: bytes, stream: int) -> None:
    """Remember what an envelope held, to judge repeats of it by."""
    row = _SEEN.get(desk.ledger, arrival.key)
    if row is not None:
        _put(desk, arrival, replace(row, device_key=device_key, stream=stream))


def _put(desk: Desk, arrival: Arrival, row: SeenRow) -> None:
    position = arrival.not_after + DAY_HOURS
    _SEEN.put(desk.ledger, arrival.key, row, position=position, lookup=arrival.drop_ref)


def _is_replay(desk: Desk, before: SeenRow, row: SeenRow) -> bool:
    later_login = row.login_number > before.login_number
    if later_login and own_account(desk).fresh_login <= before.login_number:
        # Our acknowledgement may have been lost with its connection, and nothing new has come
        # since: an honest relay delivers its backlog, in order, before anything new.
        return False
    if row.repeats >= REPEATS_MAX or desk.hour - before.first_hour >= DAY_HOURS:
        return True
    device = find_device_by_key(desk, row.device_key)
    # A sender posts in order and has few envelopes unaccepted: it never goes back further.
    return device is not None and device.highest_in >= row.stream + UNACCEPTED_MAX


def see_message(desk: Desk, account_id: AccountId, inner_id: bytes, part: int) -> bool:
    """Remember an inner message; False if it was received before."""
    key = account_id + inner_id + bytes((part,))
    known = desk.ledger.get(Table.SEEN_MESSAGES, key) is not None
    position = desk.hour + INNER_ID_HOURS
    desk.ledger.put(Table.SEEN_MESSAGES, key, b"", position=position, lookup=account_id)
    if known:
        return False
    row = contact_row(desk, account_id)
    count = row.seen_messages + 1
    if count > MESSAGES_PER_ACCOUNT_MAX:
        count = _evict(desk, Table.SEEN_MESSAGES, account_id)
    save_contact(desk, replace(row, seen_messages=count))
    return True


def unsee_message(desk: Desk, account_id: AccountId, inner_id: bytes, part: int) -> None:
    """Forget an inner message that was dropped unfinished, so that a repeat of it counts."""
    if desk.ledger.delete(Table.SEEN_MESSAGES, account_id + inner_id + bytes((part,))):
        row = contact_row(desk, account_id)
        save_contact(desk, replace(row, seen_messages=max(0, row.seen_messages - 1)))


def see_ciphertext(desk: Desk, reencapsulation: bytes, erase_day: int) -> None:
    """Remember a KEM ciphertext while the secret it was made for lives."""
    desk.ledger.put(Table.KEM_CIPHERTEXTS, reencapsulation, b"", position=erase_day)


def ciphertext_seen(desk: Desk, reencapsulation: bytes) -> bool:
    """Whether a KEM ciphertext was used before."""
    return desk.ledger.get(Table.KEM_CIPHERTEXTS, reencapsulation) is not None


def forget_old(desk: Desk) -> None:
    """Forget what is past its time."""
    desk.ledger.delete_through(Table.SEEN_ENVELOPES, desk.hour)
    desk.ledger.delete_through(Table.SEEN_MESSAGES, desk.hour)
    desk.ledger.delete_through(Table.PARTS, desk.hour)
    desk.ledger.delete_through(Table.KEM_CIPHERTEXTS, desk.day)


def _counted(desk: Desk, seen: int, reference: DropReference) -> int:
    if seen < ENVELOPES_PER_DROP_MAX:
        return seen + 1
    return _evict(desk, Table.SEEN_ENVELOPES, reference)


def _evict(desk: Desk, table: Table, lookup: bytes) -> int:
    """Forget the oldest of a full set; gives how many are left."""
    rows = desk.ledger.find(table, lookup)
    surplus = max(0, len(rows) - ENVELOPES_PER_DROP_MAX + _EVICT)
    for row in rows[:surplus]:
        desk.ledger.delete(table, row.key)
    return len(rows) - surplus
