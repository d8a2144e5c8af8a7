"""What is committed together, and how it is taken apart when a part fails.

Runs in the connection's thread (docs/spec/store.md, "Group commit"). A group is a list of steps
in the order in which they were asked for. First all of it is tried in one transaction. If that
fails, every unit is tried behind a SAVEPOINT of its own, so that one bad row costs only itself.
If even that cannot be committed (a full disk), envelopes are given up, while reading, deleting
and the rest are tried one by one: they may need no space, or free some.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from hushpost_store.admission import MailboxState
from hushpost_store.interface import SubmissionListener
from hushpost_store.rows import Submission
from hushpost_store.sqlite.inventory import ENVELOPE_TABLE_PREFIX
from hushpost_store.sqlite.row_digest import envelope_digest

Statement = tuple[str, tuple[Any, ...]]
EnvelopeRow = tuple[int, int, bytes, bytes, int, bytes]
StoredRow = tuple[int, int, bytes, bytes, int, bytes, bytes]

# More than the part of an envelope's row that lies outside of overflow pages.
_LAID_OUT_BYTES: Final = 900
INSERT_COLUMNS: Final = "(id, not_after, envelope_id, drop_ref, envelope_bytes, envelope, digest)"


def _nobody(_: sqlite3.Error) -> None:
    return


@dataclass(slots=True, eq=False)
class Entry:
    """An admitted envelope until its commit; `done` once its listeners know the end."""

    bucket: int
    row: EnvelopeRow
    beside: tuple[Statement, ...]
    mailbox: MailboxState
    submission: Submission
    sequence: int
    life_end_before: int
    listeners: list[SubmissionListener]
    taken: bool = False
    done: bool = False
    failed: bool = False


@dataclass(slots=True, eq=False)
class Job:
    """A function that runs among the steps; its own errors never harm its neighbours."""

    function: Callable[[sqlite3.Connection], Any]
    result: Any = None
    error: Exception | None = None
    failed: bool = False
    deleted_since: float | None = None

    def apply(self, connection: sqlite3.Connection) -> None:
        """Run the function behind a savepoint. Only errors of the whole transaction escape."""
        self.result = self.error = None
        connection.execute("SAVEPOINT job")
        try:
            self.result = self.function(connection)
        except Exception as error:  # kept for the caller who waits, whatever it is
            if not connection.in_transaction:
                raise
            connection.execute("ROLLBACK TO job")
            self.error = error
        connection.execute("RELEASE job")

    def fail(self, error: Exception) -> None:
        """Note that the transaction failed under it."""
        self.failed, self.error = True, error


@dataclass(slots=True, eq=False)
class Batch:
    """Envelopes to insert and rows to delete, in one step.

    No row of it is both: what is acknowledged while it waits is withdrawn, not inserted.
    """

    entries: list[Entry] = field(default_factory=list[Entry])
    deletions: dict[int, list[int]] = field(default_factory=dict[int, list[int]])
    beside: list[Statement] = field(default_factory=list[Statement])
    envelope_bytes: int = 0
    deletions_failed: bool = False
    deleted_since: float | None = None

    def apply(self, connection: sqlite3.Connection) -> None:
        """Delete, then insert: the pages freed are those that are filled."""
        self.apply_rest(connection)
        rows: dict[int, list[StoredRow]] = {}
        for entry in self.entries:
            rows.setdefault(entry.bucket, []).append(stored(entry.row))
            for sql, parameters in entry.beside:
                connection.execute(sql, parameters)
        for bucket, bucket_rows in rows.items():
            connection.executemany(insert_sql(bucket), bucket_rows)

    def apply_rest(self, connection: sqlite3.Connection) -> None:
        """Delete, and write what stands beside envelopes that were withdrawn."""
        for bucket, ids in self.deletions.items():
            connection.executemany(delete_sql(bucket), runs(ids))
        for sql, parameters in self.beside:
            connection.execute(sql, parameters)


Step = Batch | Job


def stored(row: EnvelopeRow) -> StoredRow:
    """Return the row with its digest, which what is withdrawn before its commit never needs."""
    return (*row, envelope_digest(*row))


def insert_sql(bucket: int) -> str:
    """Return the statement that inserts a `StoredRow`."""
    table = f"{ENVELOPE_TABLE_PREFIX}{bucket}"
    return f"INSERT INTO {table} {INSERT_COLUMNS} VALUES (?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - names of ours


def forget_rows(connection: sqlite3.Connection, buckets: Iterable[int]) -> None:
    """Have SQLite let go of the envelopes that it inserted last. Outside of any transaction.

    It keeps what was bound to a statement until something else is: so a row of nothing is bound,
    which every table of envelopes refuses. And it keeps the space in which it lays a row out: so
    zeros are laid out there, and undone.
    """
    for bucket in buckets:
        sql = insert_sql(bucket)
        with contextlib.suppress(sqlite3.IntegrityError):
            connection.execute(sql, (None,) * sql.count("?"))
    connection.execute("BEGIN")
    try:
        connection.execute("UPDATE store_meta SET value = zeroblob(?)", (_LAID_OUT_BYTES,))
    finally:
        _rollback(connection)


def delete_sql(bucket: int) -> str:
    """Return the statement that deletes one run of ids."""
    return f"DELETE FROM {ENVELOPE_TABLE_PREFIX}{bucket} WHERE id BETWEEN ? AND ?"  # noqa: S608 - names of ours


def runs(ids: Iterable[int]) -> list[tuple[int, int]]:
    """Join consecutive ids into (first, last): a drained mailbox is one range, not many rows."""
    joined: list[tuple[int, int]] = []
    for number in sorted(ids):
        if joined and number <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], number)
        else:
            joined.append((number, number))
    return joined


def commit_group(
    connection: sqlite3.Connection,
    steps: Sequence[Step],
    on_error: Callable[[sqlite3.Error], None] = _nobody,
) -> None:
    """Commit the steps; what failed is marked on the steps and entries themselves.

    `on_error` hears why all of it could not be committed at once.
    """
    try:
        _together(connection, steps)
    except sqlite3.Error as error:
        on_error(error)
        _rollback(connection)
        _replay(connection, steps)


def _together(connection: sqlite3.Connection, steps: Sequence[Step]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    for step in steps:
        step.apply(connection)
    connection.execute("COMMIT")


def _replay(connection: sqlite3.Connection, steps: Sequence[Step]) -> None:
    try:
        connection.execute("BEGIN IMMEDIATE")
        for step in steps:
            if isinstance(step, Job):
                step.apply(connection)
            else:
                _replay_batch(connection, step)
        connection.execute("COMMIT")
    except sqlite3.Error:
        _rollback(connection)
        _give_up_envelopes(connection, steps)


def _replay_batch(connection: sqlite3.Connection, batch: Batch) -> None:
    batch.apply_rest(connection)
    for entry in batch.entries:
        connection.execute("SAVEPOINT entry")
        try:
            connection.execute(insert_sql(entry.bucket), stored(entry.row))
            for sql, parameters in entry.beside:
                connection.execute(sql, parameters)
        except sqlite3.Error:
            if not connection.in_transaction:
                raise
            connection.execute("ROLLBACK TO entry")
            entry.failed = True
        connection.execute("RELEASE entry")


def _give_up_envelopes(connection: sqlite3.Connection, steps: Sequence[Step]) -> None:
    for step in steps:
        try:
            connection.execute("BEGIN IMMEDIATE")
            if isinstance(step, Job):
                step.apply(connection)
            else:
                step.apply_rest(connection)
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            _rollback(connection)
            if isinstance(step, Job):
                step.fail(error)
            else:
                step.deletions_failed = True
        if isinstance(step, Batch):
            for entry in step.entries:
                entry.failed = True


def _rollback(connection: sqlite3.Connection) -> None:
    # A full disk may have ended the transaction already.
    if connection.in_transaction:
        connection.execute("ROLLBACK")
