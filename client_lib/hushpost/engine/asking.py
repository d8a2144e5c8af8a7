"""Asking a contact for mail that did not arrive (docs/spec/content.md, 11, the owner's side).

OPEN        RESEND to each of its devices, with what is missing of that device's stream
REQUESTED   the ACCEPT may be lost: the request once more
ACCEPTED    the READY is lost: the ACCEPT once more
"""

from typing import Final

from hushpost.contacts import ContactStage
from hushpost.content import RESEND_GAPS_MAX, Resend
from hushpost.engine import expiry, first_contact, knocks
from hushpost.engine.contact_book import DeviceRow, devices_of, find_contact
from hushpost.engine.desk import Desk
from hushpost.engine.expiry import ExpiryRow
from hushpost.engine.outbox import Letter, post
from hushpost.engine.stream_order import HOLD_SECONDS, recent_gaps
from hushpost.engine.texts import devices_ready, new_inner_id

# Contacts asked in one transaction; the others follow in the next.
ASK_BATCH: Final = 16


def ask_due(desk: Desk) -> None:
    """Tell and ask what is due."""
    for row in expiry.take_due(desk, ASK_BATCH):
        _ask(desk, row)


def _ask(desk: Desk, row: ExpiryRow) -> None:
    contact = find_contact(desk, row.account_id)
    if contact is None:
        return
    if contact.stage is ContactStage.REQUESTED:
        first_contact.repeat_request(desk, contact)
    elif contact.stage is ContactStage.ACCEPTED:
        knocks.repeat_accept(desk, contact)
    elif contact.stage is ContactStage.OPEN:
        if any(device.held for device in devices_of(desk, contact.account_id)):
            # What is held may have its gap filled yet: ask when its place is known.
            expiry.ask_later(desk, row, HOLD_SECONDS)
            return
        for device in devices_ready(desk, contact.account_id):
            post(desk, device, Letter(_request(desk, device), new_inner_id(desk)))


def _request(desk: Desk, device: DeviceRow) -> Resend:
    gaps = tuple((first, last) for first, last, _ in recent_gaps(device, desk.hour))
    return Resend(device.next_in, gaps[-RESEND_GAPS_MAX:])
