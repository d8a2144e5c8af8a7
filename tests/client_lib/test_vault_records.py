"""Tests of hushpost.vault_records: every kind of record is declared."""

from __future__ import annotations

from hushpost.vault_records import RECORDS
from hushpost.vault_rows import Table


def test_every_kind_of_record_is_declared() -> None:
    """What the library can store has a content, a purpose and an end."""
    assert RECORDS.keys() == set(Table)
    for record in RECORDS.values():
        assert record.holds
        assert record.purpose
        assert record.retention
