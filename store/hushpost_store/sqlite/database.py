"""The one connection to the database, and the thread it lives in (docs/spec/store.md, "SQLite").

aiosqlite gives the thread. What runs there is a whole group at once, handed over as the work of
one `commit`: one hop to the thread and back for a thousand rows, where a hop for each statement
would cost more than the statements.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

import aiosqlite

from hushpost_store import errors
from hushpost_store.durable_folder import make_folder
from hushpost_store.sqlite.log_inspection import LogState, inspect_log
from hushpost_store.sqlite.options import SqliteOptions
from hushpost_store.sqlite.row_digest import Damage, install

T = TypeVar("T")

# Neither its keys nor its sealed mail are for other users of the machine.
OWNER_ONLY = 0o600


class _Work(Generic[T]):
    """One piece of work for the thread, and what came of it."""

    def __init__(self, function: Callable[[sqlite3.Connection], T]) -> None:
        self._function = function
        self._result: list[T] = []

    def run(self, connection: sqlite3.Connection) -> None:
        try:
            self._result.append(self._function(connection))
        except UnicodeDecodeError:
            # SQLite's own message quotes the bytes of a damaged schema.
            raise malformed() from None

    def result(self) -> T:
        return self._result[0]


class _WorkConnection(sqlite3.Connection):
    """A connection whose `commit` does the work that was laid upon it."""

    work: Callable[[sqlite3.Connection], None] | None = None

    def commit(self) -> None:
        work, self.work = self.work, None
        if work is not None:
            work(self)


class Database:
    """Opens, runs work in the connection's thread, closes. One `run` at a time."""

    def __init__(self, path: Path, options: SqliteOptions) -> None:
        self._path = path
        self._options = options
        self._raw: _WorkConnection | None = None
        self._connection: aiosqlite.Connection | None = None
        self._lock = FileLock(lock_of(path))
        self.damage = Damage()
        """What was found damaged since this was made."""
        self.log_was_cut = False
        """Whether the log ended in a transaction that was not whole."""

    async def open(self) -> None:
        """Take the lock and connect. Raises StoreInUse, StoreDamaged, StorageFull."""
        make_folder(self._path.parent)
        self._lock.take()
        try:
            await self._look_at_log()
            make_private(self._path)
            self._connection = await aiosqlite.connect(
                self._path, timeout=0, isolation_level=None, factory=self._capturing()
            )
            await self.run(self._configure)
        except sqlite3.Error as error:
            await self.close()
            raise fault(error) from error
        except BaseException:
            await self.close()
            raise

    async def _look_at_log(self) -> None:
        """Refuse a log that SQLite would not read to its end: it would soon write over the rest."""
        state = await asyncio.to_thread(inspect_log, self._path)
        if state is LogState.DAMAGED:
            raise errors.StoreDamaged(
                "the write-ahead log is damaged in its middle, and committed mail stands behind it"
            )
        self.log_was_cut = state is LogState.CUT

    async def run(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Run a function in the connection's thread and return what it returned.

        Cancelling the caller does not stop the function, only the waiting for it.
        """
        if self._raw is None or self._connection is None:
            raise errors.StoreClosed("the store is not open")
        work = _Work(function)
        self._raw.work = work.run
        await asyncio.shield(self._connection.commit())
        return work.result()

    async def close(self) -> None:
        """Close the connection and give the lock back."""
        connection, self._connection, self._raw = self._connection, None, None
        if connection is not None:
            await connection.close()
        self._lock.release()

    def _capturing(self) -> type[_WorkConnection]:
        """Return a connection class whose instance becomes known here when aiosqlite makes it."""
        database = self

        class Captured(_WorkConnection):
            def __init__(self, *args: Any, **kwargs: Any) -> None:
                super().__init__(*args, **kwargs)
                database._raw = self

        return Captured

    def _configure(self, connection: sqlite3.Connection) -> None:
        options = self._options
        install(connection, self.damage)
        statements = (
            f"PRAGMA page_size = {options.page_bytes}",
            "PRAGMA journal_mode = WAL",
            "PRAGMA synchronous = FULL",
            "PRAGMA secure_delete = ON",
            "PRAGMA temp_store = MEMORY",
            "PRAGMA foreign_keys = OFF",
            f"PRAGMA wal_autocheckpoint = {options.log_pages}",
            f"PRAGMA cache_size = {-(options.page_cache_bytes >> 10)}",
        )
        for statement in statements:
            connection.execute(statement)
        if options.pages_max:
            connection.execute(f"PRAGMA max_page_count = {options.pages_max}")


def lock_of(path: Path) -> Path:
    """Return the file whose lock says that a process has the database open."""
    return path.with_name(path.name + ".lock")


def make_private(path: Path) -> None:
    """See to it that a database is its owner's alone; SQLite gives its log the same mode.

    Touches no file that exists but by its name: closing one that SQLite has open in this process
    would end SQLite's locks on it. OSError where the folder is not ours.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, OWNER_ONLY))
    except FileExistsError:
        for suffix in ("", "-wal", "-shm"):
            _take_from_others(path.with_name(path.name + suffix))


def _take_from_others(path: Path) -> None:
    if os.name == "posix" and path.is_file() and path.stat().st_mode & ~OWNER_ONLY & 0o777:
        path.chmod(OWNER_ONLY)


class FileLock:
    """Keeps a second process away: an exclusive transaction on a database of its own.

    The operating system ends it with the process, whatever kills it, on every platform that
    SQLite knows. The database itself stays readable for the operator's own tools.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def take(self) -> None:
        """Take the lock until `release`. Raises StoreInUse, StoreFault."""
        try:
            make_private(self._path)
            connection = sqlite3.connect(self._path, timeout=0, isolation_level=None)
        except (sqlite3.Error, OSError) as error:
            raise errors.StoreFault(
                f"cannot write in the folder of {self._path.name}: check that it exists and is ours"
            ) from error
        try:
            connection.execute("PRAGMA journal_mode = MEMORY")
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as error:
            connection.close()
            if not error.sqlite_errorname.startswith("SQLITE_BUSY"):
                raise fault(error) from error
            raise errors.StoreInUse(
                f"another process has {self._path.name.removesuffix('.lock')} open: "
                "stop that relay, or name another database"
            ) from error
        self._connection = connection

    def release(self) -> None:
        """Give the lock back, if it was taken."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def malformed() -> sqlite3.DatabaseError:
    """Return the error that SQLite has for a file that is not what it wrote."""
    error = sqlite3.DatabaseError("the database is malformed")
    error.sqlite_errorcode, error.sqlite_errorname = sqlite3.SQLITE_CORRUPT, "SQLITE_CORRUPT"
    return error


def fault(error: sqlite3.Error) -> errors.StoreFault:
    """Translate what SQLite raised into what the caller should do."""
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(("SQLITE_FULL", "SQLITE_IOERR")):
        return errors.StorageFull("the disk is full or fails: free space, then try again")
    if name == "SQLITE_ERROR":
        # Our statements do not change: a table or column that they name is not there.
        return errors.StoreDamaged("the database's schema is not what hushpost made")
    if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
        return errors.StoreDamaged("the database is damaged or none of ours: restore a backup")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return errors.StoreInUse("another process holds the database: stop it")
    return errors.StoreFault(f"the database failed ({name or type(error).__name__})")
