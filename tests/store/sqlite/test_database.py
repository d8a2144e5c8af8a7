"""The connection, its thread and its lock."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hushpost_store import SqliteOptions, errors
from hushpost_store.sqlite.database import Database, fault, lock_of, make_private

from tests.waiting import SECONDS_MAX, until


def _pragma(connection: sqlite3.Connection, name: str) -> object:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


async def test_the_promises_to_the_disk_are_set(database: Database) -> None:
    """WAL, full syncs, overwriting of what is deleted, and no temporary file beside the store."""
    wanted = {
        "journal_mode": "wal",
        "synchronous": 2,
        "secure_delete": 1,
        "temp_store": 2,
        "page_size": 4096,
    }
    found = await database.run(lambda c: {name: _pragma(c, name) for name in wanted})
    assert found == wanted


async def test_work_runs_in_another_thread_and_its_errors_come_back(database: Database) -> None:
    """The loop goes on meanwhile; what the function returns or raises reaches the caller."""
    thread = await database.run(lambda _: threading.get_ident())
    assert thread != threading.get_ident()
    with pytest.raises(LookupError, match="from within"):
        await database.run(_raise)
    assert await database.run(lambda _: 5) == 5


def _raise(_: sqlite3.Connection) -> None:
    raise LookupError("from within")


async def test_cancelling_the_caller_does_not_stop_the_work(database: Database) -> None:
    """Work that was begun ends, and the next finds the connection in order."""
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def slow(_: sqlite3.Connection) -> None:
        begun.set()
        go_on.wait(SECONDS_MAX)
        ended.set()

    caller = asyncio.create_task(database.run(slow))
    await until(begun.is_set)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    go_on.set()
    assert await database.run(lambda _: ended.is_set())


async def test_a_closed_database_says_so_and_opens_again(database: Database) -> None:
    """After closing, work is refused with a clear error; the lock is free."""
    await database.close()
    await database.close()
    with pytest.raises(errors.StoreClosed):
        await database.run(lambda _: None)
    await database.open()
    assert await database.run(lambda c: _pragma(c, "journal_mode")) == "wal"


async def test_a_second_opener_is_refused_and_leaves_the_lock(database: Database) -> None:
    """Whoever comes second learns what to do; the first keeps both lock and connection."""
    path = database._path  # pyright: ignore[reportPrivateUsage]  # opens the very same file
    for _ in range(2):
        with pytest.raises(errors.StoreInUse, match="stop that relay"):
            await Database(path, SqliteOptions()).open()
    assert await database.run(lambda _: 1) == 1


async def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A path whose folder is no place for a lock gives an error that says what to check."""
    (tmp_path / "relay.db.lock").mkdir()
    with pytest.raises(errors.StoreFault, match="cannot write in the folder"):
        await Database(tmp_path / "relay.db", SqliteOptions()).open()


async def test_a_file_that_is_no_database_frees_the_lock(tmp_path: Path) -> None:
    """A refused file is left as it is, and whoever replaces it can open at once."""
    path = tmp_path / "relay.db"
    path.write_bytes(b"text that was never a database " * 200)
    before = path.read_bytes()
    with pytest.raises(errors.StoreDamaged):
        await Database(path, SqliteOptions()).open()
    assert path.read_bytes() == before
    path.unlink()
    opened = Database(path, SqliteOptions())
    await opened.open()
    await opened.close()


async def test_a_page_limit_is_kept(tmp_path: Path) -> None:
    """With `pages_max` SQLite itself reports a full disk beyond it."""
    limited = Database(tmp_path / "relay.db", SqliteOptions(pages_max=4))
    await limited.open()
    with pytest.raises(sqlite3.OperationalError, match="full"):
        await limited.run(lambda c: [c.execute(f"CREATE TABLE t{n} (x)") for n in range(9)])
    await limited.close()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("SQLITE_FULL", errors.StorageFull),
        ("SQLITE_IOERR_WRITE", errors.StorageFull),
        ("SQLITE_CORRUPT_INDEX", errors.StoreDamaged),
        ("SQLITE_NOTADB", errors.StoreDamaged),
        ("SQLITE_BUSY", errors.StoreInUse),
        ("SQLITE_MISUSE", errors.StoreFault),
    ],
)
def test_errors_of_sqlite_become_what_to_do(name: str, kind: type[Exception]) -> None:
    """Each class of failure gets the error that says what the operator should do."""
    error = sqlite3.OperationalError("text that is not repeated")
    error.sqlite_errorname = name
    told = fault(error)
    assert type(told) is kind
    assert "text that is not repeated" not in str(told)


def modes_in(folder: Path) -> dict[str, int]:
    """Return who may do what with each file of a folder."""
    return {file.name: file.stat().st_mode & 0o777 for file in folder.iterdir()}


@pytest.mark.skipif(os.name != "posix", reason="other systems have no modes")
async def test_every_file_of_a_store_is_its_owners_alone(tmp_path: Path) -> None:
    """Database, log, index and lock: also those that an older version left open to others."""
    path = tmp_path / "relay.db"
    path.touch(mode=0o644)
    path.chmod(0o644)
    opened = Database(path, SqliteOptions())
    await opened.open()
    try:
        await opened.run(lambda connection: connection.execute("CREATE TABLE t (x)"))
        modes = modes_in(tmp_path)
    finally:
        await opened.close()
    assert modes == dict.fromkeys(
        ("relay.db", "relay.db-wal", "relay.db-shm", "relay.db.lock"), 0o600
    )


async def test_making_a_file_private_leaves_the_locks_on_it(database: Database) -> None:
    """Closing a file that SQLite has open would end its locks: it is not opened for that."""
    (path,) = await database.run(
        lambda connection: connection.execute(
            "SELECT file FROM pragma_database_list WHERE name = 'main'"
        ).fetchone()
    )
    make_private(Path(path))
    make_private(lock_of(Path(path)))
    script = (
        "import sys; from pathlib import Path;"
        "from hushpost_store.sqlite.database import FileLock, lock_of;"
        "FileLock(lock_of(Path(sys.argv[1]))).take()"
    )
    ended = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", script, path],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "StoreInUse" in ended.stderr
