"""Reading mailboxes: what admission must know, the backlog over buckets, notices."""

from __future__ import annotations

import sqlite3

import pytest
from hushpost_store import DropKind, ExpiredDrop, errors
from hushpost_store.admission import DropState
from hushpost_store.conformance import account, digest, route
from hushpost_store.rows import NOTICE_DROPS_MAX, NOTICES_MAX
from hushpost_store.sqlite import accounts, drops, mailboxes
from hushpost_store.sqlite.group import INSERT_COLUMNS

BUCKETS = (4096, 16384)
HOUR = 500

NOTICE_COLUMNS = "(slot, notice_id, drop_ref, envelopes)"


@pytest.fixture
def slot(connection: sqlite3.Connection) -> int:
    """Make bob's mailbox and one beside it; give the slot of his."""
    for name in ("bob", "carol"):
        accounts.create(connection, account(name))
    query = "SELECT slot FROM mailbox WHERE route = ?"
    return int(connection.execute(query, (route("bob"),)).fetchone()[0])


def _put(
    connection: sqlite3.Connection, slot: int, sequence: int, bucket: int, *, not_after: int = 999
) -> None:
    size = bucket if sequence % 2 else bucket - 7
    body = bytes([sequence]) * size
    row = (not_after, b"id%014d" % sequence, b"r" * 16, size, body.ljust(bucket, b"\0"))
    connection.execute(
        f"INSERT INTO envelope_{bucket} {INSERT_COLUMNS}"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, envelope_digest(?1, ?2, ?3, ?4, ?5, ?6))",
        (mailboxes.row_id(slot, sequence), *row),
    )


def _read(
    connection: sqlite3.Connection, slot: int, *, after: int = 0, limit: int = 9
) -> list[int]:
    rows = mailboxes.read_backlog(
        connection, slot, BUCKETS, after_sequence=after, limit=limit, hour=HOUR
    )
    assert all(set(row.envelope) == {row.sequence} for row in rows), "padding was read"
    return [row.sequence for row in rows]


def test_a_mailbox_is_loaded_with_all_that_admission_needs(
    connection: sqlite3.Connection, slot: int
) -> None:
    """Drops, what is queued in every bucket, and the next sequence; None for an unknown route."""
    drops.insert(connection, slot, digest("once"), DropState(DropKind.ONCE, 600), 9)
    for sequence, bucket in ((3, 4096), (5, 16384), (4, 4096)):
        _put(connection, slot, sequence, bucket)
    _put(connection, slot + 1, 9, 4096)
    mailbox = mailboxes.load(connection, route("bob"), BUCKETS)
    assert mailbox is not None
    assert mailbox.drops == {digest("once"): DropState(DropKind.ONCE, 600)}
    assert sorted(mailbox.places) == [3, 4, 5]
    assert mailbox.next_sequence == 6
    assert mailbox.envelope_bytes == 4096 + 4096 - 7 + 16384
    assert mailboxes.load(connection, b"?" * 16, BUCKETS) is None


def test_the_backlog_is_merged_over_buckets_in_order_and_in_pages(
    connection: sqlite3.Connection, slot: int
) -> None:
    """Sequences rise over both tables; pages go on; neighbours and expired ones never show."""
    for sequence in (1, 2, 4, 6):
        _put(connection, slot, sequence, 4096)
    for sequence in (3, 5):
        _put(connection, slot, sequence, 16384)
    _put(connection, slot, 7, 4096, not_after=HOUR)
    _put(connection, slot - 1, 8, 4096)
    _put(connection, slot + 1, 1, 4096)
    assert _read(connection, slot) == [1, 2, 3, 4, 5, 6]
    assert _read(connection, slot, limit=3) == [1, 2, 3]
    assert _read(connection, slot, after=3, limit=2) == [4, 5]
    assert _read(connection, slot, after=6) == []


def test_a_notice_closes_at_its_bound_and_the_rest_is_in_the_next(
    connection: sqlite3.Connection, slot: int
) -> None:
    """Nothing is cut: 1,001 drops make notices of 500, 500 and 1, and what comes later a fourth."""
    note = f"INSERT INTO expired_notice {NOTICE_COLUMNS} VALUES (?, ?, ?, ?)"
    drops_lost = [number.to_bytes(2) for number in range(1_001)]
    connection.executemany(note, [(slot, 1, drop, 1) for drop in drops_lost])
    notices = mailboxes.close_notice(connection, slot)
    assert [(n.notice_id, len(n.drops)) for n in notices] == [(1, 500), (2, 500), (3, 1)]
    assert [drop.drop_ref for n in notices for drop in n.drops] == drops_lost
    assert mailboxes.close_notice(connection, slot) == notices
    mailboxes.forget_notice(connection, route("bob"), 2)
    connection.execute(note, (slot, 4, b"late", 9))
    assert [n.notice_id for n in mailboxes.close_notice(connection, slot)] == [1, 3, 4]


def test_beyond_the_bound_of_notices_losses_gather_in_one(
    connection: sqlite3.Connection, slot: int
) -> None:
    """An owner who never confirms has 32 closed notices; the rest waits whole, and follows."""
    bound = NOTICES_MAX * NOTICE_DROPS_MAX
    rows = [(slot, 1, number.to_bytes(2), 1) for number in range(bound + 700)]
    connection.executemany(
        "INSERT INTO expired_notice (slot, notice_id, drop_ref, envelopes) VALUES (?, ?, ?, ?)",
        rows,
    )
    assert len(mailboxes.close_notice(connection, slot)) == NOTICES_MAX
    for notice_id in (1, 2):
        mailboxes.forget_notice(connection, route("bob"), notice_id)
    notices = mailboxes.close_notice(connection, slot)[-2:]
    assert [(n.notice_id, len(n.drops)) for n in notices] == [(33, 500), (34, 200)]


def test_notices_close_when_told_and_go_when_seen(
    connection: sqlite3.Connection, slot: int
) -> None:
    """A notice keeps its number until it is seen; what expires later makes another one."""
    note = f"INSERT INTO expired_notice {NOTICE_COLUMNS} VALUES (?, ?, ?, ?)"
    connection.execute(note, (slot, 1, b"r", 2))
    (first,) = mailboxes.close_notice(connection, slot)
    assert (first.notice_id, first.drops) == (1, (ExpiredDrop(b"r", 2),))
    connection.execute(note, (slot, 2, b"r", 1))
    mailboxes.forget_notice(connection, route("bob"), 2)
    assert [n.notice_id for n in mailboxes.close_notice(connection, slot)] == [1, 2]
    mailboxes.forget_notice(connection, route("bob"), 1)
    assert [n.notice_id for n in mailboxes.close_notice(connection, slot)] == [2]


def test_closed_notices_are_bounded(connection: sqlite3.Connection, slot: int) -> None:
    """An owner who never confirms has so many notices; later losses gather in one more."""
    note = f"INSERT INTO expired_notice {NOTICE_COLUMNS} VALUES (?, ?, ?, 1) ON CONFLICT DO UPDATE"
    for _ in range(NOTICES_MAX + 5):
        query = "SELECT notices_closed FROM mailbox WHERE slot = ?"
        (closed,) = connection.execute(query, (slot,)).fetchone()
        connection.execute(f"{note} SET envelopes = envelopes + 1", (slot, closed + 1, b"r"))
        mailboxes.close_notice(connection, slot)
    assert len(mailboxes.close_notice(connection, slot)) == NOTICES_MAX
    gathering = connection.execute("SELECT max(notice_id), sum(envelopes) FROM expired_notice")
    assert gathering.fetchone() == (NOTICES_MAX + 1, NOTICES_MAX + 5)


def test_a_mailbox_that_went_says_so(connection: sqlite3.Connection) -> None:
    """A login that meets a deletion is told that there is no mailbox."""
    with pytest.raises(errors.MailboxUnknown):
        mailboxes.close_notice(connection, 4)
