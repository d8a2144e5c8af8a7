"""Receipts that are due: batched, after a random delay (docs/spec/content.md, 7).

A receipt at once, and one for each message, would tell whoever watches the connection which
envelope was answered by which. All that wait for one contact go together.
"""

from typing import Final

from hushpost.contacts import ContactStage
from hushpost.content import RECEIPTS_MAX, InnerId, Receipt, ReceiptStatus
from hushpost.engine.contact_book import contact_row, find_contact
from hushpost.engine.desk import Desk
from hushpost.engine.ledger import Row, Table
from hushpost.engine.outbox import Letter, post
from hushpost.engine.own_account import own_account
from hushpost.engine.texts import devices_ready, new_inner_id

DELAY_MIN_MILLISECONDS: Final = 1000
DELAY_SPAN_MILLISECONDS: Final = 4000
_ACCOUNT_BYTES: Final = 32


def note_delivered(desk: Desk, account_id: bytes, inner_id: InnerId) -> None:
    """Owe a delivery receipt."""
    _owe(desk, account_id, inner_id, ReceiptStatus.DELIVERED)


def note_read(desk: Desk, account_id: bytes, inner_id: InnerId) -> bool:
    """Owe a read receipt if the person allows them; says whether."""
    row = contact_row(desk, account_id)
    own = own_account(desk).read_receipts
    allowed = own if row.read_receipts is None else row.read_receipts
    if allowed:
        _owe(desk, account_id, inner_id, ReceiptStatus.READ)
    return allowed


def next_due(desk: Desk) -> float | None:
    """Give the time at which the next batch is due, in seconds."""
    for row in desk.ledger.rows(Table.RECEIPTS, limit=1):
        return desk.now if _is_due(desk, row) else row.position / 1000
    return None


def post_due(desk: Desk) -> None:
    """Post one batch for every contact of which a receipt is due."""
    done: set[bytes] = set()
    for row in desk.ledger.rows(Table.RECEIPTS, limit=RECEIPTS_MAX):
        if not _is_due(desk, row):
            break
        account_id = row.key[:_ACCOUNT_BYTES]
        if account_id not in done:
            done.add(account_id)
            _post_batch(desk, account_id)


def _is_due(desk: Desk, row: Row) -> bool:
    """Whether its time has come, also where the clock went back behind what put it off."""
    ahead = row.position - desk.milliseconds
    return not 0 < ahead <= DELAY_MIN_MILLISECONDS + DELAY_SPAN_MILLISECONDS


def _owe(desk: Desk, account_id: bytes, inner_id: InnerId, status: ReceiptStatus) -> None:
    # `read` says `delivered` too, so that a later status takes the earlier one's place.
    drawn = int.from_bytes(desk.random(4), "big") % DELAY_SPAN_MILLISECONDS
    due = desk.milliseconds + DELAY_MIN_MILLISECONDS + drawn
    key = account_id + inner_id
    if status is ReceiptStatus.DELIVERED and desk.ledger.get(Table.RECEIPTS, key) is not None:
        return
    desk.ledger.put(Table.RECEIPTS, key, bytes((status,)), position=due, lookup=account_id)


def _post_batch(desk: Desk, account_id: bytes) -> None:
    owed = desk.ledger.find(Table.RECEIPTS, account_id)[:RECEIPTS_MAX]
    for row in owed:
        desk.ledger.delete(Table.RECEIPTS, row.key)
    contact = find_contact(desk, account_id)
    if contact is None or contact.stage is not ContactStage.OPEN:
        return
    entries = tuple(
        (ReceiptStatus(row.value[0]), InnerId(row.key[_ACCOUNT_BYTES:])) for row in owed
    )
    for device in devices_ready(desk, account_id):
        post(desk, device, Letter(Receipt(entries), new_inner_id(desk)))
