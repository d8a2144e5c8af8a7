"""Looking at a relay's database from another process, running or not, without leaving a trace.

A reader of a write-ahead log keeps it from being truncated, and deleted envelopes readable in it.
So a look is one short read transaction: what takes longer than LOOK_SECONDS_MAX is broken off, and
the relay, which asks again each second, is far from its deletion bound. While no relay runs, the
look holds the lock that one would take, and a database whose log is empty is opened as if it lay on
a read-only disk: no file is made, none is changed.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hushpost_store import errors
from hushpost_store.sqlite.database import FileLock, fault, lock_of

# A sixth of the deletion bound; the rows of one account take milliseconds.
LOOK_SECONDS_MAX: Final = 5.0
# How often SQLite asks whether the time is up, in steps of its machine: some microseconds each.
_STEPS_BETWEEN_LOOKS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Look:
    """A snapshot: `connection` is within its transaction, and reads alone."""

    connection: sqlite3.Connection
    relay_runs: bool


@contextlib.contextmanager
def look_into(path: Path, seconds_max: float = LOOK_SECONDS_MAX) -> Generator[Look]:
    """Give a snapshot of the database for as long as the block runs, and no longer than the bound.

    Raises StoreDamaged, LookTooLong, StoreFault.
    """
    if not path.is_file():
        raise errors.StoreFault(f"there is no database {path}: name the folder of the relay")
    lock = FileLock(lock_of(path))
    # A relay makes the lock before all else: where there is none, a backup lies, or a copy.
    relay_runs = lock_of(path).exists() and not _taken(lock)
    try:
        with closing(_connect(path, alone=not relay_runs)) as connection:
            until = time.monotonic() + seconds_max
            connection.set_progress_handler(lambda: time.monotonic() > until, _STEPS_BETWEEN_LOOKS)
            connection.execute("BEGIN")
            # The snapshot is that of the first thing read.
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            yield Look(connection, relay_runs)
            connection.execute("ROLLBACK")
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorname", "") == "SQLITE_INTERRUPT":
            raise errors.LookTooLong(
                f"reading took longer than {seconds_max:g} s and was broken off, so as not to keep"
                " deleted envelopes on the disk: try again when the relay has less to do, or stop"
                " it first"
            ) from None
        raise fault(error) from error
    finally:
        lock.release()


def read_purpose(path: Path) -> int:
    """Return whose file a database says it is (`schema.APPLICATION_ID`: ours). Raises StoreFault.

    For who is about to lock or open a file that somebody named: nothing is made beside it.
    """
    with look_into(path) as look:
        (purpose,) = look.connection.execute("PRAGMA application_id").fetchone()
        return int(purpose)


def _taken(lock: FileLock) -> bool:
    try:
        lock.take()
    except errors.StoreInUse:
        return False
    except errors.StoreFault:
        return True  # nobody can write in this folder, so no relay runs in it
    return True


def _connect(path: Path, *, alone: bool) -> sqlite3.Connection:
    log = path.with_name(path.name + "-wal")
    settled = alone and (not log.exists() or log.stat().st_size == 0)
    address = f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if settled else ''}"
    return sqlite3.connect(address, uri=True, timeout=LOOK_SECONDS_MAX, isolation_level=None)
