"""The sweep: what has expired goes, counted for its owner, in small steps."""

from __future__ import annotations

import sqlite3

from hushpost_store.conformance import account, route
from hushpost_store.sqlite import accounts, mailboxes, sweeper
from hushpost_store.sqlite.group import INSERT_COLUMNS

BUCKETS = (4096, 16384)
HOUR = 480


def _put(connection: sqlite3.Connection, slot: int, bucket: int, sequences: range) -> None:
    connection.executemany(
        f"INSERT INTO envelope_{bucket} {INSERT_COLUMNS}"
        " VALUES (?1, ?2, ?3, ?4, 1, ?5, envelope_digest(?1, ?2, ?3, ?4, 1, ?5))",
        [
            (mailboxes.row_id(slot, n), HOUR + n % 2, b"i", b"r%d" % (n % 4), b"e")
            for n in sequences
        ],
    )


def _slot(connection: sqlite3.Connection) -> int:
    accounts.create(connection, account("bob"))
    return int(connection.execute("SELECT slot FROM mailbox").fetchone()[0])


def test_what_expired_goes_in_bounded_steps_and_is_counted_by_drop(
    connection: sqlite3.Connection,
) -> None:
    """Every step is small; what still lives stays; the notice adds up over steps and buckets."""
    slot = _slot(connection)
    _put(connection, slot, 4096, range(1, 2 * sweeper.SWEEP_STEP_ROWS + 5))
    _put(connection, slot, 16384, range(5000, 5006))
    steps: list[list[sweeper.Swept]] = []
    while swept := sweeper.sweep_envelopes(connection, BUCKETS, HOUR):
        steps.append(swept)
    assert [len(step) for step in steps] == [sweeper.SWEEP_STEP_ROWS, 2, 3]
    assert {row.route for step in steps for row in step} == {route("bob")}
    assert {row.stored_bytes for row in steps[-1]} == {16384}
    left = connection.execute("SELECT min(not_after), count(*) FROM envelope_4096").fetchone()
    assert left == (HOUR + 1, sweeper.SWEEP_STEP_ROWS + 2)
    (notice,) = mailboxes.close_notice(connection, slot)
    assert sum(drop.envelopes for drop in notice.drops) == sweeper.SWEEP_STEP_ROWS + 5
    assert {drop.drop_ref for drop in notice.drops} == {b"r0", b"r2"}


def test_an_envelope_whose_mailbox_went_is_swept_and_told_to_nobody(
    connection: sqlite3.Connection,
) -> None:
    """What a broken off deletion left behind goes at its time, without a notice."""
    _put(connection, 77, 4096, range(2, 3))
    (swept,) = sweeper.sweep_envelopes(connection, BUCKETS, HOUR)
    assert swept.route == b""
    assert connection.execute("SELECT count(*) FROM expired_notice").fetchone() == (0,)


def test_one_use_drops_end_and_others_never_do(connection: sqlite3.Connection) -> None:
    """A drop with a life ends with its hour; 0 means that it has no end."""
    rows = [(1, b"forever", 0), (1, b"ended", HOUR), (1, b"later", HOUR + 1)]
    connection.executemany(
        "INSERT INTO mailbox_drop (slot, drop_hash, kind, life_end) VALUES (?, ?, 1, ?)", rows
    )
    assert sweeper.sweep_drops(connection, HOUR) == 1
    left = connection.execute("SELECT drop_hash FROM mailbox_drop ORDER BY drop_hash").fetchall()
    assert left == [(b"forever",), (b"later",)]


def test_the_day_of_a_knock_is_forgotten_when_it_has_passed(
    connection: sqlite3.Connection,
) -> None:
    """Today's count bounds strangers; yesterday's would only tell when one wrote."""
    _slot(connection)
    connection.execute("UPDATE mailbox SET knock_day = 20, knocks = 3")
    sweeper.sweep_days(connection, 20)
    assert connection.execute("SELECT knock_day, knocks FROM mailbox").fetchone() == (20, 3)
    sweeper.sweep_days(connection, 21)
    assert connection.execute("SELECT knock_day, knocks FROM mailbox").fetchone() == (0, 0)
