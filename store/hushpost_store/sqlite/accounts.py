"""Accounts, device lists and devices as rows (docs/spec/store.md, "Accounts").

Functions that run in the connection's thread, within the writer's transaction. Deleting is a
sequence of steps, each safe to repeat: mark, empty each mailbox, remove the rows.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from hushpost_store import errors
from hushpost_store.memory_accounts import DEVICE_LISTS_MAX
from hushpost_store.rows import AccountRow, DeviceListRow, DeviceRow
from hushpost_store.sqlite.inventory import (
    ACCOUNT,
    DEVICE,
    DEVICE_LIST,
    ENVELOPE_TABLE_PREFIX,
    MAILBOX,
)
from hushpost_store.sqlite.mailboxes import SEQUENCE_MASK, row_id

# Random 30 bits below a set top bit: every key of an envelope takes the same nine bytes.
SLOT_LOW: Final = 1 << 30
# One step of emptying a mailbox; other work goes on between two.
DELETE_STEP_ROWS: Final = 256


class Removed(NamedTuple):
    """What one step removed."""

    envelopes: int
    stored_bytes: int


def load(connection: sqlite3.Connection, account_id: bytes) -> AccountRow | None:
    """Return an account that is not being deleted."""
    found = connection.execute(
        f"SELECT genesis, created_day, deleting, {ACCOUNT.intact()} FROM account"  # noqa: S608 - names of ours
        " WHERE account_id = ?",
        (account_id,),
    ).fetchone()
    if found is None or (found[2] and found[3]):
        return None
    newest = connection.execute(
        # All are looked at: a damaged version would let an older list pass for the newest.
        f"SELECT version, head, record, min({DEVICE_LIST.intact()}) OVER () FROM device_list"  # noqa: S608 - names of ours
        " WHERE account_id = ? ORDER BY version DESC LIMIT 1",
        (account_id,),
    ).fetchone()
    if not found[3] or newest is None or not newest[3]:
        raise errors.StoreDamaged("the row of an account is damaged: run `hushpost-relay check`")
    devices = _devices(connection, account_id)
    # Every account has one; the row of an only device whose key is damaged is not found.
    _require_intact((len(devices),))
    return AccountRow(account_id, found[0], found[1], DeviceListRow(*newest[:3]), devices)


def create(connection: sqlite3.Connection, account: AccountRow) -> bool:
    """Insert an account; False where the very same is here already."""
    known = load(connection, account.account_id)
    if known is not None:
        if replace(account, created_day=known.created_day) == known:
            return False
        raise errors.AccountExists("an account of this id exists and differs")
    try:
        connection.execute(
            "INSERT INTO account (account_id, genesis, created_day, deleting) VALUES (?, ?, ?, 0)",
            (account.account_id, account.genesis, account.created_day),
        )
    except sqlite3.IntegrityError as error:
        raise errors.AccountExists("the account is being deleted: try again later") from error
    _insert_list(connection, account.account_id, account.device_list)
    for position, device in enumerate(account.devices):
        _insert_device(connection, account.account_id, position, device)
    return True


def publish(
    connection: sqlite3.Connection,
    account_id: bytes,
    expected_head: bytes,
    device_list: DeviceListRow,
    devices: Sequence[DeviceRow],
) -> tuple[bytes, ...]:
    """Swap the device list; returns the routes that must be closed down afterwards."""
    account = load(connection, account_id)
    if account is None:
        raise errors.AccountUnknown("no account of this id")
    if account.device_list == device_list and account.devices == tuple(devices):
        return ()
    if account.device_list.head != expected_head:
        raise errors.DeviceListConflict("the stored device list is another one")
    _insert_list(connection, account_id, device_list)
    connection.execute(
        "DELETE FROM device_list WHERE account_id = ? AND version NOT IN (SELECT version FROM"
        " device_list WHERE account_id = ? ORDER BY version DESC LIMIT ?)",
        (account_id, account_id, DEVICE_LISTS_MAX),
    )
    return _swap_devices(connection, account, devices)


def lists(
    connection: sqlite3.Connection, account_id: bytes, after_version: int
) -> tuple[DeviceListRow, ...]:
    """Return the kept lists of a later version."""
    rows = connection.execute(
        "SELECT version, head, record,"  # noqa: S608 - names of ours
        f" {DEVICE_LIST.intact('device_list.')} AND {ACCOUNT.intact('account.')}"
        " FROM device_list JOIN account USING (account_id)"
        " WHERE account_id = ? AND NOT deleting AND version > ? ORDER BY version",
        (account_id, after_version),
    ).fetchall()
    _require_intact(row[3] for row in rows)
    return tuple(DeviceListRow(*row[:3]) for row in rows)


def mark_deleting(connection: sqlite3.Connection, account_id: bytes) -> bool:
    """First step of a deletion; False where there is no such account."""
    marked = connection.execute(
        "UPDATE account SET deleting = 1 WHERE account_id = ?", (account_id,)
    )
    return marked.rowcount > 0


def deleting(connection: sqlite3.Connection) -> list[bytes]:
    """Return the accounts whose deletion was broken off."""
    rows = connection.execute(
        # A flipped bit must not delete an account.
        f"SELECT account_id FROM account WHERE deleting AND {ACCOUNT.intact()}"  # noqa: S608 - names of ours
    )
    return [row[0] for row in rows]


def routes(connection: sqlite3.Connection, account_id: bytes) -> tuple[bytes, ...]:
    """Return the routes of an account's mailboxes that are still there, to delete them.

    A deletion that was broken off has removed some already: that is no damage.
    """
    rows = connection.execute(
        "SELECT route FROM device JOIN mailbox USING (slot) WHERE account_id = ? ORDER BY position",
        (account_id,),
    )
    return tuple(row[0] for row in rows)


def empty_mailbox(
    connection: sqlite3.Connection, route: bytes, buckets: Sequence[int]
) -> Removed | None:
    """Delete some of a mailbox's envelopes; None when none are left."""
    found = connection.execute("SELECT slot FROM mailbox WHERE route = ?", (route,)).fetchone()
    if found is None:
        return None
    ends = (row_id(found[0], 0), row_id(found[0], SEQUENCE_MASK))
    for bucket in buckets:
        table = f"{ENVELOPE_TABLE_PREFIX}{bucket}"
        removed = connection.execute(
            f"DELETE FROM {table} WHERE id IN (SELECT id FROM {table} WHERE id BETWEEN ? AND ?"  # noqa: S608 - names of ours
            " LIMIT ?)",
            (*ends, DELETE_STEP_ROWS),
        ).rowcount
        if removed:
            return Removed(removed, removed * bucket)
    return None


def remove_mailbox(connection: sqlite3.Connection, route: bytes) -> None:
    """Remove an emptied mailbox with its drops and notices."""
    found = connection.execute("SELECT slot FROM mailbox WHERE route = ?", (route,)).fetchone()
    if found is not None:
        for table in ("mailbox_drop", "expired_notice", "mailbox"):
            connection.execute(f"DELETE FROM {table} WHERE slot = ?", found)  # noqa: S608 - names of ours


def remove(connection: sqlite3.Connection, account_id: bytes) -> None:
    """Last step of a deletion: the rows of the account itself."""
    for table in ("one_time_prekey", "standing_record", "device", "device_list", "account"):
        connection.execute(f"DELETE FROM {table} WHERE account_id = ?", (account_id,))  # noqa: S608 - names of ours


def orphans(connection: sqlite3.Connection) -> list[bytes]:
    """Return routes of mailboxes that no device owns: a removal was broken off."""
    # Where the row of a device is damaged, any mailbox may be that device's: none is taken away.
    damaged = connection.execute(
        f"SELECT count(*) FROM device WHERE NOT {DEVICE.intact()}"  # noqa: S608 - names of ours
    ).fetchone()
    if damaged != (0,):
        return []
    rows = connection.execute(
        "SELECT route FROM mailbox WHERE slot NOT IN (SELECT slot FROM device)"  # noqa: S608 - names of ours
        f" AND {MAILBOX.intact()}"
    )
    return [row[0] for row in rows]


def _devices(connection: sqlite3.Connection, account_id: bytes) -> tuple[DeviceRow, ...]:
    rows = connection.execute(
        "SELECT device_id, device_key, route,"  # noqa: S608 - names of ours
        f" {DEVICE.intact('device.')} AND mailbox.slot IS NOT NULL"
        f" AND {MAILBOX.intact('mailbox.')}, position FROM device LEFT JOIN mailbox USING (slot)"
        " WHERE account_id = ? ORDER BY position",
        (account_id,),
    ).fetchall()
    # One whose key is damaged is not found: its place is empty.
    _require_intact(row[3] and row[4] == place for place, row in enumerate(rows))
    return tuple(DeviceRow(*row[:3]) for row in rows)


def _require_intact(verdicts: Iterable[int | None]) -> None:
    if not all(verdicts):
        raise errors.StoreDamaged("a row of an account is damaged: run `hushpost-relay check`")


def _insert_list(
    connection: sqlite3.Connection, account_id: bytes, device_list: DeviceListRow
) -> None:
    try:
        connection.execute(
            "INSERT INTO device_list (account_id, version, head, record) VALUES (?, ?, ?, ?)",
            (account_id, device_list.version, device_list.head, device_list.record),
        )
    except sqlite3.IntegrityError as error:
        raise errors.DeviceListConflict("a device list of this version is stored") from error


def _insert_device(
    connection: sqlite3.Connection, account_id: bytes, position: int, device: DeviceRow
) -> None:
    slot = _make_mailbox(connection, device.route)
    connection.execute(
        "INSERT INTO device (account_id, position, device_id, device_key, slot)"
        " VALUES (?, ?, ?, ?, ?)",
        (account_id, position, device.device_id, device.device_key, slot),
    )


def _swap_devices(
    connection: sqlite3.Connection, account: AccountRow, devices: Sequence[DeviceRow]
) -> tuple[bytes, ...]:
    named = {device.device_id: device for device in devices}
    gone = [d for d in account.devices if named.get(d.device_id) != d]
    for device in gone:
        for table in ("one_time_prekey", "standing_record", "device"):
            connection.execute(
                f"DELETE FROM {table} WHERE account_id = ? AND device_id = ?",  # noqa: S608 - names of ours
                (account.account_id, device.device_id),
            )
    for position, device in enumerate(devices):
        if device in account.devices:
            connection.execute(
                "UPDATE device SET position = ? WHERE account_id = ? AND device_id = ?",
                (position, account.account_id, device.device_id),
            )
        else:
            _insert_device(connection, account.account_id, position, device)
    return tuple(device.route for device in gone)


def _make_mailbox(connection: sqlite3.Connection, route: bytes) -> int:
    taken = connection.execute("SELECT 1 FROM mailbox WHERE route = ?", (route,)).fetchone()
    if taken:
        raise errors.RouteTaken("a route names a mailbox already: draw another one")
    while True:
        slot = SLOT_LOW + secrets.randbelow(SLOT_LOW)
        made = connection.execute(
            "INSERT OR IGNORE INTO mailbox (slot, route, knock_day, knocks, notices_closed)"
            " VALUES (?, ?, 0, 0, 0)",
            (slot, route),
        )
        if made.rowcount:
            return slot
