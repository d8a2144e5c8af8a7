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
    NOTICES_MAX,
    DropKind,
    ExpiredDrop,
    ExpiredNotice,
    QueuedEnvelope,
)
from hushpost_store.sqlite.inventory import DROP, ENVELOPE_TABLE_PREFIX, EXPIRED, MAILBOX
from hushpost_store.sqlite.row_digest import envelope_digest, report, rest_is_intact

SEQUENCE_BITS: Final = 32
SEQUENCE_MASK: Final = (1 << SEQUENCE_BITS) - 1


def row_id(slot: int, sequence: int) -> int:
    """Return the key of an envelope's row."""
    return slot << SEQUENCE_BITS | sequence


def load(
    connection: sqlite3.Connection, route: bytes, buckets: Sequence[int]
) -> MailboxState | None:
    """Return all that admission must know of a mailbox, or None."""
    found = connection.execute(
        f"SELECT slot, knock_day, knocks, {MAILBOX.intact()} FROM mailbox WHERE route = ?",  # noqa: S608 - names of ours
        (route,),
    ).fetchone()
    if found is None:
        return None
    slot, knock_day, knocks, is_intact = found
    if not is_intact:
        raise errors.StoreDamaged("the row of a mailbox is damaged: run `hushpost-relay check`")
    mailbox = MailboxState(slot=slot, knock_day=knock_day, knocks=knocks)
    drops = connection.execute(
        f"SELECT drop_hash, kind, life_end, used_by, {DROP.intact()} FROM mailbox_drop"  # noqa: S608 - names of ours
        " WHERE slot = ?",
        (slot,),
    )
    for drop_hash, kind, life_end, used_by, is_intact in drops:
        if not is_intact:
            mailbox.is_damaged = True
            continue
        mailbox.drops[drop_hash] = DropState(DropKind(kind), life_end, used_by)
    # A damaged row keeps its place, since a new one would collide with it.
    last = max((_load_places(connection, mailbox, bucket) for bucket in buckets), default=0)
    mailbox.next_sequence = last + 1
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
        f"SELECT notice_id, drop_ref, envelopes FROM expired_notice WHERE slot = ?"  # noqa: S608 - names of ours
        f" AND {EXPIRED.intact()} ORDER BY notice_id, drop_ref",
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


def _load_places(connection: sqlite3.Connection, mailbox: MailboxState, bucket: int) -> int:
    """Note what is queued in one table; returns the last sequence there, 0 for none."""
    rows = connection.execute(
        "SELECT id, not_after, envelope_id, drop_ref, envelope_bytes, digest"  # noqa: S608 - names of ours
        f" FROM {ENVELOPE_TABLE_PREFIX}{bucket} WHERE id BETWEEN ? AND ? ORDER BY id",
        (row_id(mailbox.slot, 0), row_id(mailbox.slot, SEQUENCE_MASK)),
    )
    last = 0
    for *covered, digest in rows:
        number, _, envelope_id, drop_ref, size = covered
        last = number & SEQUENCE_MASK
        if rest_is_intact(digest, *covered):
            place(mailbox, last, Place(envelope_id, drop_ref, size))
        else:
            report(connection, bucket, [number])
    return last


def _read_bucket(  # noqa: PLR0917 - one query's parameters, in its order
    connection: sqlite3.Connection,
    slot: int,
    bucket: int,
    after_sequence: int,
    limit: int,
    hour: int,
) -> list[QueuedEnvelope]:
    found: list[QueuedEnvelope] = []
    last = row_id(slot, after_sequence)
    while len(found) < limit:
        rows = connection.execute(
            "SELECT id, not_after, envelope_id, drop_ref, envelope_bytes, envelope, digest"  # noqa: S608 - names of ours
            f" FROM {ENVELOPE_TABLE_PREFIX}{bucket}"
            # The sign keeps the planner off the index of not_after: the key is the better way in.
            " WHERE id > ? AND id <= ? AND +not_after > ? ORDER BY id LIMIT ?",
            (last, row_id(slot, SEQUENCE_MASK), hour, limit - len(found)),
        ).fetchall()
        intact = [
            QueuedEnvelope(
                number & SEQUENCE_MASK,
                envelope_id,
                drop_ref,
                not_after,
                envelope if size == bucket else envelope[:size],
            )
            for number, not_after, envelope_id, drop_ref, size, envelope, digest in rows
            if digest == envelope_digest(number, not_after, envelope_id, drop_ref, size, envelope)
        ]
        found += intact
        if len(intact) == len(rows):
            break
        # A page that damage made shorter is not the last one.
        last = rows[-1][0]
        report(
            connection, bucket, [row[0] for row in rows if row[-1] != envelope_digest(*row[:-1])]
        )
    return found
