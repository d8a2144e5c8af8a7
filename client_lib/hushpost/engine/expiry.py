"""Mail that did not arrive: what the app was told of it, and whom to ask (content.md, 11).

    notice of the relay --+--> count, told at most once a day ----------> MessagesExpired
    gap given up ---------+--> wanted, asked at most once a day --> (`asking`) RESEND

Nothing here is believed: a relay's count is shown, and what is asked for comes from the counters
inside the ciphertext. One row an account, forgotten when both days are over.
"""

from dataclasses import dataclass, replace
from typing import ClassVar, Final

from hushpost_wire.identifiers import DropReference
from pydantic import ConfigDict

from hushpost.engine import event_log
from hushpost.engine.contact_book import find_contact
from hushpost.engine.desk import HOUR_SECONDS, Desk
from hushpost.engine.ledger import Table
from hushpost.engine.own_drops import find_drop
from hushpost.engine.shelf import ROW_CONFIG, Shelf

DAY_HOURS: Final = 24
# After any gap that came with the backlog was waited for, and not at the moment of the cause: then
# nobody who watches learns more from it than from the receipts of an ordinary delivery.
ASK_SECONDS_MIN: Final = 60
ASK_SECONDS_SPAN: Final = 61


@dataclass(frozen=True, slots=True)
class ExpiryRow:
    """What is known of one account's lost mail. Hours and days are this device's own."""

    __pydantic_config__: ClassVar[ConfigDict] = ROW_CONFIG

    # Empty for everything that no contact sent.
    account_id: bytes
    # Told by the relay and not yet shown to the app.
    count: int = 0
    told_hour: int = 0
    asked_hour: int = 0
    # Seconds at which to ask; 0: nothing to ask.
    ask_at: int = 0


_SHELF: Final = Shelf(Table.EXPIRIES, ExpiryRow)


def noticed(desk: Desk, drops: list[tuple[bytes, int]]) -> None:
    """Take in a relay's notice, as (drop reference, count); commit it before `expired_seen`."""
    counts: dict[bytes, int] = {}
    for reference, count in drops:
        drop = find_drop(desk, DropReference(reference))
        account_id = b"" if drop is None else drop.account_id
        counts[account_id] = counts.get(account_id, 0) + count
    for account_id, count in counts.items():
        row = _find(desk, account_id)
        row = replace(row, count=min(row.count + count, event_log.COUNT_MAX))
        if account_id and find_contact(desk, account_id) is not None:
            row = _wanted(desk, row)
        _save(desk, _told(desk, row))


def gap_given_up(desk: Desk, account_id: bytes) -> None:
    """Ask for what a contact sent and did not arrive, whatever the relay says of it."""
    _save(desk, _wanted(desk, _find(desk, account_id)))


def next_due(desk: Desk) -> float | None:
    """Give the time at which something is to be asked or told, in seconds."""
    for position, _, _ in _SHELF.first(desk.ledger, 1):
        return float(position)
    return None


def take_due(desk: Desk, limit: int) -> list[ExpiryRow]:
    """Tell the app what may be told now; give those who are to be asked, which count as asked."""
    wanted: list[ExpiryRow] = []
    for position, _, row in _SHELF.first(desk.ledger, limit):
        if position > desk.now:
            break
        told = _told(desk, row)
        if 0 < told.ask_at <= desk.now:
            told = replace(told, ask_at=0, asked_hour=desk.hour)
            wanted.append(told)
        _save(desk, told)
    return wanted


def ask_later(desk: Desk, row: ExpiryRow, seconds: int) -> None:
    """Put off a question that counted as asked, for something else has to come first."""
    _save(desk, replace(row, asked_hour=0, ask_at=int(desk.now) + seconds))


def _told(desk: Desk, row: ExpiryRow) -> ExpiryRow:
    if not row.count or _is_recent(desk, row.told_hour):
        return row
    event_log.mail_expired(desk, row.account_id, row.count)
    return replace(row, count=0, told_hour=desk.hour)


def _wanted(desk: Desk, row: ExpiryRow) -> ExpiryRow:
    if row.ask_at and row.ask_at <= desk.now + (DAY_HOURS + 1) * HOUR_SECONDS:
        # Not one that lies further ahead: it is of a clock that was wrong.
        return row
    drawn = int.from_bytes(desk.random(4), "big") % ASK_SECONDS_SPAN
    ask_at = int(desk.now) + ASK_SECONDS_MIN + drawn
    if _is_recent(desk, row.asked_hour):
        ask_at = max(ask_at, (row.asked_hour + DAY_HOURS) * HOUR_SECONDS + drawn)
    return replace(row, ask_at=ask_at)


def _is_recent(desk: Desk, hour: int) -> bool:
    # An hour that lies ahead is of a clock that was wrong, and binds nobody.
    return 0 <= desk.hour - hour < DAY_HOURS


def _find(desk: Desk, account_id: bytes) -> ExpiryRow:
    return _SHELF.get(desk.ledger, _key(account_id)) or ExpiryRow(account_id)


def _save(desk: Desk, row: ExpiryRow) -> None:
    """Store a row at the time at which it is to be looked at, or forget it."""
    again = (max(row.told_hour, row.asked_hour) + DAY_HOURS) * HOUR_SECONDS
    looks = [again] if _is_recent(desk, row.told_hour) or _is_recent(desk, row.asked_hour) else []
    if row.count:
        looks.append((row.told_hour + DAY_HOURS) * HOUR_SECONDS)
    if row.ask_at:
        looks.append(row.ask_at)
    if not looks:
        _SHELF.delete(desk.ledger, _key(row.account_id))
        return
    _SHELF.put(desk.ledger, _key(row.account_id), row, position=min(looks))


def _key(account_id: bytes) -> bytes:
    return b"expiry/" + account_id
