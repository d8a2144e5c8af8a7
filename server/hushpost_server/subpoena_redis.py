"""All that could be produced about one account where mail is kept in Redis.

The rows are the keys themselves, each field and member of them; what they tell is said in the same
sentences as of a database, and beyond it what Redis alone counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from typing import Final

from hushpost_store.redis.onlooker import HeldAccount, HeldMailbox, OwnedKeys
from hushpost_store.sqlite import inventory
from hushpost_store.sqlite.owned_rows import OwnedRows, StoredRow

from hushpost_server.account_reference import AccountReference, address_of
from hushpost_server.memory_inventory import HELD
from hushpost_server.stored_facts import facts_of
from hushpost_server.subpoena import (
    FORMAT,
    Remembered,
    StoredColumn,
    StoredTable,
    Subpoena,
    preamble,
)
from hushpost_server.subpoena_words import CANNOT, ELSEWHERE, LIVE, Absence, Place

_EPOCH: Final = date(1970, 1, 1)
# As in open.lua: the lower bits of a login epoch are random, the upper ones count.
_EPOCH_RANDOM_BITS: Final = 20
_UNREADABLE: Final = (
    "A relay would not find this account: its deletion is under way, or it is damaged. What there"
    " is of it is produced as it is.",
)
_GONE: Final = "envelopes that were delivered, or that expired"
_CANNOT: Final = tuple(
    Absence(
        absence.what,
        "they are out of Redis's memory with the acknowledgement or the sweep, and out of its files"
        " on every server within 15 minutes",
    )
    if absence.what == _GONE
    else absence
    for absence in CANNOT
)
_ELSEWHERE: Final = (
    Place(
        "the files and replicas of the Redis servers",
        "the same as above, and what was deleted in the last 15 minutes, sealed; copies that the"
        " operator made of such files keep whatever was in them",
    ),
    *(place for place in ELSEWHERE if not place.where.startswith("backups")),
)


def subpoena_of(
    held: HeldAccount, reference: AccountReference, *, host: str, today: int
) -> Subpoena:
    """Return the answer about an account from all that Redis holds of it."""
    is_known = any(part.rows for part in held.keys)
    facts = facts_of(_as_tables(held))
    if is_known and held.account is None:
        facts = _UNREADABLE
    return Subpoena(
        format=FORMAT,
        produced_on=(_EPOCH + timedelta(today)).isoformat(),
        account_id=reference.account_id.hex(),
        address=address_of(reference.account_id, host),
        is_known=is_known,
        relay_runs=held.relays > 0,
        facts=(*preamble(reference, host), *facts, *_counted(held.keys)),
        stored=tuple(map(_table, held.keys)),
        rows_of_nobody={"keys of mailboxes": held.keys_of_nobody} if held.keys_of_nobody else {},
        memory=tuple(Remembered(h.name, h.tells, h.retention) for h in HELD if h.tells),
        watching=LIVE,
        elsewhere=_ELSEWHERE,
        cannot=_CANNOT,
    )


def _table(owned: OwnedKeys) -> StoredTable:
    declared = owned.declared
    columns = ("key", "field", "value") if declared.kind == "hash" else ("key", "field", "score")
    purposes = ("whose", "what", "its content, in hexadecimal")
    return StoredTable(
        declared.name,
        declared.purpose,
        declared.clause.value,
        tuple(
            StoredColumn(name, purpose, declared.retention)
            for name, purpose in zip(columns, purposes, strict=True)
        ),
        tuple(
            {columns[0]: row.key, columns[1]: row.field, columns[2]: row.value.hex()}
            for row in owned.rows
        ),
    )


def _counted(keys: Iterable[OwnedKeys]) -> Iterable[str]:
    """Say what Redis counts and a database does not: logins, and envelopes since the beginning."""
    for row in (
        row for part in keys if part.declared.name == "{route}:mailbox" for row in part.rows
    ):
        # What is no number is in the rows as it is, and says nothing.
        figure = int(row.value) if row.value.isdigit() else None
        if row.field == "epoch" and figure is not None:
            yield (
                f"A device logged in to {row.key} {_logins(figure)} times since it was made"
                " here; nothing says when."
            )
        if row.field == "last" and figure is not None:
            yield f"The last envelope of {row.key} has the number {figure}."
        if row.field == "node":
            yield f"A device is logged in to {row.key} now, or was when its relay died."


def _logins(epoch: int) -> int:
    return epoch >> _EPOCH_RANDOM_BITS if epoch >> _EPOCH_RANDOM_BITS else epoch


def _as_tables(held: HeldAccount) -> tuple[OwnedRows, ...]:
    """Return what Redis holds in the form of a database's rows, for the sentences about them."""
    if held.account is None:
        return ()
    account = held.account
    rows: list[tuple[inventory.Table, list[StoredRow]]] = [
        (
            inventory.ACCOUNT,
            [
                {
                    "genesis": account.account.genesis,
                    "created_day": account.account.created_day,
                    "deleting": 0,
                }
            ],
        ),
        (
            inventory.DEVICE_LIST,
            [{"version": row.version, "record": row.record} for row in account.lists],
        ),
        (
            inventory.ONE_TIME_PREKEY,
            [{"record": row.record, "expiry_day": row.expiry_day} for row in account.prekeys],
        ),
        (inventory.STANDING_RECORD, [{"expiry_day": row.expiry_day} for row in account.standing]),
        *(part for mailbox in held.mailboxes for part in _of_mailbox(mailbox)),
    ]
    merged: dict[str, OwnedRows] = {}
    for table, more in rows:
        before = merged.get(table.name, OwnedRows(table, ()))
        merged[table.name] = replace(before, rows=(*before.rows, *more))
    return tuple(merged.values())


def _of_mailbox(mailbox: HeldMailbox) -> Iterable[tuple[inventory.Table, list[StoredRow]]]:
    contents = mailbox.contents
    yield (
        inventory.MAILBOX,
        [
            {
                "slot": contents.route,
                "route": contents.route,
                "knocks": contents.knocks,
                "knock_day": contents.knock_day,
            }
        ],
    )
    yield (
        inventory.DROP,
        [{"slot": contents.route, "kind": int(drop.kind)} for drop in contents.drops],
    )
    yield (
        inventory.EXPIRED,
        [{"envelopes": drop.envelopes} for notice in contents.expired for drop in notice.drops],
    )
    for row in mailbox.envelopes:
        size = len(row.envelope)
        cells: StoredRow = {
            "envelope_bytes": size,
            "not_after": row.not_after,
            "drop_ref": row.drop_ref,
        }
        yield inventory.envelope_table(size), [cells]
