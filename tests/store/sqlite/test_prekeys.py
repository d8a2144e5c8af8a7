"""Prekeys as rows: out once, never back, never past their day."""

from __future__ import annotations

import sqlite3

import pytest
from hushpost_store import OneTimePrekey, PrekeyBundle, StandingRecord, errors
from hushpost_store.conformance import DAY, account, digest
from hushpost_store.sqlite import accounts, prekeys

BOB = account("bob")
DEVICE = BOB.devices[0].device_id


@pytest.fixture(autouse=True)
def _bob(connection: sqlite3.Connection) -> None:
    accounts.create(connection, BOB)


def _publish(
    connection: sqlite3.Connection,
    numbers: range,
    *,
    expiry_day: int = DAY + 9,
    signed: StandingRecord | None = None,
    seal: StandingRecord | None = None,
    prekeys_max: int = 5,
) -> int:
    one_time = [OneTimePrekey(b"%016d" % n, expiry_day, b"record %d" % n) for n in numbers]
    return prekeys.publish(
        connection,
        BOB.account_id,
        DEVICE,
        one_time=one_time,
        signed=signed,
        seal=seal,
        day=DAY,
        prekeys_max=prekeys_max,
    )


def _take(connection: sqlite3.Connection, day: int = DAY) -> PrekeyBundle:
    taken = prekeys.take(connection, BOB.account_id, day)
    assert taken is not None
    assert (taken.genesis, taken.device_list) == (BOB.genesis, BOB.device_list)
    (bundle,) = taken.bundles
    return bundle


def test_a_record_goes_out_once_and_its_bytes_leave_the_row(
    connection: sqlite3.Connection,
) -> None:
    """What was taken is gone from the table at once; only its id keeps it from coming back."""
    assert _publish(connection, range(2)) == 2
    assert [_take(connection).one_time for _ in range(3)] == [b"record 0", b"record 1", None]
    rows = connection.execute("SELECT prekey_id, record FROM one_time_prekey").fetchall()
    assert rows == [(b"%016d" % 0, None), (b"%016d" % 1, None)]
    assert _publish(connection, range(3)) == 1
    assert _take(connection).one_time == b"record 2"


def test_standing_records_are_replaced_and_handed_out_freely(
    connection: sqlite3.Connection,
) -> None:
    """Signed prekey and seal go with every bundle, the newest of each."""
    _publish(connection, range(0), signed=StandingRecord(DAY + 9, b"s1"))
    _publish(
        connection,
        range(0),
        signed=StandingRecord(DAY + 9, b"s2"),
        seal=StandingRecord(DAY + 9, b"seal"),
    )
    for _ in range(2):
        bundle = _take(connection)
        assert (bundle.signed, bundle.seal, bundle.one_time) == (b"s2", b"seal", None)


def test_the_bound_counts_what_is_left(connection: sqlite3.Connection) -> None:
    """Taken records give their place free; above the bound nothing of a batch is welcome."""
    assert _publish(connection, range(5)) == 5
    with pytest.raises(errors.PrekeysFull):
        _publish(connection, range(5, 6))
    connection.execute("DELETE FROM one_time_prekey WHERE prekey_id = ?", (b"%016d" % 5,))
    _take(connection)
    assert _publish(connection, range(6, 7)) == 5


def test_expired_records_are_neither_counted_nor_given_and_are_pruned(
    connection: sqlite3.Connection,
) -> None:
    """On its last day a record goes out, the day after it does not; pruning removes ids too."""
    _publish(connection, range(3), expiry_day=DAY + 1, signed=StandingRecord(DAY + 1, b"s"))
    assert _take(connection, DAY + 1).one_time == b"record 0"
    late = _take(connection, DAY + 2)
    assert (late.one_time, late.signed, late.left) == (None, None, 0)
    assert prekeys.count(connection, BOB.account_id, DEVICE, DAY + 2) == 0
    assert prekeys.prune(connection, DAY + 1) == 0
    assert prekeys.prune(connection, DAY + 2) == 3
    assert connection.execute("SELECT count(*) FROM one_time_prekey").fetchone() == (0,)


def test_only_devices_of_a_living_account_have_prekeys(connection: sqlite3.Connection) -> None:
    """Unknown accounts, unknown devices and accounts being deleted are refused alike."""
    assert prekeys.take(connection, digest("nobody"), DAY) is None
    with pytest.raises(errors.DeviceUnknown):
        prekeys.count(connection, BOB.account_id, b"?" * 16, DAY)
    accounts.mark_deleting(connection, BOB.account_id)
    with pytest.raises(errors.DeviceUnknown):
        _publish(connection, range(1))
    assert prekeys.take(connection, BOB.account_id, DAY) is None
