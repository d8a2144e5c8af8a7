"""Making and opening the file of a vault, before any row is touched (docs/vault.md, 5).

Blocking, since Argon2id and the disk take their time: `vault` runs it in a thread. Whatever is
refused here leaves the file as it was.
"""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from hushpost_crypto.primitives import random_bytes

from hushpost.errors import VaultExists, VaultFull, VaultMissing
from hushpost.vault_examination import examine_log, examine_rows
from hushpost.vault_header import (
    KEY_BYTES,
    VAULT_ID_BYTES,
    Argon2Cost,
    UnlockedHeader,
    VaultSecret,
    make_header,
    open_header,
)
from hushpost.vault_lock import FileLock
from hushpost.vault_schema import (
    check_identity,
    connect,
    initialise,
    migrate,
    read_header,
    truncate_log,
    vault_error,
    write_header,
)
from hushpost.vault_sealing import Sealer, damaged

Connections = tuple[sqlite3.Connection, sqlite3.Connection]


def take_lock(path: Path, *, existing: bool) -> FileLock:
    """Take the lock beside the file; raises `VaultInUse`, or `VaultMissing` for a wrong path."""
    if existing and not path.is_file():
        raise VaultMissing(f"there is no vault at {path}: create one, or mend the path")
    try:
        return FileLock(path)
    except FileNotFoundError:
        raise VaultMissing(f"there is no folder {path.parent}: make it first") from None
    except OSError as error:
        raise VaultFull(
            f"the system refuses to write beside {path} ({error.strerror}): mend the permission"
        ) from None


def lay_out(
    path: Path, secret: VaultSecret, cost: Argon2Cost, random: Callable[[int], bytes]
) -> None:
    """Write a whole vault under another name, then give it its own: a crash leaves no half one."""
    if path.exists():
        raise VaultExists(f"there is a file at {path}: open it, or choose another path")
    unlocked = UnlockedHeader(random(VAULT_ID_BYTES), random(KEY_BYTES))
    header = make_header(unlocked, secret, cost=cost, random=random)
    draft = path.with_name(path.name + ".new")
    try:
        for leftover in (draft, draft.with_name(draft.name + "-journal")):
            leftover.unlink(missing_ok=True)
        os.close(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        with closing(connect(draft)) as connection:
            initialise(connection)
            write_header(connection, header)
        draft.rename(path)
        _sync_folder(path.parent)
        _sync_above(path.parent)
    except sqlite3.Error as error:
        raise vault_error(error) from None
    except OSError as error:
        raise VaultFull(f"the disk refuses a new vault ({error.strerror}): free space") from None


def unlock(path: Path, secret: VaultSecret) -> tuple[Connections, UnlockedHeader]:
    """Open writer and reader, finish what a crash left, unwrap the data key.

    The caller holds the lock and closes both connections.
    """
    opened: list[sqlite3.Connection] = []
    try:
        examine_log(path)
        writer = connect(path)
        opened.append(writer)
        check_identity(writer)
        unlocked = open_header(read_header(writer), secret)
        if writer.execute("PRAGMA journal_mode=WAL").fetchone() != ("wal",):
            raise VaultFull(f"{path} cannot be written: mend its permission or the folder's")
        truncate_log(writer)
        migrate(writer)
        examine_rows(writer, Sealer(unlocked, random_bytes))
        reader = connect(path)
        opened.append(reader)
        reader.execute("PRAGMA query_only=ON")
        read_header(reader)
    except BaseException as error:
        for connection in reversed(opened):
            connection.close()
        if isinstance(error, sqlite3.Error):
            raise vault_error(error) from None
        if isinstance(error, UnicodeDecodeError):
            # SQLite's own message quotes the bytes of a damaged schema.
            raise damaged() from None
        raise
    return (writer, reader), unlocked


def remove_files(path: Path) -> None:
    """Remove a vault that nobody has open, with all that lies beside it."""
    for suffix in ("", "-wal", "-shm", ".lock"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _sync_above(folder: Path) -> None:
    """Make the folder's own name durable, and those above it: the app may just have made them."""
    for above in folder.absolute().parents:
        try:
            _sync_folder(above)
        except OSError:
            return  # not ours to read, so not made by this app either


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return  # the other systems sync a name with its file
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
