"""Tests of hushpost_demo.vault_page."""

from __future__ import annotations

from pathlib import Path

from hushpost.vault_inventory import TABLES
from hushpost.vault_records import RECORDS
from hushpost_demo.vault_page import vault_page

PAGE = Path(__file__).parents[2] / "docs" / "vault-inventory.md"


def test_the_page_in_docs_is_the_one_the_code_renders() -> None:
    """Run `hushpost inventory --markdown > docs/vault-inventory.md`."""
    assert PAGE.read_text() == vault_page().as_markdown()


def test_every_column_and_every_kind_of_record_has_its_row() -> None:
    """Once each."""
    columns, records = vault_page().sections
    assert columns.table is not None
    assert records.table is not None
    assert len(columns.table.rows) == sum(len(table.columns) for table in TABLES)
    assert [row[0] for row in records.table.rows] == [table.value for table in RECORDS]
