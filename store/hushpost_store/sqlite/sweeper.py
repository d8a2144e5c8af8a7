"""Deleting what has expired (docs/spec/store.md, "Sweep"). Functions for the connection's thread.

A sweep is many small steps, so that mail goes on between them.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

from hushpost_store.sqlite import prekeys
from hushpost_store.sqlite.inventory import ENVELOPE_TABLE_PREFIX
from hushpost_store.sqlite.mailboxes import SEQUENCE_BITS, SEQUENCE_MASK
from hushpost_store.sqlite.row_digest import report, rest_is_intact

# Some 10 ms of one transaction.
SWEEP_STEP_ROWS: Final = 512


class Swept(NamedTuple):
    """An envelope that expired."""

    route: bytes
    sequence: int
    stored_bytes: int


def sweep_envelopes(
    connection: sqlite3.Connection, buckets: Sequence[int], hour: int
) -> list[Swept]:
    """Delete some expired envelopes, counting them for their owners; empty when none are left."""
    for bucket in buckets:
        table = f"{ENVELOPE_TABLE_PREFIX}{bucket}"
        found = connection.execute(
            "SELECT id, not_after, envelope_id, drop_ref, envelope_bytes, digest"  # noqa: S608 - names of ours
            f" FROM {table} WHERE not_after <= ? LIMIT ?",
            (hour, SWEEP_STEP_ROWS),
        ).fetchall()
        # Of a damaged row nobody can say that it has expired: `hushpost-relay check` removes it.
        rows = [(row[0], row[3]) for row in found if rest_is_intact(row[5], *row[:5])]
        if rows:
            connection.executemany(f"DELETE FROM {table} WHERE id = ?", [(r[0],) for r in rows])  # noqa: S608 - names of ours
            return note_lost(connection, rows, bucket)
        report(connection, bucket, [row[0] for row in found])
    return []


def sweep_drops(connection: sqlite3.Connection, hour: int) -> int:
    """Delete one-use drops whose life has ended; 0 marks a drop without an end."""
    return connection.execute(
        "DELETE FROM mailbox_drop WHERE life_end BETWEEN 1 AND ?", (hour,)
    ).rowcount


def sweep_days(connection: sqlite3.Connection, day: int) -> int:
    """Delete what is counted by the day: expired prekeys, whose number is returned, and knocks.

    On which day a stranger wrote last is nobody's business on the day after.
    """
    connection.execute(
        "UPDATE mailbox SET knock_day = 0, knocks = 0 WHERE knock_day BETWEEN 1 AND ?", (day - 1,)
    )
    return prekeys.prune(connection, day)


def note_lost(
    connection: sqlite3.Connection, rows: list[tuple[int, bytes]], bucket: int
) -> list[Swept]:
    """Count envelopes that will not be delivered for their owners, as (key, drop reference)."""
    slots = {number >> SEQUENCE_BITS for number, _ in rows}
    known = {slot: _mailbox(connection, slot) for slot in slots}
    counted = Counter((number >> SEQUENCE_BITS, drop_ref) for number, drop_ref in rows)
    connection.executemany(
        "INSERT INTO expired_notice (slot, notice_id, drop_ref, envelopes) VALUES (?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET envelopes = envelopes + excluded.envelopes",
        [
            (slot, found[1] + 1, drop_ref, envelopes)
            for (slot, drop_ref), envelopes in counted.items()
            if (found := known[slot]) is not None
        ],
    )
    return [
        Swept(found[0] if found is not None else b"", number & SEQUENCE_MASK, bucket)
        for number, _ in rows
        for found in (known[number >> SEQUENCE_BITS],)
    ]


def _mailbox(connection: sqlite3.Connection, slot: int) -> tuple[bytes, int] | None:
    found: tuple[bytes, int] | None = connection.execute(
        "SELECT route, notices_closed FROM mailbox WHERE slot = ?", (slot,)
    ).fetchone()
    return found
