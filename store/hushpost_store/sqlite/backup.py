"""Backups that cannot bring mail back (docs/spec/store.md, "Backup").

A backup holds accounts, device lists, devices, mailboxes, drops that are not one-use, and standing
records. It holds no envelope and no notice, and of one-time prekeys only the ids, as taken: what
was handed out or acknowledged after the backup cannot come back from it. It is a new store with a
generation of its own.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from hushpost_store import errors
from hushpost_store.durable_folder import sync_folder
from hushpost_store.rows import DropKind
from hushpost_store.sqlite import schema
from hushpost_store.sqlite.database import fault, make_private
from hushpost_store.sqlite.migration_mark import require_unmarked
from hushpost_store.sqlite.row_digest import Damage, install

_COPIES: Final = (
    "INSERT INTO target.account SELECT * FROM main.account WHERE NOT deleting",
    "INSERT INTO target.device_list SELECT * FROM main.device_list",
    "INSERT INTO target.device SELECT * FROM main.device",
    "INSERT INTO target.mailbox SELECT * FROM main.mailbox",
    f"INSERT INTO target.mailbox_drop SELECT * FROM main.mailbox_drop"  # noqa: S608 - names of ours
    f" WHERE kind <> {int(DropKind.ONCE)}",
    "INSERT INTO target.one_time_prekey (account_id, device_id, prekey_id, expiry_day)"
    " SELECT account_id, device_id, prekey_id, expiry_day FROM main.one_time_prekey",
    "INSERT INTO target.standing_record SELECT * FROM main.standing_record",
    # A deletion that was under way is finished in the backup.
    "DELETE FROM target.device_list"
    " WHERE account_id NOT IN (SELECT account_id FROM target.account)",
    "DELETE FROM target.device WHERE account_id NOT IN (SELECT account_id FROM target.account)",
    "DELETE FROM target.mailbox WHERE slot NOT IN (SELECT slot FROM target.device)",
    "DELETE FROM target.mailbox_drop WHERE slot NOT IN (SELECT slot FROM target.device)",
    "DELETE FROM target.one_time_prekey"
    " WHERE account_id NOT IN (SELECT account_id FROM target.account)",
    "DELETE FROM target.standing_record"
    " WHERE account_id NOT IN (SELECT account_id FROM target.account)",
)


def write(source: Path, target: Path, bucket_sizes: Sequence[int]) -> None:
    """Copy from a snapshot of the running store into a new file; durable on return.

    Runs in any thread, on a connection of its own. Raises BackupExists, StorageFull, StoreMoved.
    """
    _require_absent(target)
    part = _fresh_part(target)
    try:
        make_private(part)
        with closing(_connect(part)) as made:
            schema.migrate(made, bucket_sizes)
        with closing(_connect(source)) as connection:
            require_unmarked(connection)
            _copy(connection, part)
        _publish(part, target)
    except sqlite3.Error as error:
        raise fault(error) from error
    finally:
        part.unlink(missing_ok=True)


def restore(backup: Path, target: Path) -> None:
    """Put a backup where a store may be opened; the store there must have been moved away.

    Raises BackupExists (there is a store), StoreDamaged, StoreNewer.
    """
    _require_absent(target)
    part = _fresh_part(target)
    make_private(part)
    shutil.copyfile(backup, part)
    try:
        with closing(_connect(part)) as connection:
            _verify(connection)
            schema.renew_generation(connection)
        # A log of the store before would be replayed into the restored one.
        for suffix in ("-wal", "-shm", "-journal"):
            target.with_name(target.name + suffix).unlink(missing_ok=True)
        _publish(part, target)
    except sqlite3.Error as error:
        raise fault(error) from error
    finally:
        part.unlink(missing_ok=True)


def discard_part(target: Path) -> None:
    """Remove what a backup or restore to `target` left when it was cut off.

    A piece may be another name of a file in use, and its journal would be replayed into the next.
    """
    for suffix in ("", "-journal", "-wal", "-shm"):
        target.with_name(f"{target.name}.part{suffix}").unlink(missing_ok=True)


def _fresh_part(target: Path) -> Path:
    discard_part(target)
    return target.with_name(target.name + ".part")


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    install(connection, Damage())
    return connection


def _copy(connection: sqlite3.Connection, part: Path) -> None:
    connection.execute("ATTACH DATABASE ? AS target", (str(part),))
    connection.execute("BEGIN")
    for statement in _COPIES:
        connection.execute(statement)
    connection.execute("COMMIT")
    connection.execute("DETACH DATABASE target")


def _verify(connection: sqlite3.Connection) -> None:
    if connection.execute("PRAGMA quick_check").fetchone() != ("ok",):
        raise errors.StoreDamaged("the backup is damaged: use another one")
    schema.migrate(connection, ())


def _require_absent(target: Path) -> None:
    if target.exists():
        raise errors.BackupExists(f"{target.name} exists already: name another file")


def _publish(part: Path, target: Path) -> None:
    with part.open("rb") as file:
        os.fsync(file.fileno())
    # A link fails where a rename would overwrite what came to be meanwhile.
    try:
        os.link(part, target)
    except FileExistsError as error:
        raise errors.BackupExists(f"{target.name} exists already: name another file") from error
    sync_folder(target.parent)
