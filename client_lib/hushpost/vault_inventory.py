"""Every table and column of a vault's file, why, and until when (docs/vault-inventory.md).

The one declaration: `vault_schema` makes the file from it, so that it has no column that does not
stand here. What the sealed rows hold is in `vault_records`.
"""

from dataclasses import dataclass
from typing import Final

from hushpost.vault_sealing import CLASS_BYTES


@dataclass(frozen=True, slots=True)
class VaultColumn:
    """One column of the file."""

    name: str
    declaration: str
    purpose: str
    retention: str


@dataclass(frozen=True, slots=True)
class VaultTable:
    """One table of the file; `indexes` are whole statements."""

    name: str
    columns: tuple[VaultColumn, ...]
    indexes: tuple[str, ...] = ()

    def statements(self) -> tuple[str, ...]:
        """Return the SQL that makes it."""
        columns = ", ".join(f"{one.name} {one.declaration}" for one in self.columns)
        return (f"CREATE TABLE {self.name} ({columns}) WITHOUT ROWID", *self.indexes)


_RECORD_LIFE: Final = "as long as its record"
_VAULT_LIFE: Final = "as long as the vault"

HEADER: Final = VaultTable(
    "header",
    (
        VaultColumn("one", "BLOB PRIMARY KEY CHECK (one = x'01')", "there is one row", _VAULT_LIFE),
        VaultColumn(
            "record",
            "BLOB NOT NULL",
            "how the data key is wrapped: salt, costs, wrapped key, no secret in clear",
            "until the passphrase changes",
        ),
    ),
)

DIRECTORY: Final = VaultTable(
    "directory",
    (
        VaultColumn("tag", "BLOB PRIMARY KEY", "finds a record: an HMAC of its name", _RECORD_LIFE),
        VaultColumn("shelf", "BLOB NOT NULL", "its kind: an HMAC of it", _RECORD_LIFE),
        VaultColumn("position", "BLOB NOT NULL", "its order, behind a secret number", _RECORD_LIFE),
        VaultColumn("lookup", "BLOB NOT NULL", "finds it by a value: an HMAC", _RECORD_LIFE),
        VaultColumn("form", "BLOB NOT NULL", "its size class and parts", _RECORD_LIFE),
    ),
    (
        "CREATE INDEX directory_order ON directory (shelf, position, tag)",
        "CREATE INDEX directory_lookup ON directory (shelf, lookup, tag)",
    ),
)


def body_table(size: int) -> VaultTable:
    """Return the table of one size class."""
    return VaultTable(
        f"body_{size}",
        (
            VaultColumn("part", "BLOB PRIMARY KEY", "which part of which record", _RECORD_LIFE),
            VaultColumn("sealed", "BLOB NOT NULL", "the record, sealed", _RECORD_LIFE),
        ),
    )


TABLES: Final = (HEADER, DIRECTORY, *map(body_table, CLASS_BYTES))
