"""The writer: order, groups, pressure, retained deletions, and an end that leaves nothing."""

# ruff: noqa: ASYNC110 - what is waited for is told to nobody who could set an event

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator

import pytest
from hushpost_store import SqliteOptions, errors
from hushpost_store.admission import MailboxState
from hushpost_store.conformance import Recorder, envelope
from hushpost_store.sqlite import writer as writer_module
from hushpost_store.sqlite.database import Database
from hushpost_store.sqlite.deletion_clock import DeletionClock
from hushpost_store.sqlite.group import Entry
from hushpost_store.sqlite.writer import Writer

BUCKET = 4096
SETTLED_SECONDS_MAX = 5.0


class Stand:
    """A writer with its clock and what it told."""

    def __init__(self, database: Database, options: SqliteOptions) -> None:
        self.done: list[tuple[int, bool]] = []
        self.clock = DeletionClock()
        self.writer = Writer(database, options, self._note, self.clock)
        self.writer.start()

    def _note(self, entry: Entry) -> None:
        self.done.append((entry.sequence, entry.failed))
        if entry.sequence == 66:
            raise LookupError("a listener with a bug")

    async def until_idle(self) -> None:
        """Wait until everything queued so far has ended."""
        await asyncio.wait_for(self.writer.run(lambda _: None), SETTLED_SECONDS_MAX)


@pytest.fixture
async def stand(database: Database) -> AsyncIterator[Stand]:
    """Give a running writer."""
    made = Stand(database, SqliteOptions(intake_bytes_max=10 * BUCKET, group_bytes_max=4 * BUCKET))
    yield made
    await made.writer.stop()


def entry(number: int) -> Entry:
    """Return an entry whose row's key is `number`."""
    submission = envelope("alice", number)
    row = (number, submission.not_after, submission.envelope_id, b"r" * 16, BUCKET, b"e" * BUCKET)
    return Entry(BUCKET, row, (), MailboxState(), submission, number, 0, [Recorder()])


def ids(connection: sqlite3.Connection) -> list[int]:
    """Return the keys of the rows that are stored."""
    return [row[0] for row in connection.execute("SELECT id FROM envelope_4096 ORDER BY id")]


async def test_jobs_and_envelopes_keep_the_order_in_which_they_came(stand: Stand) -> None:
    """A job sees every envelope queued before it and none queued after it."""
    stand.writer.enqueue(entry(1))
    first = stand.writer.post(ids)
    stand.writer.enqueue(entry(2))
    stand.writer.delete(BUCKET, (1,), 100.0)
    second = stand.writer.post(ids)
    assert await first == [1]
    assert await second == [2]
    assert stand.done == [(1, False), (2, False)]


async def test_what_waits_is_committed_together(stand: Stand) -> None:
    """Envelopes and jobs that came in one turn of the loop share one commit."""
    for number in range(3):
        stand.writer.enqueue(entry(number))
    jobs = [stand.writer.post(ids) for _ in range(5)]
    assert await asyncio.gather(*jobs) == [[0, 1, 2]] * 5
    assert stand.writer.figures.commits == 1
    assert (stand.writer.figures.committed, stand.writer.pending_envelopes) == (3, 0)


async def test_a_group_is_bounded_in_bytes(stand: Stand) -> None:
    """More than a group may hold is several commits, all of it in order."""
    for number in range(9):
        stand.writer.enqueue(entry(number))
    assert await stand.writer.run(ids) == list(range(9))
    assert stand.writer.figures.commits >= 2


async def test_then_is_called_before_anything_later_is_told(stand: Stand) -> None:
    """Whoever changes the cache with `then` does so before later envelopes are settled."""
    told: list[str] = []

    def then(_: list[int]) -> None:
        told.extend(f"settled {n}" for n, _ in stand.done)
        told.append("then")

    stand.writer.enqueue(entry(1))
    job = stand.writer.post(ids, then)
    stand.writer.enqueue(entry(2))
    await job
    assert told == ["settled 1", "then"]


async def test_a_job_that_raises_harms_nobody(stand: Stand) -> None:
    """Misuse comes back as it was raised, a failing statement as StoreFault; others are stored."""

    def misuse(_: sqlite3.Connection) -> None:
        raise errors.DropsFull("no")

    stand.writer.enqueue(entry(1))
    misused = stand.writer.post(misuse)
    faulty = stand.writer.post(lambda c: c.execute("SELECT * FROM nothing_of_that_name"))
    stand.writer.enqueue(entry(2))
    with pytest.raises(errors.DropsFull):
        await misused
    with pytest.raises(errors.StoreDamaged, match="schema"):
        await faulty
    assert await stand.writer.run(ids) == [1, 2]


async def test_a_cancelled_caller_only_stops_waiting(stand: Stand) -> None:
    """The job of a caller who went is done all the same."""
    caller = asyncio.create_task(
        stand.writer.run(lambda c: c.execute("DELETE FROM store_meta").rowcount)
    )
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    query = "SELECT count(*) FROM store_meta"
    assert await stand.writer.run(lambda c: c.execute(query).fetchone()) == (0,)


async def test_pressure_rises_above_half_and_falls_when_written(stand: Stand) -> None:
    """Above half of the bound senders wait; at the bound nothing has room; both end."""
    for number in range(6):
        stand.writer.enqueue(entry(number))
    assert stand.writer.under_pressure()
    assert stand.writer.has_room(4 * BUCKET)
    assert not stand.writer.has_room(5 * BUCKET)
    await asyncio.wait_for(stand.writer.relieved(), SETTLED_SECONDS_MAX)
    await stand.until_idle()
    assert (stand.writer.pending_bytes, stand.writer.under_pressure()) == (0, False)


async def test_a_faulty_listener_does_not_end_the_writer(stand: Stand) -> None:
    """What a listener raises goes to the loop's handler; the next envelope is committed."""
    seen: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, c: seen.append(c["exception"]))
    stand.writer.enqueue(entry(66))
    stand.writer.enqueue(entry(67))
    assert await stand.writer.run(ids) == [66, 67]
    assert [type(error) for error in seen] == [LookupError]
    assert stand.done == [(66, False), (67, False)]


async def test_between_groups_there_is_no_transaction(stand: Stand) -> None:
    """A checkpoint runs outside any transaction, and its failure comes back."""
    stand.writer.enqueue(entry(1))
    assert not await stand.writer.run_between(lambda c: c.in_transaction)
    with pytest.raises(errors.StoreFault):
        await stand.writer.run_between(lambda c: c.execute("no sql"))
    assert stand.writer.figures.faulty


async def test_deletions_a_full_disk_refused_are_kept_and_tried_again(
    stand: Stand, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While nothing can be written the clock runs; once it can, the row goes and it stops."""
    monkeypatch.setattr(writer_module, "DELETION_RETRY_SECONDS", 0.05)
    stand.writer.enqueue(entry(1))
    await stand.until_idle()
    await database.run(lambda c: c.execute("PRAGMA query_only = ON"))
    stand.writer.delete(BUCKET, (1,), 100.0)
    stand.writer.enqueue(entry(2))
    while not stand.writer.figures.failed:
        await asyncio.sleep(0.01)
    assert stand.clock.lag(130.0) == 30.0
    assert (stand.writer.figures.faulty, stand.done[-1]) == (True, (2, True))
    await database.run(lambda c: c.execute("PRAGMA query_only = OFF"))
    async with asyncio.timeout(SETTLED_SECONDS_MAX):
        while await stand.writer.run(ids):
            await asyncio.sleep(0.01)
    stand.clock.truncated()
    assert (stand.clock.lag(130.0), stand.writer.figures.faulty) == (0.0, False)


async def test_stopping_commits_what_waits_and_refuses_what_comes(database: Database) -> None:
    """Everything queued is written before the end, and later calls are told that it is closed."""
    stand = Stand(database, SqliteOptions())
    stand.writer.enqueue(entry(1))
    await stand.writer.stop()
    assert stand.done == [(1, False)]
    assert await database.run(ids) == [1]
    assert not stand.writer.has_room(1)
    with pytest.raises(errors.StoreClosed):
        stand.writer.post(ids)


async def test_stopping_on_a_full_disk_ends(database: Database) -> None:
    """Deletions that cannot be written at the end do not keep the process: mail comes again."""
    stand = Stand(database, SqliteOptions())
    stand.writer.enqueue(entry(1))
    await stand.until_idle()
    await database.run(lambda c: c.execute("PRAGMA query_only = ON"))
    stand.writer.delete(BUCKET, (1,), 100.0)
    await asyncio.wait_for(stand.writer.stop(), SETTLED_SECONDS_MAX)
    assert await database.run(ids) == [1]
    assert stand.clock.lag(101.0) == 1.0


async def test_a_connection_that_is_gone_fails_what_waits(database: Database) -> None:
    """If the thread itself fails, envelopes fail and jobs are told; nobody waits for ever."""
    stand = Stand(database, SqliteOptions())
    await database.close()
    stand.writer.enqueue(entry(1))
    with pytest.raises(errors.StoreClosed):
        await asyncio.wait_for(stand.writer.run(ids), SETTLED_SECONDS_MAX)
    assert stand.done == [(1, True)]
    await stand.writer.stop()
