"""Prekeys as rows (docs/spec/store.md, "Prekeys"). Functions for the connection's thread.

A one-time record that was handed out keeps its id, without the record, until its expiry day:
a batch whose answer got lost and that comes again never brings it back.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

from hushpost_store import errors
from hushpost_store.rows import (
    AccountRow,
    OneTimePrekey,
    PrekeyBundle,
    StandingRecord,
    TakenPrekeys,
)
from hushpost_store.sqlite import accounts
from hushpost_store.sqlite.inventory import ONE_TIME_PREKEY, STANDING_RECORD

_SIGNED: Final = 1
_SEAL: Final = 2


def publish(
    connection: sqlite3.Connection,
    account_id: bytes,
    device_id: bytes,
    *,
    one_time: Sequence[OneTimePrekey],
    signed: StandingRecord | None,
    seal: StandingRecord | None,
    day: int,
    prekeys_max: int,
) -> int:
    """Insert what is new and return how many one-time records are left."""
    _require_device(connection, account_id, device_id)
    inserted = connection.executemany(
        "INSERT OR IGNORE INTO one_time_prekey"
        " (account_id, device_id, prekey_id, expiry_day, record) VALUES (?, ?, ?, ?, ?)",
        [(account_id, device_id, p.prekey_id, p.expiry_day, p.record) for p in one_time],
    )
    if inserted.rowcount > 0 and _left(connection, account_id, device_id, day) > prekeys_max:
        raise errors.PrekeysFull("the device has as many one-time prekeys as it may")
    for kind, standing in ((_SIGNED, signed), (_SEAL, seal)):
        if standing is not None:
            connection.execute(
                "INSERT OR REPLACE INTO standing_record"
                " (account_id, device_id, kind, expiry_day, record) VALUES (?, ?, ?, ?, ?)",
                (account_id, device_id, kind, standing.expiry_day, standing.record),
            )
    return _left(connection, account_id, device_id, day)


def take(
    connection: sqlite3.Connection, account_id: bytes, day: int, *, one_time: bool = True
) -> TakenPrekeys | None:
    """Hand out one bundle of each device, with a one-time record if there is one and it may."""
    account: AccountRow | None = accounts.load(connection, account_id)
    if account is None:
        return None
    bundles = (
        _take_one(connection, account_id, d.device_id, day, one_time=one_time)
        for d in account.devices
    )
    return TakenPrekeys(account.genesis, account.device_list, tuple(bundles))


def count(connection: sqlite3.Connection, account_id: bytes, device_id: bytes, day: int) -> int:
    """Return how many one-time records of a device can still be handed out."""
    _require_device(connection, account_id, device_id)
    return _left(connection, account_id, device_id, day)


def prune(connection: sqlite3.Connection, day: int) -> int:
    """Remove what expired, ids of taken records included; returns how many records went."""
    removed = connection.execute(
        "SELECT count(*) FROM one_time_prekey WHERE expiry_day < ? AND record IS NOT NULL", (day,)
    ).fetchone()[0]
    connection.execute("DELETE FROM one_time_prekey WHERE expiry_day < ?", (day,))
    standing = connection.execute("DELETE FROM standing_record WHERE expiry_day < ?", (day,))
    return int(removed) + standing.rowcount


def _take_one(
    connection: sqlite3.Connection, account_id: bytes, device_id: bytes, day: int, *, one_time: bool
) -> PrekeyBundle:
    found = (
        one_time
        and connection.execute(
            "SELECT prekey_id, record FROM one_time_prekey WHERE account_id = ? AND device_id = ?"  # noqa: S608 - names of ours
            " AND record IS NOT NULL AND +expiry_day >= ?"
            f" AND {ONE_TIME_PREKEY.intact()} ORDER BY prekey_id LIMIT 1",
            (account_id, device_id, day),
        ).fetchone()
    )
    if found:
        connection.execute(
            "UPDATE one_time_prekey SET record = NULL"
            " WHERE account_id = ? AND device_id = ? AND prekey_id = ?",
            (account_id, device_id, found[0]),
        )
    standing = dict(
        connection.execute(
            f"SELECT kind, record FROM standing_record WHERE {STANDING_RECORD.intact()}"  # noqa: S608 - names of ours
            " AND account_id = ? AND device_id = ? AND expiry_day >= ?",
            (account_id, device_id, day),
        ).fetchall()
    )
    return PrekeyBundle(
        device_id=device_id,
        signed=standing.get(_SIGNED),
        seal=standing.get(_SEAL),
        one_time=found[1] if found else None,
        left=_left(connection, account_id, device_id, day),
    )


def _left(connection: sqlite3.Connection, account_id: bytes, device_id: bytes, day: int) -> int:
    return int(
        connection.execute(
            "SELECT count(*) FROM one_time_prekey WHERE account_id = ? AND device_id = ?"
            " AND record IS NOT NULL AND +expiry_day >= ?",
            (account_id, device_id, day),
        ).fetchone()[0]
    )


def _require_device(connection: sqlite3.Connection, account_id: bytes, device_id: bytes) -> None:
    found = connection.execute(
        "SELECT 1 FROM device JOIN account USING (account_id)"
        " WHERE account_id = ? AND device_id = ? AND NOT deleting",
        (account_id, device_id),
    ).fetchone()
    if found is None:
        raise errors.DeviceUnknown("the account has no device of this id")
