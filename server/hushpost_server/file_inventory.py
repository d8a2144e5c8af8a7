"""Every file that a relay writes, and every key within those that are no database.

`docs/spec/store.md` has the database itself. A file in the data folder that is not named here is
none of the relay's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hushpost_store.policy_clauses import Clause

from hushpost_server.data_folder import DATABASE_FILE
from hushpost_server.identity import FILE_NAME as IDENTITY_FILE


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a file."""

    name: str
    purpose: str


@dataclass(frozen=True, slots=True)
class File:
    """One file by its name within `folder`; all are their owner's alone (mode 0600)."""

    name: str
    folder: str
    purpose: str
    clause: Clause
    retention: str
    keys: tuple[Key, ...] = ()


DATA: Final = "data folder"
BACKUP: Final = "backup"
_SAME: Final = "as the database"

FILES: Final = (
    File(DATABASE_FILE, DATA, "the database: the columns above", Clause.SERVICE, "see its columns"),
    File(
        f"{DATABASE_FILE}-wal",
        DATA,
        "its write-ahead log: what was committed lately",
        Clause.RETENTION,
        "emptied every 10 seconds in which something was deleted, and at a stop",
    ),
    File(
        f"{DATABASE_FILE}-shm", DATA, "index of the log, no content", Clause.SERVICE, "until a stop"
    ),
    File(
        f"{DATABASE_FILE}-journal",
        DATA,
        "what undoes the making of the database if it is interrupted",
        Clause.SERVICE,
        "milliseconds, once",
    ),
    File(
        f"{DATABASE_FILE}.lock",
        DATA,
        "empty; keeps a second relay away",
        Clause.SERVICE,
        "as long as the data folder",
    ),
    File(
        f"{DATABASE_FILE}.part",
        DATA,
        "a restore under way; a broken-off one leaves it",
        Clause.SERVICE,
        "until the restore ends, or the next one",
    ),
    File(
        f"{DATABASE_FILE}.part-journal",
        DATA,
        "what undoes a step of such a restore",
        Clause.SERVICE,
        "milliseconds",
    ),
    File(
        f"{DATABASE_FILE}.old",
        DATA,
        "a database that was moved to Redis, while it is overwritten",
        Clause.RETENTION,
        "seconds; a crash leaves it until `hushpost-relay migrate --erase` is run again",
    ),
    File(
        IDENTITY_FILE,
        DATA,
        "the relay's identity",
        Clause.ACCESS,
        "until rotated or renewed",
        (
            Key("version", "form of the file"),
            Key("seed", "the secret half of the identity key"),
            Key("public_key", "public: tells a damaged seed from the one that people know"),
            Key("handovers", "public: which keys came before, signed"),
        ),
    ),
    File(
        "identity.new",
        DATA,
        "an identity being written",
        Clause.ACCESS,
        "milliseconds; a crash may leave it until the next change",
    ),
    File(".writable", DATA, "empty; shows that the folder can be written", Clause.SERVICE, "none"),
    File(
        DATABASE_FILE,
        BACKUP,
        "accounts, devices, drops that are not one-use, standing records; no envelope, no notice,"
        " no one-time prekey",
        Clause.RETENTION,
        "as long as the operator keeps it: what is deleted afterwards stays in it",
    ),
    File(
        IDENTITY_FILE,
        BACKUP,
        "the relay's identity, for a restore",
        Clause.ACCESS,
        "as long as the operator keeps it",
        (
            Key("version", "form of the file"),
            Key("seed", "the secret half of the identity key"),
            Key("public_key", "public: tells a damaged seed from the one that people know"),
            Key("handovers", "public: which keys came before, signed"),
        ),
    ),
    File(
        "relay.toml",
        "written by the operator",
        "the configuration: the keys of docs/configuration.md; registration_tokens and redis_url"
        " hold secrets",
        Clause.ACCESS,
        "as long as the operator keeps it",
    ),
    File(
        "standard error",
        "wherever the operator leads it",
        "the log: the events below",
        Clause.LOGS,
        "as long as the operator keeps it; the relay keeps nothing",
    ),
)


def names_in(folder: str) -> frozenset[str]:
    """Return the names of files that may lie in such a folder."""
    return frozenset(file.name for file in FILES if file.folder == folder)
