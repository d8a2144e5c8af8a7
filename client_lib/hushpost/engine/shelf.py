"""Typed rows in a ledger: one `Shelf` a kind of row, each value versioned and strictly read.

A row is a frozen dataclass whose config is `ROW_CONFIG`. Stored it is one format byte and JSON. A
row that does not read means that the vault holds what this library did not write: `VaultDamaged`.
"""

from collections.abc import Iterator
from typing import Final, Generic, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from hushpost.engine.ledger import Ledger, Table
from hushpost.errors import VaultDamaged, VaultNewer

ROW_CONFIG: Final = ConfigDict(
    strict=True,
    extra="forbid",
    ser_json_bytes="base64",
    val_json_bytes="base64",
    hide_input_in_errors=True,
)
# Raised when a row's shape changes; older formats keep being read.
ROW_FORMAT: Final = 1

R = TypeVar("R")


class Shelf(Generic[R]):
    """The rows of one kind within one table of the vault."""

    __slots__ = ("_adapter", "_table")

    def __init__(self, table: Table, kind: type[R]) -> None:
        self._table = table
        self._adapter: TypeAdapter[R] = TypeAdapter(kind)

    def get(self, ledger: Ledger, key: bytes) -> R | None:
        """Give the row under ``key``, or None."""
        value = ledger.get(self._table, key)
        return None if value is None else self.load(value)

    def put(
        self,
        ledger: Ledger,
        key: bytes,
        row: R,
        *,
        position: int | None = None,
        lookup: bytes | None = None,
    ) -> int:
        """Store a row; gives its position."""
        return ledger.put(self._table, key, self.dump(row), position=position, lookup=lookup)

    def delete(self, ledger: Ledger, key: bytes) -> bool:
        """Remove a row; False if there was none."""
        return ledger.delete(self._table, key)

    def all(self, ledger: Ledger) -> Iterator[R]:
        """Give every row by rising position."""
        for row in ledger.rows(self._table):
            yield self.load(row.value)

    def first(self, ledger: Ledger, limit: int) -> list[tuple[int, bytes, R]]:
        """Give the first rows as (position, key, row)."""
        return [
            (row.position, row.key, self.load(row.value))
            for row in ledger.rows(self._table, limit=limit)
        ]

    def find(self, ledger: Ledger, lookup: bytes) -> list[tuple[bytes, R]]:
        """Give the rows with that lookup value as (key, row), by rising position."""
        return [(row.key, self.load(row.value)) for row in ledger.find(self._table, lookup)]

    def dump(self, row: R) -> bytes:
        """Encode a row."""
        return bytes((ROW_FORMAT,)) + self._adapter.dump_json(row)

    def load(self, value: bytes) -> R:
        """Decode a row; raises `VaultNewer` or `VaultDamaged`."""
        if value[:1] > bytes((ROW_FORMAT,)):
            raise VaultNewer("a newer release of hushpost wrote this vault: update the app")
        try:
            return self._adapter.validate_json(value[1:])
        except ValidationError:
            raise VaultDamaged(
                f"a row of {self._table} does not read; restore the vault's file from the disk it"
                " was on, or create a new account"
            ) from None
