"""The vault: one file that holds everything a client must not lose or show (docs/vault.md).

What is written leaves this process sealed; what a transaction did is durable, all or nothing, when
its block ends. The statements of a transaction run on the event loop (tens of microseconds, in
SQLite's page cache); the commit, which waits for the disk, runs in a thread of the vault's own, and
the transactions that wait meanwhile are committed together with the next. So a slow disk costs
latency and never stops the loop, and no half of a transaction is ever seen by another.

    transaction -> [turn] -> BEGIN once a group, SAVEPOINT, body, RELEASE -> COMMIT in the thread

It refuses to know what a session or a message is: values are bytes.
"""

import asyncio
import os
import sqlite3
from collections.abc import AsyncGenerator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

from hushpost_crypto.primitives import random_bytes

from hushpost.errors import MisuseError, VaultError, VaultFull, VaultInUse, VaultUncertain
from hushpost.vault_commits import Commits
from hushpost.vault_file import lay_out, remove_files, take_lock, unlock
from hushpost.vault_header import Argon2Cost, VaultSecret, make_header, open_header
from hushpost.vault_lock import FileLock
from hushpost.vault_rows import Row, RowReader, RowWriter, Table
from hushpost.vault_schema import (
    read_header,
    roll_back,
    truncate_log,
    vault_error,
    write_header,
)
from hushpost.vault_sealing import Sealer

__all__ = ["ERASE_SECONDS", "Row", "RowReader", "RowWriter", "Table", "Vault"]

# How long overwritten and deleted rows may stay in the write-ahead log. Every ratchet step is such
# a row: this bounds what a thief who also has the passphrase can wind back. Cutting the log costs
# two or three syncs, so not with every commit.
ERASE_SECONDS: Final = 1.0

_Result = TypeVar("_Result")


class Vault:
    """An open vault. Make it with `create` or `open`; end it with `close` or ``async with``.

    `get`, `rows`, `find` and `count` read what is durable, outside of any transaction; those within
    one block of `snapshot`, in which nothing may be awaited, as of one moment.
    """

    def __init__(
        self,
        path: Path,
        *,
        connections: tuple[sqlite3.Connection, sqlite3.Connection],
        sealer: Sealer,
        lock: FileLock,
        thread: ThreadPoolExecutor,
        random: Callable[[int], bytes],
    ) -> None:
        self._path = path
        self._writer, self._durable = connections
        self._sealer = sealer
        self._lock = lock
        self._thread = thread
        self._random = random
        reader = RowReader(self._durable, sealer)
        self._reader = reader
        self.get, self.rows = reader.get, reader.rows
        self.find, self.count = reader.find, reader.count
        self.snapshot = reader.snapshot
        self._turn = asyncio.Lock()
        self._holder: asyncio.Task[object] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._erasure: asyncio.TimerHandle | None = None
        self._closed = False
        self._commits = Commits(
            self._writer, thread, begun=self._group_begun, settled=self._erase_soon
        )
        # Told of a disk that refuses work in the background, which no caller would hear of.
        self.troubled: Callable[[VaultError], None] | None = None

    @classmethod
    async def create(
        cls,
        path: str | os.PathLike[str],
        secret: VaultSecret,
        *,
        cost: Argon2Cost | None = None,
        random: Callable[[int], bytes] = random_bytes,
    ) -> Self:
        """Make a vault where no file is, and open it.

        Raises `VaultExists`, `VaultInUse`, `VaultFull`. A crash leaves no file or a whole one.
        """
        vault_path = Path(path)
        lock = take_lock(vault_path, existing=False)
        work = partial(lay_out, vault_path, secret, cost or Argon2Cost(), random)
        laying = asyncio.ensure_future(asyncio.to_thread(work))
        try:
            await _whole(laying)
        except BaseException:
            if not laying.cancelled() and laying.exception() is None:
                remove_files(vault_path)  # made although the caller is gone
            lock.release()
            raise
        try:
            return await cls._open_locked(vault_path, secret, lock, random)
        except BaseException:
            remove_files(vault_path)
            raise

    @classmethod
    async def open(
        cls,
        path: str | os.PathLike[str],
        secret: VaultSecret,
        *,
        random: Callable[[int], bytes] = random_bytes,
    ) -> Self:
        """Open a vault that exists.

        Raises `VaultMissing`, `VaultInUse`, `VaultLocked` (wrong secret), `VaultDamaged`,
        `VaultNewer`; none of them changes the file.
        """
        vault_path = Path(path)
        lock = take_lock(vault_path, existing=True)
        return await cls._open_locked(vault_path, secret, lock, random)

    @classmethod
    async def _open_locked(
        cls, path: Path, secret: VaultSecret, lock: FileLock, random: Callable[[int], bytes]
    ) -> Self:
        thread = ThreadPoolExecutor(1, thread_name_prefix="hushpost-vault")
        loop = asyncio.get_running_loop()
        opening = loop.run_in_executor(thread, unlock, path, secret)
        try:
            connections, unlocked = await _whole(opening)
        except BaseException:
            if not opening.cancelled() and opening.exception() is None:
                for connection in opening.result()[0]:
                    connection.close()
            thread.shutdown(wait=False)
            lock.release()
            raise
        return cls(
            path,
            connections=connections,
            sealer=Sealer(unlocked, random),
            lock=lock,
            thread=thread,
            random=random,
        )

    @property
    def path(self) -> Path:
        """Where the vault is; beside it lie ``-wal``, ``-shm`` (while open) and ``.lock``."""
        return self._path

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[RowWriter, None]:
        """Change several records at once; on leaving the block they are durable.

        Do not await inside the block: every other transaction waits for its end. An exception
        inside undoes everything the block did. `VaultFull` on leaving means that nothing of it was
        stored, though an earlier read inside may have seen another transaction that failed with
        it: drop what was derived from reads. `VaultUncertain` means that nobody knows before the
        vault is opened again, and until then it refuses every change. A cancelled caller does not
        undo a block that ended.
        """
        await self._take_turn()
        try:
            group = self._commits.begin()
            writer = RowWriter(self._writer, self._sealer)
            try:
                yield writer
                self._commits.keep()
            except BaseException:
                self._commits.undo(group)
                raise
            finally:
                writer.end()
        finally:
            self._give_turn()
        await asyncio.shield(group)

    async def erase(self) -> None:
        """Return when everything deleted or overwritten so far is gone from the files.

        The vault does this by itself within `ERASE_SECONDS`; await it before telling a person that
        something is deleted. Raises `VaultFull` if the disk refuses, `VaultInUse` if another
        program reads the file at this moment.
        """
        await self._alone(self._truncate)

    async def change_secret(
        self, old: VaultSecret, new: VaultSecret, *, cost: Argon2Cost | None = None
    ) -> None:
        """Wrap the data key under another secret; the rows stay as they are.

        On return the old secret no longer opens this file. It still opens copies made before: who
        holds one and knows the old secret holds the data key. Raises `VaultLocked` if ``old`` is
        wrong.
        """
        random, chosen = self._random, cost or Argon2Cost()

        def rewrap() -> None:
            unlocked = open_header(read_header(self._writer), old)
            self._replace_header(make_header(unlocked, new, cost=chosen, random=random))

        await self._alone(rewrap)

    async def close(self) -> None:
        """Commit what is open, erase what is deleted, let the next client in. Twice is no error."""
        if not self._closed:
            await self._alone(self._close_files, last=True)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    # -- turns: one transaction, commit or erasure at a time, in order of arrival -------------

    async def _take_turn(self, *, last: bool = False) -> None:
        self._refuse_nested()
        await self._turn.acquire()
        if self._closed:
            self._turn.release()
            raise MisuseError("this vault is closed: open it again")
        if self._commits.uncertain is not None and not last:
            self._turn.release()
            raise VaultUncertain(*self._commits.uncertain.args)
        self._holder = asyncio.current_task()

    def _give_turn(self) -> None:
        self._holder = None
        self._turn.release()

    def _refuse_nested(self) -> None:
        if self._holder is not None and self._holder is asyncio.current_task():
            raise MisuseError("a transaction is open in this task: leave its block first")

    async def _alone(self, work: Callable[[], None], *, last: bool = False) -> None:
        """Run ``work`` in the thread between transactions, to its end even if the caller goes."""
        self._refuse_nested()
        await asyncio.shield(self._start(self._take_turn_for(work, last=last)))

    async def _take_turn_for(self, work: Callable[[], None], *, last: bool) -> None:
        await self._take_turn(last=last)
        try:
            await self._commits.settle()
            self._closed = last
            await self._commits.run(work)
        finally:
            self._give_turn()
            if last:
                self._let_go()

    def _let_go(self) -> None:
        self._reader.end()
        if self._erasure is not None:
            self._erasure.cancel()
        self._thread.shutdown(wait=False)
        self._lock.release()

    def _group_begun(self) -> None:
        self._start(self._commit_later())

    async def _commit_later(self) -> None:
        await self._turn.acquire()
        try:
            await self._commits.settle()
        finally:
            self._turn.release()

    # -- erasure ------------------------------------------------------------------------------

    def _erase_soon(self) -> None:
        if self._erasure is None and not self._closed and self._commits.uncertain is None:
            loop = asyncio.get_running_loop()
            self._erasure = loop.call_later(ERASE_SECONDS, self._erase_now)

    def _erase_now(self) -> None:
        self._erasure = None
        self._start(self._erase_quietly())

    async def _erase_quietly(self) -> None:
        """Erase in the background: a refusal now is tried again, and reported by the next write."""
        try:
            await self.erase()
        except MisuseError:
            return  # closed meanwhile, which erases
        except VaultError as error:
            if self.troubled is not None and isinstance(error, VaultFull | VaultUncertain):
                self.troubled(error)
            self._erase_soon()

    def _truncate(self) -> None:
        try:
            done = truncate_log(self._writer)
        except sqlite3.Error as error:
            raise vault_error(error) from None
        if not done:
            raise VaultInUse("another program reads the vault's file: close it, then erase again")

    def _replace_header(self, header: bytes) -> None:
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            write_header(self._writer, header)
            self._writer.execute("COMMIT")
        except sqlite3.Error as error:
            roll_back(self._writer)
            raise vault_error(error) from None
        self._truncate()

    def _close_files(self) -> None:
        # The last connection to close moves the log into the file and removes it; a disk that
        # refuses leaves the log for the next opening, which erases first of all.
        self._durable.close()
        with suppress(VaultError):
            self._truncate()
        self._writer.close()

    # -- the thread -----------------------------------------------------------------------------

    def _start(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def _whole(work: "asyncio.Future[_Result]") -> _Result:
    """Wait for a thread's work to its end, also when the caller is cancelled: then raises that.

    A thread cannot be stopped, and until it ended its files are neither whole nor gone.
    """
    cancelled: asyncio.CancelledError | None = None
    while not work.done():
        try:
            await asyncio.wait((work,))
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    return work.result()
