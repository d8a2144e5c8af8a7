"""Erasing a database whose mail has moved elsewhere (docs/spec/store.md, "Moving").

In its place stays a database that holds the mark alone, so that a relay that is started on the
folder by mistake is refused, and does not answer everybody's senders that there is no such drop.

    relay.db ──link──► relay.db.old     the stub is renamed over relay.db, and then the old file
    stub ────rename──► relay.db         overwritten and removed; a crash leaves relay.db.old
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from hushpost_store import errors
from hushpost_store.durable_folder import sync_folder
from hushpost_store.sqlite import backup, schema
from hushpost_store.sqlite.checkpointer import truncate_log
from hushpost_store.sqlite.database import FileLock, fault, lock_of, make_private
from hushpost_store.sqlite.migration_mark import MigrationMark, MoveState, mark_in, write_mark
from hushpost_store.sqlite.row_digest import Damage, install

_CHUNK: Final = bytes(1 << 20)


def erase(path: Path) -> int:
    """Overwrite and remove a database that has moved, with its log; returns how many bytes went.

    May be called again after a crash. Raises StoreMisuse where its mail has not moved (nothing was
    changed), StoreInUse, StoreFault.
    """
    lock = FileLock(lock_of(path))
    lock.take()
    try:
        mark = _empty_log(path)
        if mark.state is MoveState.DONE:
            _put_stub(path, MigrationMark(MoveState.ERASED, mark.migration_id))
        return _overwrite(old_of(path))
    except sqlite3.Error as error:
        raise fault(error) from error
    except OSError as error:
        raise errors.StoreFault(f"{path} could not be erased ({error.strerror})") from error
    finally:
        lock.release()


def old_of(path: Path) -> Path:
    """Return where a database lies while it is overwritten."""
    return path.with_name(path.name + ".old")


def _empty_log(path: Path) -> MigrationMark:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        install(connection, Damage())
        mark = mark_in(connection)
        if mark is None or mark.state is MoveState.GOING:
            raise errors.StoreMisuse(
                "the mail of this database has not moved to another store: nothing was erased"
            )
        truncate_log(connection)
    return mark


def _put_stub(path: Path, mark: MigrationMark) -> None:
    backup.discard_part(path)
    part = path.with_name(path.name + ".part")
    make_private(part)
    with closing(sqlite3.connect(part, isolation_level=None)) as stub:
        schema.migrate(stub, ())
        write_mark(stub, mark)
    old_of(path).unlink(missing_ok=True)
    os.link(path, old_of(path))
    sync_folder(path.parent)
    part.replace(path)
    sync_folder(path.parent)


def _overwrite(path: Path) -> int:
    """Overwrite a file with zeros, synced, and remove it; 0 where it is gone already."""
    if not path.exists():
        return 0
    size = path.stat().st_size
    with path.open("r+b") as file:
        for start in range(0, size, len(_CHUNK)):
            file.write(_CHUNK[: size - start])
        file.flush()
        os.fsync(file.fileno())
    path.unlink()
    sync_folder(path.parent)
    return size
