"""Truncating the write-ahead log, where deleted bodies would stay readable.

docs/spec/store.md, "Deletion". Every few seconds, and only when something was deleted. SQLite
says when a reader kept it from finishing; then it is asked again soon, and until it succeeds the
deletion clock runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable

from hushpost_store import errors
from hushpost_store.sqlite.deletion_clock import DeletionClock
from hushpost_store.sqlite.group import forget_rows
from hushpost_store.sqlite.options import SqliteOptions
from hushpost_store.sqlite.schema import envelope_buckets
from hushpost_store.sqlite.writer import Writer


class Checkpointer:
    """A task beside the writer."""

    def __init__(
        self, writer: Writer, options: SqliteOptions, deletion_clock: DeletionClock
    ) -> None:
        self._writer = writer
        self._options = options
        self._deletion_clock = deletion_clock
        self._task: asyncio.Task[None] | None = None
        self.checkpoints = 0
        self.busy = 0

    def start(self) -> None:
        """Begin to look after the log."""
        self._task = asyncio.create_task(self._loop(), name="hushpost store checkpointer")

    async def stop(self) -> None:
        """End; whoever closes the database truncates the log a last time."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def truncate(self) -> bool:
        """Copy the log into the database and empty it; False where a reader held it."""
        try:
            done = await self._writer.run_between(self._truncate_then(self._deletion_clock))
        except errors.StoreFault:
            self.busy += 1
            raise
        self.checkpoints += done
        self.busy += not done
        return done

    async def _loop(self) -> None:
        pause = self._options.checkpoint_seconds
        while True:
            await asyncio.sleep(pause)
            if not self._deletion_clock.pending():
                continue
            try:
                done = await self.truncate()
            except errors.StoreFault:
                done = False
            pause = (
                self._options.checkpoint_seconds if done else self._options.checkpoint_retry_seconds
            )

    @staticmethod
    def _truncate_then(clock: DeletionClock) -> Callable[[sqlite3.Connection], bool]:
        def work(connection: sqlite3.Connection) -> bool:
            forget_rows(connection, envelope_buckets(connection))
            done = truncate_log(connection)
            if done:
                # No group is between: all that was committed is in the database file alone.
                clock.truncated()
            return done

        return work


def truncate_log(connection: sqlite3.Connection) -> bool:
    """Run one TRUNCATE checkpoint and return whether the log is empty now."""
    busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy
