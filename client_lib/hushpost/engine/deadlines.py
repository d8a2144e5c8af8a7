"""What is due by the clock: receipts, gaps, repeats, prekeys, forgetting (docs/spec/content.md).

The caller asks `next_deadline`, waits, and calls `handle_deadline` in a transaction.
"""

from dataclasses import replace
from typing import Final

from hushpost.engine import (
    asking,
    expiry,
    inbox,
    new_sessions,
    receipts,
    seen,
    stream_order,
    wrong_clock,
)
from hushpost.engine.contact_book import all_contacts, devices_of, save_book, session_book
from hushpost.engine.desk import HOUR_SECONDS, Desk
from hushpost.engine.own_account import own_account, save_own
from hushpost.engine.prekey_upkeep import upkeep

_DAY_HOURS: Final = 24


def next_deadline(desk: Desk) -> float:
    """Give the time of the next thing to do, in seconds; at the latest the next full hour.

    Now, if the hour has changed since the last sweep: also when the clock jumped.
    """
    if own_account(desk).swept_hour != desk.hour:
        return desk.now
    due = [float((desk.hour + 1) * HOUR_SECONDS)]
    for deadline in (
        receipts.next_due(desk),
        stream_order.next_deadline(desk),
        expiry.next_due(desk),
    ):
        if deadline is not None:
            due.append(deadline)
    return min(due)


def handle_deadline(desk: Desk) -> None:
    """Do all that is due now."""
    receipts.post_due(desk)
    inbox.release_overdue(desk)
    asking.ask_due(desk)
    own = own_account(desk)
    if own.swept_hour != desk.hour:
        _hourly(desk)
    if own.swept_hour // _DAY_HOURS != desk.day and own_account(desk).swept_hour == desk.hour:
        _daily(desk)


def _hourly(desk: Desk) -> None:
    if not new_sessions.messages_due(desk):
        # More are due: the hour counts as swept when the next transactions have done them all.
        return
    seen.forget_old(desk)
    wrong_clock.mend_outbox(desk)
    save_own(desk, replace(own_account(desk), swept_hour=desk.hour))


def _daily(desk: Desk) -> None:
    upkeep(desk)
    for contact in all_contacts(desk):
        for device in devices_of(desk, contact.account_id):
            save_book(desk, device, session_book(desk, device).forget_expired(desk.now))
