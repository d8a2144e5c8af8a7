"""What the engine asks of storage: one open transaction, synchronous (docs/spec/content.md, 6).

The vault's transaction is one; tests use a dictionary. All that the engine changes goes through the
transaction it was given, so that dropping the transaction drops the whole step.
"""

from typing import Protocol

from hushpost.vault_rows import Row, Table

__all__ = ["Ledger", "Row", "Table"]


class Ledger(Protocol):
    """Reads see the writes of this transaction; nothing is durable before its owner commits."""

    def get(self, table: Table, key: bytes) -> bytes | None:
        """Give the value under ``key``, or None."""
        ...

    def rows(
        self, table: Table, *, after: int | None = None, limit: int | None = None
    ) -> list[Row]:
        """Give the rows of a table by rising position."""
        ...

    def find(self, table: Table, lookup: bytes) -> list[Row]:
        """Give the rows put with this lookup value, by rising position."""
        ...

    def count(self, table: Table) -> int:
        """Count the rows of a table."""
        ...

    def put(
        self,
        table: Table,
        key: bytes,
        value: bytes,
        *,
        position: int | None = None,
        lookup: bytes | None = None,
    ) -> int:
        """Store a row; a new one without ``position`` comes last. Gives the position."""
        ...

    def delete(self, table: Table, key: bytes) -> bool:
        """Remove a row; False if there was none."""
        ...

    def delete_through(self, table: Table, position: int) -> int:
        """Remove all rows at ``position`` or before it; gives how many."""
        ...
