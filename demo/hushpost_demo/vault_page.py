"""What a vault keeps, as a page (docs/vault-inventory.md): rendered from what makes the vault."""

from __future__ import annotations

from typing import Final

from hushpost.vault_inventory import TABLES
from hushpost.vault_records import RECORDS
from hushpost_server.page import Page, Section, Table

_OPENING: Final = (
    "Printed by `hushpost inventory`, and rendered from the declarations that make the vault's file"
    " and name its records; a test holds this page equal to them. The vault lies on its owner's"
    " device; [the vault](vault.md) says how it is sealed, and [the inventory](inventory.md) what a"
    " relay keeps.",
)


def vault_page() -> Page:
    """Return the page."""
    columns = tuple(
        (f"{table.name}.{column.name}", column.declaration, column.purpose, column.retention)
        for table in TABLES
        for column in table.columns
    )
    records = tuple(
        (table.value, record.holds, record.purpose, record.retention)
        for table, record in RECORDS.items()
    )
    return Page(
        "What a vault keeps",
        _OPENING,
        (
            Section(
                "Columns of the file",
                ("What a thief of the disk sees. Every column is of one size in all rows.",),
                Table(("name", "takes", "purpose", "kept"), columns),
            ),
            Section(
                "Records within the sealed rows",
                ("What the passphrase opens.",),
                Table(("name", "holds", "purpose", "kept"), records),
            ),
        ),
    )
