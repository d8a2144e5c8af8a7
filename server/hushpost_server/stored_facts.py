"""What stored rows tell about an account, said in sentences: also what can be inferred from them.

A list of rows hides what it gives away. So every figure that can be read off is read off here, the
uncomfortable ones included: how many contacts there may be, and in which weeks a device was there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Final

from hushpost_store.rows import DropKind
from hushpost_store.sqlite.inventory import ENVELOPE_TABLE_PREFIX
from hushpost_store.sqlite.owned_rows import Cell, OwnedRows, StoredRow
from hushpost_wire.account_records import DeviceList, Genesis
from hushpost_wire.errors import WireError

from hushpost_server.inbox import PREKEY_DAYS_MAX

_EPOCH: Final = date(1970, 1, 1)
_HOURS: Final = 24
Rows = Sequence[StoredRow]


def facts_of(owned: Iterable[OwnedRows]) -> tuple[str, ...]:
    """Return sentences about the rows of one account; one sentence where there are none."""
    tables = {part.table.name: part.rows for part in owned}
    if not any(tables.values()):
        return ("Nothing is stored about this account.",)
    return (
        *_account(tables.get("account", ())),
        *_lists(tables.get("device_list", ())),
        *_mailboxes(tables),
        *_prekeys(tables),
        *_queued(tables),
    )


def _account(rows: Rows) -> Iterable[str]:
    for row in rows:
        yield f"The account was made on {_day(row['created_day'])}."
        try:
            genesis = Genesis.from_bytes(_bytes(row["genesis"]))
        except WireError:
            yield "Its genesis record cannot be read; it is produced as it is."
        else:
            yield (
                f"Its public account key is {genesis.account_key.hex()}; of its recovery key only"
                f" a hash is here, {genesis.recovery_hash.hex()}."
            )
        if row["deleting"]:
            yield "Its deletion was asked for and is under way."


def _lists(rows: Rows) -> Iterable[str]:
    for row in rows:
        try:
            device_list = DeviceList.from_bytes(_bytes(row["record"]))
        except WireError:
            yield f"Device list {_int(row['version'])} cannot be read; it is produced as it is."
            continue
        devices = ", ".join(entry.device_id().hex() for entry in device_list.entries)
        yield (
            f"Device list {device_list.version} was signed on {_day(device_list.issue_day)} and"
            f" names {_count(len(device_list.entries), 'device')}: {devices}."
        )


def _mailboxes(tables: Mapping[str, Rows]) -> Iterable[str]:
    for mailbox in tables.get("mailbox", ()):
        kinds = Counter(
            row["kind"] for row in tables.get("mailbox_drop", ()) if row["slot"] == mailbox["slot"]
        )
        yield (
            f"The mailbox {_bytes(mailbox['route']).hex()} may be written to through"
            f" {_count(kinds[DropKind.CONTACT], 'contact drop')}, which is about the number of its"
            f" owner's contacts, {_count(kinds[DropKind.ONCE], 'one-use drop')} (invitations and"
            f" first replies) and {_count(kinds[DropKind.KNOCK], 'knock drop')}; whose they are,"
            " nothing says."
        )
        if mailbox["knocks"]:
            yield (
                f"Strangers wrote to it {_count(_int(mailbox['knocks']), 'time')} on"
                f" {_day(mailbox['knock_day'])}."
            )
    lost = sum(_int(row["envelopes"]) for row in tables.get("expired_notice", ()))
    if lost:
        yield f"{_count(lost, 'envelope')} expired unread, which its owner has not been told yet."


def _prekeys(tables: Mapping[str, Rows]) -> Iterable[str]:
    rows = tables.get("one_time_prekey", ())
    left = sum(row["record"] is not None for row in rows)
    if rows:
        yield (
            f"{_count(left, 'one-time prekey')} can be handed out; {len(rows) - left} were: about"
            " so many sessions with it were begun, nothing says by whom."
        )
    days = sorted({_int(row["expiry_day"]) for row in (*rows, *tables.get("standing_record", ()))})
    for day in days:
        yield (
            f"Keys of its devices that expire on {_day(day)} were published between"
            f" {_day(day - PREKEY_DAYS_MAX)} and then: a device was connected in that time."
        )


def _queued(tables: Mapping[str, Rows]) -> Iterable[str]:
    queued = [
        row
        for name, rows in tables.items()
        if name.startswith(ENVELOPE_TABLE_PREFIX)
        for row in rows
    ]
    if not queued:
        yield "No envelope waits for it."
        return
    sizes = Counter(_int(row["envelope_bytes"]) for row in queued)
    ends = [_int(row["not_after"]) // _HOURS for row in queued]
    by_size = ", ".join(f"{number} of {size} bytes" for size, number in sorted(sizes.items()))
    drops = len({row["drop_ref"] for row in queued})
    yield (
        f"{_count(len(queued), 'sealed envelope')} ({by_size}), posted through"
        f" {_count(drops, 'drop')}, will be deleted when read, at the latest between"
        f" {_day(min(ends))} and {_day(max(ends))}; each was posted within the 15 days before its"
        " end. Their order shows, and which of them came through the same drop: from one contact,"
        " nothing says whom."
    )


def _day(number: Cell) -> str:
    return (_EPOCH + timedelta(_int(number))).isoformat()


def _int(cell: Cell) -> int:
    return cell if isinstance(cell, int) else 0


def _bytes(cell: Cell) -> bytes:
    return cell if isinstance(cell, bytes) else b""


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
