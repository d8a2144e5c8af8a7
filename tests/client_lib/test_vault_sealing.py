"""Rows: sealed, padded, bound to their place."""

import dataclasses

import pytest
from hushpost.errors import MisuseError, VaultDamaged
from hushpost.vault_header import UnlockedHeader
from hushpost.vault_sealing import (
    CLASS_BYTES,
    POSITION_MAX,
    RECORD_KEY_BYTES_MAX,
    RECORD_VALUE_BYTES_MAX,
    Entry,
    Sealer,
    shape,
)
from hushpost_crypto.primitives import random_bytes
from hypothesis import given
from hypothesis import strategies as st

VAULT_ID = bytes(range(16))
DATA_KEY = bytes(range(32))


def sealer(vault_id: bytes = VAULT_ID, data_key: bytes = DATA_KEY) -> Sealer:
    """Make a sealer of a fixed vault."""
    return Sealer(UnlockedHeader(vault_id, data_key), random_bytes)


def entry_of(by: Sealer, table: str, key: bytes, value: bytes, position: int = 7) -> Entry:
    """Make the directory's entry for a record."""
    return Entry(
        by.tag(table, key),
        by.shelf(table),
        by.hide_position(table, position),
        by.lookup(table, None),
        *shape(key, value),
    )


@given(
    key=st.binary(min_size=1, max_size=RECORD_KEY_BYTES_MAX),
    value=st.binary(max_size=3000),
    position=st.integers(0, POSITION_MAX),
)
def test_roundtrip(key: bytes, value: bytes, position: int) -> None:
    """Any key, value and position come back as they were sealed."""
    by = sealer()
    entry = entry_of(by, "t", key, value, position)
    row = by.open("t", entry, by.seal("t", entry, key, value))
    assert (row.key, row.value, row.position) == (key, value, position)


@pytest.mark.parametrize("size", [0, 209, 210, 913, 914, 4993, 4994, 17_273, 17_274, 1 << 20])
def test_every_row_of_a_class_has_one_size(size: int) -> None:
    """Each part is exactly as long as its class says, on both sides of every class's edge."""
    by, value = sealer(), b"v" * size
    entry = entry_of(by, "t", b"k", value)
    sealed = by.seal("t", entry, b"k", value)
    assert {len(part) for part in sealed} == {CLASS_BYTES[entry.size_class]}
    assert by.open("t", entry, sealed).value == value


def test_classes_are_the_smallest_that_fit() -> None:
    """A record takes the smallest class it fits into, and many parts only beyond the largest."""
    found = [shape(b"k", bytes(size)) for size in (209, 210, 913, 914, 4993, 4994, 17_273, 17_274)]
    assert found == [(0, 1), (1, 1), (1, 1), (2, 1), (2, 1), (3, 1), (3, 1), (3, 2)]


def test_every_flipped_byte_of_a_row_is_reported() -> None:
    """A row with any one byte changed is damaged, never served."""
    by = sealer()
    entry = entry_of(by, "t", b"k", b"value")
    (sealed,) = by.seal("t", entry, b"k", b"value")
    for offset in range(len(sealed)):
        flipped = bytearray(sealed)
        flipped[offset] ^= 1
        with pytest.raises(VaultDamaged):
            by.open("t", entry, [bytes(flipped)])


@pytest.mark.parametrize(
    "change",
    [
        {"tag": b"\1" * 32},
        {"position": b"\0" * 8},
        {"lookup": b"\1" * 16},
        {"size_class": 1},
        {"parts": 2},
    ],
    ids=["moved to another key", "reordered", "lookup changed", "class changed", "parts changed"],
)
def test_a_row_opens_only_where_it_was_put(change: dict[str, bytes]) -> None:
    """Each field of the directory is bound to the row: changing any one makes it damaged."""
    by = sealer()
    entry = entry_of(by, "t", b"k", b"value")
    sealed = by.seal("t", entry, b"k", b"value")
    assert by.open("t", entry, sealed).value == b"value"
    changed = dataclasses.replace(entry, **change)  # type: ignore[arg-type]  # mixed fields
    with pytest.raises(VaultDamaged):
        by.open("t", changed, sealed)


def test_a_row_opens_only_in_its_table_and_vault() -> None:
    """Another table, another vault id or another data key does not open a row."""
    by = sealer()
    entry = entry_of(by, "t", b"k", b"value")
    sealed = by.seal("t", entry, b"k", b"value")
    for other, table in (
        (by, "u"),
        (sealer(vault_id=bytes(16)), "t"),
        (sealer(data_key=bytes(32)), "t"),
    ):
        with pytest.raises(VaultDamaged):
            other.open(table, entry, sealed)


def test_parts_of_two_writes_do_not_mix() -> None:
    """A part of an older write of the same record, or parts out of order, are damaged."""
    by, old, new = sealer(), bytes(40_000), b"\1" * 40_000
    entry = entry_of(by, "t", b"k", old)
    before = by.seal("t", entry, b"k", old)
    after = by.seal("t", entry, b"k", new)
    assert len(after) == 3
    for mixed in (
        [after[0], before[1], after[2]],
        [before[0], after[1], after[2]],
        [after[0], after[2], after[1]],
        after[:2],
        [*after, after[2]],
    ):
        with pytest.raises(VaultDamaged):
            by.open("t", entry, mixed)


def test_same_record_twice_is_sealed_differently() -> None:
    """Sealing draws a new nonce each time, so equal values do not look equal."""
    by = sealer()
    entry = entry_of(by, "t", b"k", b"value")
    assert by.seal("t", entry, b"k", b"value") != by.seal("t", entry, b"k", b"value")


@given(st.lists(st.integers(0, POSITION_MAX), min_size=2))
def test_hidden_positions_keep_their_order(positions: list[int]) -> None:
    """Stored positions sort as the true ones do, as bytes, and show none of them."""
    by = sealer()
    hidden = [by.hide_position("t", position) for position in positions]
    assert sorted(hidden) == [by.hide_position("t", position) for position in sorted(positions)]
    assert all(by.show_position("t", one) == at for one, at in zip(hidden, positions, strict=True))
    assert hidden[0] != by.hide_position("u", positions[0])


def test_a_position_below_the_shift_is_damaged() -> None:
    """A stored position that no true one could give is reported."""
    with pytest.raises(VaultDamaged):
        sealer().show_position("t", bytes(8))


def test_no_lookup_looks_like_a_lookup() -> None:
    """A record without lookup value carries random bytes, two of them unlike."""
    by = sealer()
    assert by.lookup("t", None) != by.lookup("t", None)
    assert by.lookup("t", b"x") == by.lookup("t", b"x") != by.lookup("u", b"x")


@pytest.mark.parametrize("key", [b"", bytes(RECORD_KEY_BYTES_MAX + 1)])
def test_impossible_keys_are_refused(key: bytes) -> None:
    """An empty or overlong key is a mistake of the caller."""
    with pytest.raises(MisuseError, match="128"):
        sealer().tag("t", key)


def test_an_overlong_value_is_refused() -> None:
    """A value over the bound is a mistake of the caller, told with the bound."""
    with pytest.raises(MisuseError, match="1048576"):
        shape(b"k", bytes(RECORD_VALUE_BYTES_MAX + 1))


@pytest.mark.parametrize("position", [-1, POSITION_MAX + 1])
def test_impossible_positions_are_refused(position: int) -> None:
    """A position out of range is a mistake of the caller."""
    with pytest.raises(MisuseError, match="position"):
        sealer().hide_position("t", position)


@pytest.mark.parametrize("form", [b"", b"\x04\0\0\1", b"\0\0\0\0", b"\0\0\0\1\1", b"\0\1\0\1"])
def test_impossible_forms_are_damaged(form: bytes) -> None:
    """A form of no class, of no part, of another length or with a byte set is reported."""
    with pytest.raises(VaultDamaged):
        Entry.read_form(form)


def test_repr_shows_no_secret() -> None:
    """Neither the sealer nor a row shows a key or a value when printed."""
    by = sealer()
    entry = entry_of(by, "t", b"secret-key", b"secret-value")
    row = by.open("t", entry, by.seal("t", entry, b"secret-key", b"secret-value"))
    assert "secret" not in repr(row)
    assert DATA_KEY.hex() not in repr(by) + repr(UnlockedHeader(VAULT_ID, DATA_KEY))
    assert repr(DATA_KEY) not in repr(UnlockedHeader(VAULT_ID, DATA_KEY))
