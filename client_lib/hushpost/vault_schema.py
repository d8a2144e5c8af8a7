"""The SQLite file of a vault: its tables, its pragmas, its versions (docs/vault.md, 4).

    header       one row: the record of `vault_header`
    directory    tag 32 | shelf 16 | position 8 | lookup 16 | form 4      one row a record
    body_N       part 34 (tag and part number) | sealed N                 one table a size class

Every column is a BLOB of one size and every table WITHOUT ROWID, so that all rows of a table have
the same size: with mixed sizes, pieces of deleted rows stay readable inside live pages even under
``secure_delete``. There is no rowid and no counter that would order records across tables.
"""

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from hushpost import vault_inventory
from hushpost.errors import (
    VaultDamaged,
    VaultError,
    VaultFull,
    VaultInUse,
    VaultNewer,
    VaultUncertain,
)

# How long a statement waits for a lock that another program (a copy in progress, a shell) holds.
BUSY_SECONDS_MAX: Final = 5.0
# "hush" in ASCII: tells `file` and a person with a hex viewer what this is; other SQLite files are
# refused before anything is read from them.
APPLICATION_ID: Final = 0x68757368

# A migration takes the file from its index + 1 to the next version, inside one transaction. It sees
# sealed rows only, so one that must reseal runs at the next level (docs/vault.md, 7).
Migration = Callable[[sqlite3.Connection], None]


def _create_first(connection: sqlite3.Connection) -> None:
    for table in vault_inventory.TABLES:
        for statement in table.statements():
            connection.execute(statement)


MIGRATIONS: Final[tuple[Migration, ...]] = (_create_first,)
SCHEMA_VERSION: Final = len(MIGRATIONS)


def connect(path: Path) -> sqlite3.Connection:
    """Open the file with the pragmas that erasure and durability rest on."""
    connection = sqlite3.connect(
        path,
        timeout=BUSY_SECONDS_MAX,
        # Transactions are begun and ended by name here; the module must not add its own.
        isolation_level=None,
        # One thread at a time uses a connection, though not always the same (see `vault`).
        check_same_thread=False,
    )
    try:
        for pragma in (
            "trusted_schema=OFF",
            # Deleted bytes are overwritten with zeros; FAST and OFF leave nearly all of them.
            "secure_delete=ON",
            # NORMAL may roll a commit back on power loss, after its envelope went out.
            "synchronous=FULL",
            # No temporary file ever holds a row.
            "temp_store=MEMORY",
            # `vault` truncates the log itself; SQLite's own PASSIVE checkpoint erases nothing.
            "wal_autocheckpoint=0",
            "cell_size_check=ON",
        ):
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


def initialise(connection: sqlite3.Connection) -> None:
    """Lay an empty file out at the newest version. Call once, on a file nobody else can see yet."""
    connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
    migrate(connection)


def check_identity(connection: sqlite3.Connection) -> None:
    """Raise `VaultDamaged` for a SQLite file that no vault is."""
    if connection.execute("PRAGMA application_id").fetchone() != (APPLICATION_ID,):
        raise VaultDamaged("this file is no hushpost vault: check the path")


def migrate(connection: sqlite3.Connection, migrations: tuple[Migration, ...] = MIGRATIONS) -> None:
    """Bring the file to the newest version, all steps or none; raises `VaultNewer` for a newer."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if not 0 <= version <= len(migrations):
        raise VaultNewer(f"this vault has schema {version}: update the app that embeds hushpost")
    if version == len(migrations):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for step in migrations[version:]:
            step(connection)
        connection.execute(f"PRAGMA user_version={len(migrations)}")
        connection.execute("COMMIT")
    except BaseException:
        roll_back(connection)
        raise


def truncate_log(connection: sqlite3.Connection) -> bool:
    """Move the log into the file and cut it to nothing; False if another reader stood in the way.

    Only then are deleted and overwritten rows gone from the disk's files.
    """
    (busy, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return int(busy) == 0


def roll_back(connection: sqlite3.Connection) -> None:
    """Undo the open transaction; SQLite has sometimes done so by itself, which is no error."""
    with suppress(sqlite3.Error):
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def read_header(connection: sqlite3.Connection) -> bytes:
    """Give the header record; raises `VaultDamaged` if there is none."""
    row = connection.execute("SELECT record FROM header").fetchone()
    if row is None or not isinstance(row[0], bytes):
        raise VaultDamaged("the vault has lost its header: restore it from a backup")
    return row[0]


def write_header(connection: sqlite3.Connection, record: bytes) -> None:
    """Put the header record; part of whatever transaction is open."""
    connection.execute(
        "INSERT INTO header VALUES (x'01', ?) ON CONFLICT DO UPDATE SET record = excluded.record",
        (record,),
    )


def vault_error(error: sqlite3.Error) -> VaultError:
    """Give the error of this library for one of SQLite's. Never carries SQL or a row."""
    # The low byte is the primary code; extended codes say which system call failed.
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
    primary, name = code & 0xFF, getattr(error, "sqlite_errorname", "SQLITE_CORRUPT")
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return VaultInUse(f"another program holds the vault's file ({name}): close it, try again")
    if code in (sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_SHORT_READ):
        return VaultDamaged(f"the vault's file cannot be read ({name}): check the disk")
    if code in _FAILED_SYNCS:
        return VaultUncertain(
            f"the disk failed while a change was made durable ({name}): whether it is stored shows "
            "when the vault is opened again. Close it, look after the disk, open it again"
        )
    if primary in _REFUSED_WRITES:
        return VaultFull(
            f"the disk refused to store a change ({name}). The vault stands as it was before the "
            "change: free some space or restore write permission, then do the same again"
        )
    return VaultDamaged(
        f"the vault's file is damaged ({name}): restore it from a backup of the disk, or make a "
        "new vault"
    )


# What was written before such a failure may be on the disk or not, and the system may say "synced"
# the next time although it is not.
_FAILED_SYNCS: Final = (sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_DIR_FSYNC)
_REFUSED_WRITES: Final = (
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
)
