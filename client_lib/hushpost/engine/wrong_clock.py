"""A clock that is wrong, here or at the relay (docs/spec/delivery.md, 3 and 6).

    hello.hour differs by more than a day, or BAD_TTL --> the app is told, once a day
    mail sealed while this clock was ahead            --> sealed anew when it is right again

This device believes its own clock all the same: a relay sets nobody's time.
"""

from dataclasses import replace
from typing import Final

from hushpost_wire.ttl import TtlClass, not_after, unit_hours

from hushpost.content import Kind, Ready
from hushpost.engine import event_log, first_contact, knocks, message_book, texts
from hushpost.engine.contact_book import find_contact
from hushpost.engine.desk import Desk
from hushpost.engine.ledger import Table
from hushpost.engine.outbox import OutboxEntry, remove, seal_in_place, whole_outbox
from hushpost.engine.own_account import own_account, save_own
from hushpost.messages import MessageState

# Mail lives for days, and a relay takes a `not_after` that is one day too far.
DIFFERENCE_HOURS_MAX: Final = 24
_SET_IT: Final = "set the date and time of this device, or ask the relay's operator"


def compare_hours(desk: Desk, relay_hour: int) -> None:
    """Hold the hour of the own relay's `hello` against this clock."""
    ahead = desk.hour - relay_hour
    if abs(ahead) > DIFFERENCE_HOURS_MAX:
        way = "ahead of" if ahead > 0 else "behind"
        _tell(
            desk, ahead, f"this device's clock is {abs(ahead)} hours {way} its relay's: {_SET_IT}"
        )


def lifetime_refused(desk: Desk) -> None:
    """Tell that a relay does not take mail of this date; the mail waits."""
    _tell(desk, 0, f"a relay refuses mail of today's date, and it waits: {_SET_IT}")


def mend_outbox(desk: Desk) -> None:
    """Seal anew what was sealed while this clock was ahead; call it hourly."""
    again: list[bytes] = []
    for entry in whole_outbox(desk):
        if not _lies_ahead(desk, entry):
            continue
        if entry.kind == Kind.TEXT and entry.inner_id not in again:
            again.append(entry.inner_id)
        _mend(desk, entry)
    for inner_id in again:
        row = message_book.find_message(desk, inner_id)
        wanted = row is not None and find_contact(desk, row.account_id) is not None
        if row is not None and wanted and row.state is MessageState.SEALED:
            texts.seal_anew(desk, row)


def _lies_ahead(desk: Desk, entry: OutboxEntry) -> bool:
    ttl_class = TtlClass(entry.ttl_class)
    return entry.not_after > not_after(ttl_class, desk.now) + unit_hours(ttl_class)


def _mend(desk: Desk, entry: OutboxEntry) -> None:
    """Keep the place of an entry in the stream, with something else in it where need be."""
    contact = find_contact(desk, entry.account_id)
    if contact is None or entry.kind == Kind.REQUEST:
        # Before a request nothing else is in the stream: it needs no place, and is asked anew.
        remove(desk, entry)
        if contact is not None:
            # Nobody has this session, and its generation lies ahead too: peers would refuse it.
            desk.ledger.delete(Table.SESSIONS, entry.device_key)
            first_contact.repeat_request(desk, contact)
        return
    accept = knocks.acceptance_again(desk, contact, entry) if entry.kind == Kind.ACCEPT else None
    seal_in_place(desk, entry, accept or Ready(), texts.new_inner_id(desk))


def _tell(desk: Desk, ahead: int, explanation: str) -> None:
    own = own_account(desk)
    if own.clock_told_day != desk.day:
        save_own(desk, replace(own, clock_told_day=desk.day))
        event_log.clock_wrong(desk, ahead, explanation)
