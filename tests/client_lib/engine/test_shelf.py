"""Typed rows are versioned and strictly read."""

from dataclasses import dataclass
from typing import ClassVar

import pytest
from hushpost.engine.ledger import Table
from hushpost.engine.shelf import ROW_CONFIG, ROW_FORMAT, Shelf
from hushpost.errors import VaultDamaged, VaultNewer
from pydantic import ConfigDict

from tests.client_lib.engine.people import MemoryLedger


@dataclass(frozen=True, slots=True)
class Row:
    """A row for these tests."""

    __pydantic_config__: ClassVar[ConfigDict] = ROW_CONFIG

    name: str
    data: bytes
    count: int = 0


SHELF = Shelf(Table.SETTINGS, Row)
ROW = Row("a", b"\x00\xff", 3)


def test_a_row_survives_the_round_trip_with_any_bytes() -> None:
    """What is put is what is got, by key, by lookup and in order."""
    ledger = MemoryLedger()
    SHELF.put(ledger, b"k", ROW, lookup=b"mark")
    SHELF.put(ledger, b"l", Row("b", b""))
    assert SHELF.get(ledger, b"k") == ROW
    assert SHELF.get(ledger, b"none") is None
    assert SHELF.find(ledger, b"mark") == [(b"k", ROW)]
    assert [row.name for row in SHELF.all(ledger)] == ["a", "b"]
    assert SHELF.first(ledger, 1) == [(0, b"k", ROW)]
    assert SHELF.delete(ledger, b"k")
    assert not SHELF.delete(ledger, b"k")


def test_the_format_written_today_must_load_for_ever() -> None:
    """Format 1 is one byte and JSON with URL-safe base64; a missing field takes its default."""
    assert SHELF.dump(ROW) == b'\x01{"name":"a","data":"AP8=","count":3}'
    assert SHELF.load(b'\x01{"name":"a","data":"AP8="}') == Row("a", b"\x00\xff")


@pytest.mark.parametrize(
    "value",
    [b"", b"\x01", b"\x01{}", b'\x01{"name":1,"data":""}', b'\x01{"name":"a","data":"","x":1}'],
)
def test_a_row_that_does_not_read_is_damage_and_is_not_shown(value: bytes) -> None:
    """Truncated, wrongly typed or unknown fields are refused without quoting the row."""
    with pytest.raises(VaultDamaged, match="settings"):
        SHELF.load(value)


def test_a_newer_format_asks_for_an_update() -> None:
    """A row of a format not known yet is no damage."""
    with pytest.raises(VaultNewer, match="update"):
        SHELF.load(bytes((ROW_FORMAT + 1,)) + b"{}")
