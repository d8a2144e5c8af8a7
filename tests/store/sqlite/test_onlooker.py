"""Looking at a database beside its relay hinders nothing and leaves nothing."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from hushpost_store import SqliteStore, errors
from hushpost_store.conformance import account, digest
from hushpost_store.sqlite.onlooker import look_into, read_purpose
from hushpost_store.sqlite.owned_rows import owned_rows
from hushpost_store.sqlite.schema import APPLICATION_ID

from tests.store.sqlite.full_store import full_store

COUNT = "SELECT count(*) FROM account"
# Three tables joined without a condition: SQLite is busy for longer than anyone waits.
ENDLESS = (
    "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n, n, n"
)
CRASHED = """
import asyncio, os, signal, sys
from pathlib import Path
from tests.store.sqlite.full_store import full_store
async def main():
    async with full_store(Path(sys.argv[1])):
        os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""


def files_of(folder: Path) -> dict[str, bytes]:
    """Return every file with what is in it."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def emptied(path: Path) -> bool:
    """Ask for the log to be truncated, as the relay does each second, and say if it was."""
    with closing(sqlite3.connect(path, timeout=0)) as connection:
        (busy, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy


async def test_a_stopped_relays_files_are_left_as_they_are(tmp_path: Path) -> None:
    """No file comes to be, none changes, and no relay can start meanwhile."""
    path = tmp_path / "relay.db"
    async with full_store(path):
        pass
    before = files_of(tmp_path)
    with look_into(path) as look:
        assert not look.relay_runs
        assert look.connection.execute(COUNT).fetchone() == (3,)
        with pytest.raises(errors.StoreInUse):
            await SqliteStore(path).open()
    assert files_of(tmp_path) == before


async def test_a_copy_without_a_lock_is_left_without_one(tmp_path: Path) -> None:
    """A backup, or what was taken off a disk, gets no file more by being looked at."""
    async with full_store(tmp_path / "relay.db"):
        pass
    (tmp_path / "relay.db.lock").unlink()
    with look_into(tmp_path / "relay.db") as look:
        assert not look.relay_runs
        assert look.connection.execute(COUNT).fetchone() == (3,)
    assert files_of(tmp_path).keys() == {"relay.db"}


async def test_a_running_relay_is_looked_at_and_goes_on(tmp_path: Path) -> None:
    """A look sees what was committed before it; writing goes on, and the log is emptied after."""
    path = tmp_path / "relay.db"
    async with full_store(path) as store:
        with look_into(path) as look:
            assert look.relay_runs
            await store.create_account(account("dave"))
            assert look.connection.execute(COUNT).fetchone() == (3,)
            assert owned_rows(look.connection, digest("bob"))[0].rows
            assert not emptied(path), "the look should be what keeps the log"
        assert emptied(path)
        with look_into(path) as look:
            assert look.connection.execute(COUNT).fetchone() == (4,)


async def test_the_mail_of_a_killed_relay_is_seen(tmp_path: Path) -> None:
    """What only the log holds, because nobody closed the database, is part of the snapshot."""
    path = tmp_path / "relay.db"
    ended = subprocess.run(  # noqa: ASYNC221 - it ends by itself
        [sys.executable, "-c", CRASHED, str(path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL
    assert (tmp_path / "relay.db-wal").stat().st_size > 0
    with look_into(path) as look:
        assert not look.relay_runs
        assert all(part.rows for part in owned_rows(look.connection, digest("bob")))


async def test_a_look_that_takes_too_long_is_broken_off(tmp_path: Path) -> None:
    """Otherwise it would keep deleted envelopes readable in the relay's log."""
    path = tmp_path / "relay.db"
    async with full_store(path):
        with (
            pytest.raises(errors.LookTooLong, match="took longer than"),
            look_into(path, seconds_max=0.05) as look,
        ):
            look.connection.execute(ENDLESS).fetchall()


async def test_a_look_cannot_write(tmp_path: Path) -> None:
    """The connection is for reading alone."""
    path = tmp_path / "relay.db"
    async with full_store(path):
        with pytest.raises(errors.StoreFault), look_into(path) as look:
            look.connection.execute("DELETE FROM account")


def test_what_is_no_database_is_said_to_be_none(tmp_path: Path) -> None:
    """A missing file, and one of another program."""
    with pytest.raises(errors.StoreFault, match="there is no database"), look_into(tmp_path / "a"):
        pass
    (tmp_path / "b").write_bytes(b"no database at all" * 100)
    with pytest.raises(errors.StoreDamaged), look_into(tmp_path / "b") as look:
        look.connection.execute(COUNT).fetchall()


def test_a_folder_that_nobody_can_write_holds_no_running_relay(tmp_path: Path) -> None:
    """Where the lock cannot be made, there is none to wait for."""
    path = tmp_path / "relay.db"
    sqlite3.connect(path).close()
    path.write_bytes(b"")
    (tmp_path / "relay.db.lock").mkdir()
    with look_into(path) as look:
        assert not look.relay_runs


async def test_a_file_says_whose_it_is(tmp_path: Path) -> None:
    """Asked before anything is made beside it, whether a relay has it open or not."""
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE bookmark (name)")
    assert read_purpose(other) != APPLICATION_ID
    assert list(files_of(tmp_path)) == ["other.db"]
    ours = tmp_path / "relay.db"
    async with full_store(ours):
        assert read_purpose(ours) == APPLICATION_ID
    assert read_purpose(ours) == APPLICATION_ID
