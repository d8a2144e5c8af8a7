"""Backup and restore of a relay that bring no mail back to life (docs/operating.md, "Backup").

A backup is a folder with the store's own backup (accounts, devices, drops, standing records; no
envelope, no one-time prekey) and the identity key. It may be made while the relay runs. What was
acknowledged or handed out after it cannot return from it, because it was never in it.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from hushpost_store.durable_folder import make_folder
from hushpost_store.errors import StoreError
from hushpost_store.sqlite import SqliteOptions
from hushpost_store.sqlite import restore as restore_database
from hushpost_store.sqlite.backup import write as write_database

from hushpost_server.configuration import Configuration
from hushpost_server.data_folder import DATABASE_FILE, FOLDER_MODE, UNENFORCED_SIZES
from hushpost_server.errors import BackupFailed
from hushpost_server.identity import FILE_NAME as IDENTITY_FILE
from hushpost_server.identity import load_identity, save_identity


def make_backup(configuration: Configuration, target: Path) -> None:
    """Write a backup into the new folder `target`; raises `BackupFailed`, leaving nothing there."""
    database = _database(configuration)
    if not database.is_file():
        raise BackupFailed(f"there is no database in {configuration.data_folder} to back up")
    identity = load_identity(configuration.data_folder)
    if identity is None:
        raise BackupFailed(f"{configuration.data_folder / IDENTITY_FILE} is missing")
    if target.exists():
        raise BackupFailed(f"{target} exists already: name a folder that does not")
    try:
        make_folder(target, FOLDER_MODE)
    except OSError as error:
        raise BackupFailed(f"{target} cannot be made: {error.strerror}") from None
    sizes = SqliteOptions().bucket_sizes
    if configuration.unsafe_no_bucket_enforcement:
        sizes = UNENFORCED_SIZES
    try:
        write_database(database, target / DATABASE_FILE, sizes)
        save_identity(target, identity)
    except (StoreError, OSError) as error:
        shutil.rmtree(target, ignore_errors=True)
        raise BackupFailed(f"the backup to {target} failed and was removed: {error}") from None


def restore_backup(configuration: Configuration, source: Path) -> bool:
    """Put the backup in `source` into the data folder; raises `BackupFailed`, changing nothing.

    The relay must be stopped, and the old database moved away by the operator. An identity key in
    the data folder that was rotated from the one in the backup stays: clients that followed the
    rotation know no other, and those that did not are led to it. Says whether the identity in
    use is the backup's; a rotation since then is lost with it.
    """
    folder = configuration.data_folder
    database = _database(configuration)
    identity = load_identity(source)
    if identity is None or not (source / DATABASE_FILE).is_file():
        raise BackupFailed(
            f"{source} is no backup: `hushpost-relay backup` writes {DATABASE_FILE} and"
            f" {IDENTITY_FILE} there"
        )
    if database.exists():
        raise BackupFailed(
            f"{database} exists: stop the relay and move that file away, with its -wal and -shm;"
            " a restore never overwrites"
        )
    present = load_identity(folder)
    if present is not None and not present.follows(identity.public_key):
        raise BackupFailed(
            f"{folder / IDENTITY_FILE} holds another key than the backup, and was not rotated from"
            " it: decide which one people know, and move the other away"
        )
    try:
        make_folder(folder, FOLDER_MODE)
        # The identity first: with a database beside it, neither a restore nor a start would go on
        # from what a crash left.
        if present is None:
            save_identity(folder, identity)
        restore_database(source / DATABASE_FILE, database)
    except (StoreError, OSError) as error:
        if present is None:
            (folder / IDENTITY_FILE).unlink(missing_ok=True)
        raise BackupFailed(f"restoring from {source} failed: {error}") from None
    return present is None or present.public_key == identity.public_key


def _database(configuration: Configuration) -> Path:
    if configuration.store != "sqlite":
        kept = {
            "redis": (
                "in Redis, of which no copy is made: a file of Redis holds envelopes and prekeys,"
                " and would bring back what was deleted. Give each server a replica, keep a copy of"
                " identity.json, and see docs/operating.md, 'What an operator keeps of Redis'"
            )
        }
        place = kept.get(configuration.store, "in memory: nothing is on disk")
        raise BackupFailed(f"this relay keeps its mail {place}")
    return configuration.data_folder / DATABASE_FILE
