"""The checkpointer: it empties the log, says when it could not, and asks again soon."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from hushpost_store import SqliteOptions, errors
from hushpost_store.sqlite.checkpointer import Checkpointer
from hushpost_store.sqlite.database import Database
from hushpost_store.sqlite.deletion_clock import DeletionClock
from hushpost_store.sqlite.writer import Writer

from tests.waiting import until

OPTIONS = SqliteOptions(checkpoint_seconds=0.02, checkpoint_retry_seconds=0.02)


class Stand:
    """A checkpointer beside a writer."""

    def __init__(self, database: Database, path: Path) -> None:
        self.database = database
        self.log = path.with_name(path.name + "-wal")
        self.clock = DeletionClock()
        self.writer = Writer(database, OPTIONS, lambda _: None, self.clock)
        self.writer.start()
        self.checkpointer = Checkpointer(self.writer, OPTIONS, self.clock)

    async def delete(self) -> None:
        """Delete something, so that the log must be emptied."""
        await self.writer.run(lambda c: c.execute("DELETE FROM store_meta"), deleting_at=100.0)


@pytest.fixture
async def stand(database: Database, tmp_path: Path) -> AsyncIterator[Stand]:
    """Give a checkpointer that is not yet started."""
    made = Stand(database, tmp_path / "relay.db")
    yield made
    await made.checkpointer.stop()
    await made.writer.stop()


async def test_truncating_leaves_an_empty_log(stand: Stand) -> None:
    """After it the log has no byte and the deletion clock stands at 0."""
    await stand.delete()
    assert stand.log.stat().st_size > 0
    assert await stand.checkpointer.truncate()
    assert stand.log.stat().st_size == 0
    assert (stand.clock.lag(200.0), stand.checkpointer.checkpoints) == (0.0, 1)


async def test_it_works_only_when_something_was_deleted(stand: Stand) -> None:
    """Without a deletion the log is left alone; after one it is emptied unasked."""
    stand.checkpointer.start()
    await stand.writer.run(lambda c: c.execute("PRAGMA user_version"))
    await asyncio.sleep(0.1)
    assert stand.checkpointer.checkpoints == 0
    await stand.delete()
    await until(lambda: not stand.clock.pending())
    assert stand.log.stat().st_size == 0


async def test_a_reader_is_waited_for(stand: Stand) -> None:
    """While a reader holds the log it is busy and the clock runs; afterwards it succeeds."""
    with closing(sqlite3.connect(stand.log.with_name("relay.db"))) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM account").fetchone()
        await stand.delete()
        assert not await stand.checkpointer.truncate()
        stand.checkpointer.start()
        await until(lambda: stand.checkpointer.busy >= 2)
        assert stand.clock.lag(107.0) == 7.0
    await until(lambda: not stand.clock.pending())


async def test_a_failing_checkpoint_counts_as_busy_and_does_not_end_the_task(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that refuses raises for who asked, and the task asks again."""
    await stand.delete()

    def fails(_: sqlite3.Connection) -> bool:
        raise sqlite3.OperationalError("disk I/O error")

    module = "hushpost_store.sqlite.checkpointer.truncate_log"
    with monkeypatch.context() as patched:
        patched.setattr(module, fails)
        with pytest.raises(errors.StoreFault):
            await stand.checkpointer.truncate()
        stand.checkpointer.start()
        await until(lambda: stand.checkpointer.busy >= 3)
    await until(lambda: not stand.clock.pending())
