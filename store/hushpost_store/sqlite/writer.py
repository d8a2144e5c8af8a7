"""The writer task: it alone uses the database, and commits what waits together.

docs/spec/store.md, "Group commit". While one group is being committed the next one gathers; under
load groups grow by themselves, at rest a lone envelope is committed at once. Told to `hold`, it
keeps envelopes and deletions back until `let_go`, while jobs go on. Nothing here knows what the
jobs mean.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from hushpost_store import errors
from hushpost_store.sqlite.database import Database, fault
from hushpost_store.sqlite.deletion_clock import DeletionClock
from hushpost_store.sqlite.group import Batch, Entry, Job, Statement, Step, commit_group
from hushpost_store.sqlite.options import SqliteOptions

T = TypeVar("T")

# How long deletions wait that a full disk kept from being written, if nothing else comes.
DELETION_RETRY_SECONDS: Final = 1.0


@dataclass(slots=True, eq=False)
class _Waiting(Generic[T]):
    job: Job
    future: asyncio.Future[T]
    then: Callable[[T], None] | None


@dataclass(slots=True)
class WriterFigures:
    """Counters for `StoreStats`."""

    commits: int = 0
    committed: int = 0
    failed: int = 0
    commit_seconds: float = 0.0
    faulty: bool = False


class Writer:
    """Owns the queue in front of the database. All methods are called on one event loop."""

    def __init__(
        self,
        database: Database,
        options: SqliteOptions,
        on_done: Callable[[Entry], None],
        deletion_clock: DeletionClock,
    ) -> None:
        self._database = database
        self._options = options
        self._intake_bytes_max = options.intake_bytes_max
        self._pressure_bytes = options.intake_bytes_max // 2
        self._group_bytes_max = options.group_bytes_max
        self._on_done = on_done
        self._deletion_clock = deletion_clock
        self._steps: deque[Step] = deque()
        self._held: list[Batch] | None = None
        self._cut_off: list[Batch] = []
        self.is_holding = False
        """Whether batches wait for `let_go`; read for each envelope."""
        self._waiting: dict[Job, _Waiting[Any]] = {}
        self._open_batch: Batch | None = None
        self._between: deque[_Waiting[Any]] = deque()
        self._wake = asyncio.Event()
        self._relieved = asyncio.Event()
        self._relieved.set()
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self.pending_bytes = 0
        self.pending_envelopes = 0
        self.figures = WriterFigures()

    def start(self) -> None:
        """Begin to commit."""
        self._task = asyncio.create_task(self._run(), name="hushpost store writer")

    async def stop(self) -> None:
        """Commit everything that waits, then end. Later calls raise StoreClosed."""
        self._stopping = True
        self.cut()
        self.let_go()
        self._held, self.is_holding = None, False
        self._wake.set()
        if self._task is not None:
            await self._task

    def hold(self) -> None:
        """Keep batches back from now on, until `cut` and then `let_go`."""
        self._held, self.is_holding = [], True

    @property
    def holds_nothing(self) -> bool:
        """Whether `let_go` would bring nothing, whatever is cut."""
        return not self._held and not self._cut_off

    def cut(self) -> None:
        """Say that what is held by now is for the next `let_go`; what comes is for a later one."""
        if self._held:
            self._cut_off += self._held
            self._held = []
            self._open_batch = None

    def let_go(self) -> None:
        """Queue what was cut, behind what is queued."""
        if self._cut_off:
            self._steps.extend(self._cut_off)
            self._cut_off = []
            self._wake.set()

    def has_room(self, envelope_bytes: int) -> bool:
        """Whether an envelope may still be queued."""
        return self.pending_bytes + envelope_bytes <= self._intake_bytes_max and not self._stopping

    def under_pressure(self) -> bool:
        """Whether senders should not be read now."""
        return not self._relieved.is_set()

    async def relieved(self) -> None:
        """Wait until senders may be read again."""
        await self._relieved.wait()

    def enqueue(self, entry: Entry) -> None:
        """Queue an envelope; `on_done` is called with the entry when its end is known."""
        size = len(entry.row[5])
        batch = self._open_batch
        if batch is None or batch.envelope_bytes + size > self._group_bytes_max:
            batch = self._new_batch()
        batch.entries.append(entry)
        batch.envelope_bytes += size
        self.pending_envelopes += 1
        pending = self.pending_bytes = self.pending_bytes + size
        if pending > self._pressure_bytes:
            self._relieved.clear()

    def delete(self, bucket: int, row_ids: Sequence[int], now: float) -> None:
        """Queue the deletion of envelopes' rows."""
        batch = self._batch()
        ids = batch.deletions.get(bucket)
        if ids is None:
            ids = batch.deletions[bucket] = []
        ids += row_ids
        if batch.deleted_since is None:
            batch.deleted_since = now
        self._deletion_clock.asked(now)

    def write_beside(self, statements: tuple[Statement, ...]) -> None:
        """Queue what must be written although its envelope was withdrawn."""
        self._batch().beside.extend(statements)

    def post(
        self,
        function: Callable[[sqlite3.Connection], T],
        then: Callable[[T], None] | None = None,
        deleting_at: float | None = None,
    ) -> asyncio.Future[T]:
        """Queue a function that runs in its turn, atomically; the future is done when durable.

        `deleting_at` says that it deletes, and when that was asked for. `then` is called with the
        result before anything queued later is told its end. The future fails with what the
        function raised, or StoreFault; it must be awaited through `asyncio.shield`.
        """
        waiting = self._expect(function, then)
        waiting.job.deleted_since = deleting_at
        if deleting_at is not None:
            self._deletion_clock.asked(deleting_at)
        self._open_batch = None
        self._steps.append(waiting.job)
        self._waiting[waiting.job] = waiting
        self._wake.set()
        return waiting.future

    async def run(
        self,
        function: Callable[[sqlite3.Connection], T],
        then: Callable[[T], None] | None = None,
        deleting_at: float | None = None,
    ) -> T:
        """Post a function and wait; a caller that is cancelled only stops waiting."""
        return await asyncio.shield(self.post(function, then, deleting_at))

    async def run_between(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Run a function between two groups, outside any transaction."""
        waiting = self._expect(function, None)
        self._between.append(waiting)
        self._wake.set()
        return await asyncio.shield(waiting.future)

    def _expect(
        self, function: Callable[[sqlite3.Connection], T], then: Callable[[T], None] | None
    ) -> _Waiting[T]:
        if self._stopping or self._task is None or self._task.done():
            raise errors.StoreClosed("the store is not open")
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        # A caller may be gone when an error comes; it is noted in the figures either way.
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        return _Waiting(Job(function), future, then)

    def _batch(self) -> Batch:
        return self._open_batch or self._new_batch()

    def _new_batch(self) -> Batch:
        batch = self._open_batch = Batch()
        if self._held is not None:
            self._held.append(batch)
            return batch
        self._steps.append(batch)
        self._wake.set()
        return batch

    async def _run(self) -> None:
        try:
            await self._loop()
        except asyncio.CancelledError:
            # The event loop ends without `close`: the connection's thread would keep the process.
            await self._database.close()
            raise

    async def _loop(self) -> None:
        while self._steps or self._between or not self._stopping:
            if not self._steps and not self._between:
                self._wake.clear()
                await self._wake.wait()
                continue
            if self._steps:
                await self._commit(self._take())
            while self._between:
                await self._run_waiting_between(self._between.popleft())

    def _take(self) -> list[Step]:
        steps: list[Step] = []
        envelope_bytes = 0
        while self._steps and envelope_bytes < self._group_bytes_max:
            step = self._steps.popleft()
            if isinstance(step, Batch):
                step.entries = [entry for entry in step.entries if not entry.done]
                for entry in step.entries:
                    entry.taken = True
                envelope_bytes += step.envelope_bytes
            steps.append(step)
        if not self._steps:
            self._open_batch = None
        return steps

    async def _commit(self, steps: list[Step]) -> None:
        started = time.monotonic()
        later = _deleted_since([*self._steps, *self._cut_off, *(self._held or ())])
        self._deletion_clock.writing(_deleted_since(steps), later)
        try:
            on_error = self._database.damage.look_at
            await self._database.run(lambda connection: commit_group(connection, steps, on_error))
        except Exception as error:  # the thread's edge: whoever waits must learn it, and we go on  # noqa: BLE001
            _fail_all(steps, error)
        self.figures.commits += 1
        self.figures.commit_seconds = time.monotonic() - started
        retained = False
        self.figures.faulty = False
        for step in steps:
            if isinstance(step, Job):
                self._settle(self._waiting.pop(step))
            else:
                self._finish(step)
                retained = self._retain(step) or retained
        if retained:
            self._deletion_clock.failed()
            await self._pause()
        else:
            self._deletion_clock.written()

    def _finish(self, batch: Batch) -> None:
        on_done = self._on_done
        failed = 0
        for entry in batch.entries:
            failed += entry.failed
            if entry.done:
                continue
            self.release(entry)
            try:
                on_done(entry)
            except Exception as error:  # noqa: BLE001 - a faulty listener must not end the writer
                asyncio.get_running_loop().call_exception_handler(
                    {"message": "a submission's listener raised", "exception": error}
                )
        self.figures.committed += len(batch.entries) - failed
        self.figures.failed += failed
        self.figures.faulty = self.figures.faulty or failed > 0

    def release(self, entry: Entry) -> None:
        """Count an entry out of what is pending and mark it done."""
        entry.done = True
        self.pending_envelopes -= 1
        self.pending_bytes -= len(entry.row[5])
        if not self._relieved.is_set() and self.pending_bytes <= self._pressure_bytes:
            self._relieved.set()

    def _retain(self, batch: Batch) -> bool:
        """Put deletions that could not be written in front of the queue again."""
        if not batch.deletions_failed:
            return False
        self.figures.faulty = True
        again = Batch(
            deletions=batch.deletions, beside=batch.beside, deleted_since=batch.deleted_since
        )
        self._steps.appendleft(again)
        return True

    async def _pause(self) -> None:
        if self._stopping:
            # What cannot be deleted on a full disk at the end is delivered again, not lost.
            self._steps = deque(s for s in self._steps if isinstance(s, Job) or s.entries)
            return
        self._wake.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), DELETION_RETRY_SECONDS)

    def _settle(self, waiting: _Waiting[Any]) -> None:
        error = waiting.job.error
        if error is None:
            if waiting.then is not None:
                waiting.then(waiting.job.result)
            if not waiting.future.done():
                waiting.future.set_result(waiting.job.result)
            return
        self.figures.faulty = self.figures.faulty or not isinstance(error, errors.StoreMisuse)
        self._database.damage.look_at(error)
        told = fault(error) if isinstance(error, sqlite3.Error) else error
        if not waiting.future.done():
            waiting.future.set_exception(told)

    async def _run_waiting_between(self, waiting: _Waiting[Any]) -> None:
        try:
            waiting.job.result = await self._database.run(waiting.job.function)
        except Exception as error:  # kept for the caller who waits  # noqa: BLE001
            waiting.job.error = error
        self._settle(waiting)


def _fail_all(steps: list[Step], error: Exception) -> None:
    for step in steps:
        if isinstance(step, Job):
            step.fail(error)
        else:
            step.deletions_failed = True
            for entry in step.entries:
                entry.failed = True


def _deleted_since(steps: Iterable[Step]) -> float | None:
    return min((s.deleted_since for s in steps if s.deleted_since is not None), default=None)
