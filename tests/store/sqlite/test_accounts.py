"""Accounts as rows: compare and swap, and deletion in steps that may each be the last."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import pytest
from hushpost_store import DeviceRow, errors
from hushpost_store.conformance import account, device_list, digest, route
from hushpost_store.memory_accounts import DEVICE_LISTS_MAX
from hushpost_store.sqlite import accounts
from hushpost_store.sqlite.group import INSERT_COLUMNS
from hushpost_store.sqlite.mailboxes import row_id

BUCKETS = (4096, 16384)
BOB = account("bob", devices=2)


def _slot(connection: sqlite3.Connection, name: bytes) -> int:
    found = connection.execute("SELECT slot FROM mailbox WHERE route = ?", (name,)).fetchone()
    assert found is not None
    return int(found[0])


def _fill(connection: sqlite3.Connection, slot: int, bucket: int, rows: int) -> None:
    connection.executemany(
        f"INSERT INTO envelope_{bucket} {INSERT_COLUMNS}"
        " VALUES (?1, 1, ?2, ?3, 1, ?4, envelope_digest(?1, 1, ?2, ?3, 1, ?4))",
        [(row_id(slot, n), b"i", b"r", b"e") for n in range(1, rows + 1)],
    )


def _count(connection: sqlite3.Connection, table: str) -> int:
    return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def test_an_account_is_loaded_as_created_and_created_once(connection: sqlite3.Connection) -> None:
    """The same account again changes nothing, another of its id is refused."""
    assert accounts.create(connection, BOB)
    assert not accounts.create(connection, replace(BOB, created_day=BOB.created_day + 5))
    assert accounts.load(connection, BOB.account_id) == BOB
    with pytest.raises(errors.AccountExists):
        accounts.create(connection, replace(BOB, genesis=b"another"))


def test_slots_fill_nine_byte_keys_and_tell_no_order(connection: sqlite3.Connection) -> None:
    """Slots are drawn from 30 random bits below a set one, not counted up as mailboxes come."""
    for number in range(40):
        accounts.create(connection, account(f"person {number}"))
    slots = [_slot(connection, route(f"person {number}")) for number in range(40)]
    assert all(1 << 30 <= slot < 1 << 31 for slot in slots)
    assert len(set(slots)) == 40
    assert slots != sorted(slots)


def test_a_taken_route_is_refused(connection: sqlite3.Connection) -> None:
    """Nobody gets a mailbox that is another's."""
    accounts.create(connection, BOB)
    thief = replace(account("thief"), devices=(DeviceRow(b"t" * 16, b"k", route("bob", 1)),))
    with pytest.raises(errors.RouteTaken):
        accounts.create(connection, thief)


def test_device_lists_follow_one_another(connection: sqlite3.Connection) -> None:
    """A list replaces only the head it names; so many are kept; the same list again is accepted."""
    accounts.create(connection, BOB)
    newest = DEVICE_LISTS_MAX + 6
    for version in range(2, newest + 1):
        closed = accounts.publish(
            connection,
            BOB.account_id,
            digest(f"bob head {version - 1}"),
            device_list("bob", version),
            BOB.devices,
        )
        assert closed == ()
    kept = accounts.lists(connection, BOB.account_id, 0)
    assert [row.version for row in kept] == list(range(7, newest + 1))
    again = (BOB.account_id, b"any head", device_list("bob", newest), BOB.devices)
    assert accounts.publish(connection, *again) == ()
    with pytest.raises(errors.DeviceListConflict, match="another one"):
        accounts.publish(
            connection, BOB.account_id, b"old head", device_list("fork", newest + 1), BOB.devices
        )
    with pytest.raises(errors.DeviceListConflict, match="this version"):
        accounts.publish(
            connection,
            BOB.account_id,
            digest(f"bob head {newest}"),
            device_list("fork", newest),
            BOB.devices,
        )
    with pytest.raises(errors.AccountUnknown):
        accounts.publish(connection, digest("nobody"), b"", device_list("x", 1), ())


def test_devices_come_and_go_with_the_list(connection: sqlite3.Connection) -> None:
    """A device that is no longer named gives its route back to be closed; a new one gets one."""
    accounts.create(connection, BOB)
    fresh = DeviceRow(b"n" * 16, b"k" * 32, b"new route of 16b")
    devices = (fresh, BOB.devices[0])
    closed = accounts.publish(
        connection, BOB.account_id, BOB.device_list.head, device_list("bob", 2), devices
    )
    assert closed == (BOB.devices[1].route,)
    loaded = accounts.load(connection, BOB.account_id)
    assert loaded is not None
    assert loaded.devices == devices
    assert accounts.orphans(connection) == [BOB.devices[1].route]


def test_deleting_is_a_sequence_of_small_repeatable_steps(connection: sqlite3.Connection) -> None:
    """Marked, emptied in bounded steps and removed; each step again finds nothing to do."""
    accounts.create(connection, BOB)
    slot = _slot(connection, BOB.devices[0].route)
    _fill(connection, slot, 4096, accounts.DELETE_STEP_ROWS + 4)
    _fill(connection, slot, 16384, 3)
    assert accounts.mark_deleting(connection, BOB.account_id)
    assert accounts.load(connection, BOB.account_id) is None
    assert accounts.lists(connection, BOB.account_id, 0) == ()
    assert accounts.deleting(connection) == [BOB.account_id]
    with pytest.raises(errors.AccountExists, match="being deleted"):
        accounts.create(connection, BOB)
    routes = accounts.routes(connection, BOB.account_id)
    assert routes == tuple(device.route for device in BOB.devices)
    steps: list[accounts.Removed] = []
    while removed := accounts.empty_mailbox(connection, routes[0], BUCKETS):
        steps.append(removed)
    assert [step.envelopes for step in steps] == [accounts.DELETE_STEP_ROWS, 4, 3]
    assert steps[-1].stored_bytes == 3 * 16384
    for _ in range(2):
        for name in routes:
            assert accounts.empty_mailbox(connection, name, BUCKETS) is None
            accounts.remove_mailbox(connection, name)
        accounts.remove(connection, BOB.account_id)
    tables = ("account", "device", "device_list", "mailbox", "envelope_4096", "envelope_16384")
    assert [_count(connection, table) for table in tables] == [0] * 6
    assert not accounts.mark_deleting(connection, BOB.account_id)
