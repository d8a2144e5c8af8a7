"""Groups: together where possible, each for itself where one fails."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest
from hushpost_store.admission import MailboxState
from hushpost_store.conformance import Recorder, envelope
from hushpost_store.sqlite import schema
from hushpost_store.sqlite.group import Batch, Entry, Job, commit_group, forget_rows, runs

BUCKET = 4096


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    """Give an empty store in memory."""
    opened = sqlite3.connect(":memory:", isolation_level=None)
    schema.migrate(opened, (BUCKET,))
    yield opened
    opened.close()


def _entry(number: int) -> Entry:
    submission = envelope("alice", number)
    row = (number, submission.not_after, submission.envelope_id, b"r" * 16, BUCKET, b"e" * BUCKET)
    return Entry(BUCKET, row, (), MailboxState(), submission, number, 0, [Recorder()])


def _ids(connection: sqlite3.Connection) -> list[int]:
    return [row[0] for row in connection.execute("SELECT id FROM envelope_4096 ORDER BY id")]


def test_runs() -> None:
    """Consecutive ids become one range, whatever their order."""
    assert runs([5, 1, 2, 3, 9, 6]) == [(1, 3), (5, 6), (9, 9)]
    assert runs([]) == []


def test_one_bad_row_costs_only_itself(connection: sqlite3.Connection) -> None:
    """A row that violates a constraint fails alone; its neighbours and jobs are committed."""
    commit_group(connection, [Batch(entries=[_entry(2)])])
    entries = [_entry(1), _entry(2), _entry(3)]
    job = Job(lambda c: c.execute("SELECT count(*) FROM envelope_4096").fetchone()[0])
    commit_group(connection, [Batch(entries=entries), job])
    assert [entry.failed for entry in entries] == [False, True, False]
    assert _ids(connection) == [1, 2, 3]
    assert job.result == 3


def test_a_job_that_raises_is_undone_alone(connection: sqlite3.Connection) -> None:
    """What a failing job wrote is undone; what stands around it is kept."""

    def half(c: sqlite3.Connection) -> None:
        c.execute("DELETE FROM envelope_4096")
        raise LookupError("half way")

    job = Job(half)
    commit_group(connection, [Batch(entries=[_entry(1)]), job, Batch(entries=[_entry(2)])])
    assert isinstance(job.error, LookupError)
    assert _ids(connection) == [1, 2]


def test_deletions_free_pages_for_the_same_batch(connection: sqlite3.Connection) -> None:
    """With no page to spare, a batch that deletes as much as it inserts is committed."""
    commit_group(connection, [Batch(entries=[_entry(n) for n in range(1, 9)])])
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    refused = Batch(entries=[_entry(n) for n in range(20, 25)])
    commit_group(connection, [refused])
    assert all(entry.failed for entry in refused.entries)
    fits = Batch(entries=[_entry(n) for n in range(20, 25)], deletions={BUCKET: [1, 2, 3, 4, 5]})
    commit_group(connection, [fits])
    assert not any(entry.failed for entry in fits.entries)
    assert _ids(connection) == [6, 7, 8, 20, 21, 22, 23, 24]


def test_forgetting_binds_nothing_in_place_of_the_last_envelope(
    connection: sqlite3.Connection,
) -> None:
    """The prepared insert holds nothing any more, and the tables are as they were."""
    commit_group(connection, [Batch(entries=[_entry(1), _entry(2)])])
    before = list(connection.iterdump())
    said: list[str] = []
    connection.set_trace_callback(said.append)
    forget_rows(connection, (BUCKET,))
    connection.set_trace_callback(None)
    assert any("INSERT INTO envelope_4096" in one and "NULL" in one for one in said), said
    assert list(connection.iterdump()) == before
    assert not connection.in_transaction
