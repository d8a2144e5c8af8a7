"""Records of the vault over one SQLite connection: put, get, delete, list, find (docs/vault.md, 4).

Synchronous and without transactions of its own: `vault` decides when to begin and to commit. A
`RowReader` cannot change anything; a `RowWriter` is what a transaction hands out.
"""

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from enum import StrEnum
from typing import Final

from hushpost.errors import MisuseError, VaultError
from hushpost.vault_schema import roll_back, vault_error
from hushpost.vault_sealing import CLASS_BYTES, POSITION_MAX, Entry, Row, Sealer, damaged, shape

__all__ = ["Row", "RowReader", "RowWriter", "Table"]


class Table(StrEnum):
    """What a vault holds. The names are hashed into every row: never change one that exists."""

    ACCOUNT = "account"
    CONTACTS = "contacts"
    DEVICES = "devices"
    SESSIONS = "sessions"
    ONE_TIME_PREKEYS = "one-time-prekeys"
    SIGNED_PREKEYS = "signed-prekeys"
    SEAL_SECRETS = "seal-secrets"
    DROPS = "drops"
    OUTBOX = "outbox"
    MESSAGES = "messages"
    SEEN_ENVELOPES = "seen-envelopes"
    SEEN_MESSAGES = "seen-messages"
    KEM_CIPHERTEXTS = "kem-ciphertexts"
    KNOCKS = "knocks"
    HELD = "held"
    PARTS = "parts"
    TASKS = "tasks"
    RECEIPTS = "receipts"
    EVENTS = "events"
    SETTINGS = "settings"
    EXPIRIES = "expiries"


_PART_NUMBER_BYTES: Final = 2
_ALL: Final = -1
# Which statement serves a size class; built once, since the class only names a table.
# A table's name cannot be a parameter; these come from the class sizes and from nowhere else.
_BODIES: Final = tuple(f"body_{size}" for size in CLASS_BYTES)
_SELECT_PARTS: Final = tuple(
    f"SELECT sealed FROM {body} WHERE part BETWEEN ? AND ? ORDER BY part"  # noqa: S608 - as above
    for body in _BODIES
)
_DELETE_PARTS: Final = tuple(
    f"DELETE FROM {body} WHERE part BETWEEN ? AND ?"  # noqa: S608 - as above
    for body in _BODIES
)
_PUT_PART: Final = tuple(
    f"INSERT INTO {body} VALUES (?, ?)"  # noqa: S608 - as above
    " ON CONFLICT DO UPDATE SET sealed = excluded.sealed"
    for body in _BODIES
)
_SELECT_ENTRY: Final = "SELECT tag, shelf, position, lookup, form FROM directory WHERE "
_IN_ORDER: Final = " ORDER BY position, tag"


class RowReader:
    """Reads. Every method raises `VaultDamaged` for bytes that this vault did not write there."""

    __slots__ = ("_database", "_sealer")

    def __init__(self, connection: sqlite3.Connection, sealer: Sealer) -> None:
        self._database: sqlite3.Connection | None = connection
        self._sealer = sealer

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._database is None:
            raise MisuseError(
                "this transaction has ended, or its vault is closed: begin another, and keep no "
                "reader or writer beyond its block"
            )
        return self._database

    def end(self) -> None:
        """Make every later call a `MisuseError`."""
        self._database = None

    @contextmanager
    def snapshot(self) -> Generator[None, None, None]:
        """Read as of one moment all that is read in the block, whatever is committed meanwhile.

        Within a transaction, or another snapshot, it is that one's moment.
        """
        connection = self._connection
        with _errors_of_the_vault():
            if connection.in_transaction:
                yield
                return
            connection.execute("BEGIN")
            try:
                yield
            finally:
                roll_back(connection)

    def get(self, table: Table, key: bytes) -> bytes | None:
        """Give the value under ``key``, or None."""
        with self.snapshot():
            entry = self._entry(self._sealer.tag(table, key))
            if entry is None:
                return None
            return self._open(table, entry).value

    def rows(
        self, table: Table, *, after: int | None = None, limit: int | None = None
    ) -> list[Row]:
        """Give the records of a table by rising position, those beyond ``after`` if it is given."""
        hidden = self._sealer.hide_position(table, 0 if after is None else after)
        relation = ">=" if after is None else ">"
        with self.snapshot():
            found = self._connection.execute(
                _SELECT_ENTRY + f"shelf = ? AND position {relation} ?" + _IN_ORDER + " LIMIT ?",
                (self._sealer.shelf(table), hidden, _ALL if limit is None else limit),
            ).fetchall()
            return [self._open(table, _read_entry(row)) for row in found]

    def find(self, table: Table, lookup: bytes) -> list[Row]:
        """Give the records that were put with this lookup value, by rising position."""
        with self.snapshot():
            found = self._connection.execute(
                _SELECT_ENTRY + "shelf = ? AND lookup = ?" + _IN_ORDER,
                (self._sealer.shelf(table), self._sealer.lookup(table, lookup)),
            ).fetchall()
            return [self._open(table, _read_entry(row)) for row in found]

    def count(self, table: Table) -> int:
        """Count the records of a table without opening them."""
        with _errors_of_the_vault():
            (number,) = self._connection.execute(
                "SELECT count(*) FROM directory WHERE shelf = ?", (self._sealer.shelf(table),)
            ).fetchone()
            return int(number)

    def _entry(self, tag: bytes) -> Entry | None:
        row = self._connection.execute(_SELECT_ENTRY + "tag = ?", (tag,)).fetchone()
        return None if row is None else _read_entry(row)

    def _open(self, table: Table, entry: Entry) -> Row:
        parts = self._connection.execute(
            _SELECT_PARTS[entry.size_class], _part_range(entry.tag)
        ).fetchall()
        return self._sealer.open(table, entry, [part for (part,) in parts])


class RowWriter(RowReader):
    """Reads and writes within one transaction; sees its own writes at once."""

    __slots__ = ()

    def put(
        self,
        table: Table,
        key: bytes,
        value: bytes,
        *,
        position: int | None = None,
        lookup: bytes | None = None,
    ) -> int:
        """Store ``value`` under ``key``, replacing what was there; gives its position.

        Without ``position`` a new record comes last in its table and an old one keeps its place.
        Without ``lookup`` a new record has none and an old one keeps its own.
        """
        size_class, parts = shape(key, value)
        tag = self._sealer.tag(table, key)
        with _errors_of_the_vault():
            old = self._entry(tag)
            entry = Entry(
                tag,
                self._sealer.shelf(table),
                self._place(table, old, position),
                self._sealer.lookup(table, lookup) if lookup is not None or not old else old.lookup,
                size_class,
                parts,
            )
            if old is not None and (old.size_class, old.parts) != (size_class, parts):
                self._connection.execute(_DELETE_PARTS[old.size_class], _part_range(tag))
            self._write(table, old, entry, key, value)
        return self._sealer.show_position(table, entry.position)

    def delete(self, table: Table, key: bytes) -> bool:
        """Remove a record; False if there was none."""
        tag = self._sealer.tag(table, key)
        with _errors_of_the_vault():
            entry = self._entry(tag)
            if entry is None:
                return False
            self._remove(entry)
            return True

    def delete_through(self, table: Table, position: int) -> int:
        """Remove every record at ``position`` or before it; gives how many there were."""
        shelf, hidden = self._sealer.shelf(table), self._sealer.hide_position(table, position)
        with _errors_of_the_vault():
            found = self._connection.execute(
                _SELECT_ENTRY + "shelf = ? AND position <= ?", (shelf, hidden)
            ).fetchall()
            for row in found:
                self._remove(_read_entry(row))
            return len(found)

    def _place(self, table: Table, old: Entry | None, position: int | None) -> bytes:
        if position is not None:
            return self._sealer.hide_position(table, position)
        if old is not None:
            return old.position
        (last,) = self._connection.execute(
            "SELECT max(position) FROM directory WHERE shelf = ?", (self._sealer.shelf(table),)
        ).fetchone()
        if last is None:
            return self._sealer.hide_position(table, 0)
        following = self._sealer.show_position(table, last) + 1
        return self._sealer.hide_position(table, min(following, POSITION_MAX))

    def _write(
        self, table: Table, old: Entry | None, entry: Entry, key: bytes, value: bytes
    ) -> None:
        if old != entry:
            self._connection.execute(
                "INSERT INTO directory VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET position ="
                " excluded.position, lookup = excluded.lookup, form = excluded.form",
                (entry.tag, entry.shelf, entry.position, entry.lookup, entry.form()),
            )
        sealed = self._sealer.seal(table, entry, key, value)
        statement = _PUT_PART[entry.size_class]
        for number, part in enumerate(sealed):
            self._connection.execute(statement, (_part(entry.tag, number), part))

    def _remove(self, entry: Entry) -> None:
        self._connection.execute(_DELETE_PARTS[entry.size_class], _part_range(entry.tag))
        self._connection.execute("DELETE FROM directory WHERE tag = ?", (entry.tag,))


def _part(tag: bytes, number: int) -> bytes:
    return tag + number.to_bytes(_PART_NUMBER_BYTES, "big")


def _part_range(tag: bytes) -> tuple[bytes, bytes]:
    return tag + b"\0\0", tag + b"\xff\xff"


def _read_entry(row: tuple[object, ...]) -> Entry:
    columns = [column for column in row if isinstance(column, bytes)]
    if len(columns) != 5:
        raise damaged()
    tag, shelf, position, lookup, form = columns
    size_class, parts = Entry.read_form(form)
    return Entry(tag, shelf, position, lookup, size_class, parts)


@contextmanager
def _errors_of_the_vault() -> Generator[None, None, None]:
    """Turn SQLite's errors into the vault's, without SQLite's text, which may quote a statement."""
    try:
        yield
    except sqlite3.Error as error:
        refusal: VaultError = vault_error(error)
        raise refusal from None
