"""Reading mailboxes: state for admission, backlog, expired notices (docs/spec/store.md).

Functions that run in the connection's thread, within the writer's transaction.
"""

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Sequence
from typing import Final

from hushpost_store import errors
from hushpost_store.admission import DropState, MailboxState, Place, place
from hushpost_store.rows import (
    NOTICE_DROPS_MAX,
    DropKind,
    ExpiredDrop,
    ExpiredNotice,
    QueuedEnvelope,
)
from hushpost_store.sqlite.inventory import ENVELOPE_TABLE_PREFIX

SEQUENCE_BITS: Final = 32
SEQUENCE_MASK: Final = (1 << SEQUENCE_BITS) - 1
# Closed notices that an owner never confirms; later losses gather in one more.
NOTICES_MAX: Final = 32


def row_id(slot: int, sequence: int) -> int:
    """Return the key of an envelope's row."""
    return slot << SEQUENCE_BITS | sequence


def load(
    connection: sqlite3.Connection, route: bytes, buckets: Sequence[int]
) -> MailboxState | None:
    """Return all that admission must know of a mailbox, or None."""
    found = connection.execute(
        "SELECT slot, knock_day, knocks FROM mailbox WHERE route = ?", (route,)
    ).fetchone()
    if found is None:
        return None
    slot, knock_day, knocks = found
    mailbox = MailboxState(slot=slot, knock_day=knock_day, knocks=knocks)
    drops = connection.execute(
        "SELECT drop_hash, kind, life_end, used_by FROM mailbox_drop WHERE slot = ?", (slot,)
    )
    for drop_hash, kind, life_end, used_by in drops:
        mailbox.drops[drop_hash] = DropState(DropKind(kind), life_end, used_by)
    for bucket in buckets:
        _load_places(connection, mailbox, bucket)
    mailbox.next_sequence = max(mailbox.places, default=0) + 1
    return mailbox


def read_backlog(
    connection: sqlite3.Connection,
    slot: int,
    buckets: Sequence[int],
    *,
    after_sequence: int,
    limit: int,
    hour: int,
) -> list[QueuedEnvelope]:
    """Return the first `limit` envelopes above a sequence that live beyond `hour`."""
    pages = [
        page
        for bucket in buckets
        if (page := _read_bucket(connection, slot, bucket, after_sequence, limit, hour))
    ]
    if len(pages) <= 1:
        return pages[0] if pages else []
    # Sequences are distinct, so that the merge never compares anything else.
    return [row for row, _ in zip(heapq.merge(*pages), range(limit), strict=False)]


def close_notice(connection: sqlite3.Connection, slot: int) -> tuple[ExpiredNotice, ...]:
    """Close the notice that gathers, and return all that wait, oldest first."""
    found = connection.execute(
        "SELECT notices_closed FROM mailbox WHERE slot = ?", (slot,)
    ).fetchone()
    if found is None:
        raise errors.MailboxUnknown("the mailbox has just been deleted")
    closed = int(found[0])
    notices: dict[int, list[ExpiredDrop]] = {}
    rows = connection.execute(
        "SELECT notice_id, drop_ref, envelopes FROM expired_notice WHERE slot = ?"
        " ORDER BY notice_id, drop_ref",
        (slot,),
    )
    for notice_id, drop_ref, envelopes in rows:
        notices.setdefault(notice_id, []).append(ExpiredDrop(drop_ref, envelopes))
    gathering = notices.pop(closed + 1, [])
    while gathering and len(notices) < NOTICES_MAX:
        closed += 1
        notices[closed], gathering = gathering[:NOTICE_DROPS_MAX], gathering[NOTICE_DROPS_MAX:]
        _close_through(connection, slot, closed, notices[closed][-1].drop_ref)
    return tuple(ExpiredNotice(number, tuple(drops)) for number, drops in notices.items())


def _close_through(
    connection: sqlite3.Connection, slot: int, notice_id: int, last_drop_ref: bytes
) -> None:
    """Close a notice with the drops up to one; what is beyond gathers on in the next."""
    connection.execute(
        "UPDATE expired_notice SET notice_id = notice_id + 1"
        " WHERE slot = ? AND notice_id = ? AND drop_ref > ?",
        (slot, notice_id, last_drop_ref),
    )
    connection.execute("UPDATE mailbox SET notices_closed = ? WHERE slot = ?", (notice_id, slot))


def forget_notice(connection: sqlite3.Connection, route: bytes, notice_id: int) -> None:
    """Delete a notice that was closed and seen."""
    connection.execute(
        "DELETE FROM expired_notice WHERE notice_id = ? AND slot ="
        " (SELECT slot FROM mailbox WHERE route = ? AND notices_closed >= ?)",
        (notice_id, route, notice_id),
    )


def _load_places(connection: sqlite3.Connection, mailbox: MailboxState, bucket: int) -> None:
    rows = connection.execute(
        f"SELECT id, envelope_id, drop_ref, envelope_bytes FROM {ENVELOPE_TABLE_PREFIX}{bucket}"  # noqa: S608 - names of ours
        " WHERE id BETWEEN ? AND ? ORDER BY id",
        (row_id(mailbox.slot, 0), row_id(mailbox.slot, SEQUENCE_MASK)),
    )
    for number, envelope_id, drop_ref, size in rows:
        place(mailbox, number & SEQUENCE_MASK, Place(envelope_id, drop_ref, size))


def _read_bucket(  # noqa: PLR0917 - one query's parameters, in its order
    connection: sqlite3.Connection,
    slot: int,
    bucket: int,
    after_sequence: int,
    limit: int,
    hour: int,
) -> list[QueuedEnvelope]:
    rows = connection.execute(
        "SELECT id, envelope_id, drop_ref, not_after, envelope_bytes, envelope"  # noqa: S608 - names of ours
        f" FROM {ENVELOPE_TABLE_PREFIX}{bucket}"
        # The sign keeps the planner off the index of not_after: the key is the better way in.
        " WHERE id > ? AND id <= ? AND +not_after > ? ORDER BY id LIMIT ?",
        (row_id(slot, after_sequence), row_id(slot, SEQUENCE_MASK), hour, limit),
    ).fetchall()
    return [
        QueuedEnvelope(
            number & SEQUENCE_MASK,
            envelope_id,
            drop_ref,
            not_after,
            envelope if size == bucket else envelope[:size],
        )
        for number, envelope_id, drop_ref, not_after, size, envelope in rows
    ]
