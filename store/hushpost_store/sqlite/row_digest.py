"""Digests of rows: how one that the disk damaged is told from one that was written.

docs/spec/store.md, "Damage". A disk that returns another byte than was written is no enemy: the
digests have no key. They are kept by triggers that `inventory` declares, so that no writer can
forget one, and checked where rows are read. The row of an envelope has two CRCs instead, since they
are computed for every envelope that is queued.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from struct import Struct
from typing import Any, Final
from zlib import crc32

from hushpost_store.sqlite.inventory import DIGEST_BYTES, ENVELOPE_TABLE_PREFIX

_WORD: Final = 0xFFFFFFFF
_HALVES: Final = Struct(">II")

Cell = int | str | bytes | None


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. `table` "" is the file; not `is_about_rows`: they lack others."""

    table: str
    sentence: str
    rows: int = 0
    is_about_rows: bool = True


@dataclass(slots=True)
class Damage:
    """What was found damaged since the store was opened."""

    rows: dict[str, set[object]] = field(default_factory=dict[str, set[object]])
    """By table; each row once, named by what its digest should have been."""
    broken: int = 0
    """How often SQLite itself called the file malformed, or a part of it was found so."""

    @property
    def count(self) -> int:
        """How many rows, and how many times the file itself."""
        return sum(map(len, self.rows.values())) + self.broken

    def found(self, findings: Sequence[Finding]) -> None:
        """Note what examining found beyond rows, which were noted as they were met."""
        self.broken += sum(1 for finding in findings if not finding.is_about_rows)

    def note(self, table: str, row: object) -> None:
        """Note a damaged row; a row that is met again counts once."""
        self.rows.setdefault(table, set()).add(row)

    def look_at(self, error: BaseException) -> None:
        """Note an error of SQLite, if it says that the file is malformed."""
        name = getattr(error, "sqlite_errorname", "") or ""
        if name == "SQLITE_ERROR" or name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
            self.broken += 1


def row_digest(table: str, *cells: Cell) -> bytes:
    """Return the digest of a row: its table and all of its other columns, in declared order."""
    hashed = blake2b(table.encode(), digest_size=DIGEST_BYTES)
    for cell in cells:
        data = _encoded(cell)
        hashed.update(len(data).to_bytes(4, "big") + data)
    return hashed.digest()


def envelope_digest(  # noqa: PLR0917 - the columns in their order
    key: int, not_after: int, envelope_id: bytes, drop_ref: bytes, size: int, envelope: bytes
) -> bytes:
    """Return the digest of an envelope's row: one half for the envelope, one for the rest."""
    # `rest_check`, written out: a call costs as much as its work.
    numbers = key ^ not_after ^ size
    start = (numbers ^ numbers >> 32) & _WORD
    return _HALVES.pack(crc32(drop_ref, crc32(envelope_id, start)), crc32(envelope))


def rest_check(key: int, not_after: int, envelope_id: bytes, drop_ref: bytes, size: int) -> int:
    """Return the half that is checked where the envelope itself is not read.

    A CRC differs for any two starts, so that one changed number always shows, as does any change
    within 32 bits of the rest.
    """
    numbers = key ^ not_after ^ size
    return crc32(drop_ref, crc32(envelope_id, (numbers ^ numbers >> 32) & _WORD))


def rest_is_intact(digest: bytes, *rest: Any) -> bool:
    """Say whether the columns of an envelope's row but the envelope are what was written."""
    return int.from_bytes(digest[:4], "big") == rest_check(*rest)


def install(connection: sqlite3.Connection, damage: Damage) -> None:
    """Give a connection the functions that the triggers and the readers of this database use."""

    def row_intact(digest: bytes, table: str, *cells: Cell) -> bool:
        expected = row_digest(table, *cells)
        if digest == expected:
            return True
        damage.note(table, (digest, expected))
        return False

    connection.create_function("row_digest", -1, row_digest, deterministic=True)
    connection.create_function("row_intact", -1, row_intact)

    def envelope_damaged(bucket: int, key: int) -> None:
        damage.note(f"{ENVELOPE_TABLE_PREFIX}{bucket}", key)

    connection.create_function("envelope_digest", 6, envelope_digest, deterministic=True)
    connection.create_function("envelope_damaged", 2, envelope_damaged)


def is_installed(connection: sqlite3.Connection) -> bool:
    """Say whether the functions are there."""
    try:
        connection.execute("SELECT row_digest('')")
    except sqlite3.OperationalError:
        return False
    return True


def report(connection: sqlite3.Connection, bucket: int, keys: Sequence[int]) -> None:
    """Note envelopes of a table whose rows are not what was written, in the connection's thread."""
    for key in keys:
        connection.execute("SELECT envelope_damaged(?, ?)", (bucket, key))


def _encoded(cell: Cell) -> bytes:
    if cell is None:
        return b"n"
    if isinstance(cell, int):
        return b"i" + cell.to_bytes(8, "big", signed=True)
    return b"t" + cell.encode() if isinstance(cell, str) else b"b" + cell
