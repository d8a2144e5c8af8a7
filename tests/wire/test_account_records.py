"""Tests of hushpost_wire.account_records."""

from dataclasses import replace

import pytest
from hushpost_wire.errors import MalformedRecord
from hushpost_wire.records import (
    DEVICE_LIST_BYTES_MAX,
    DEVICE_LIST_BYTES_MIN,
    DeviceId,
    DeviceList,
    Genesis,
    ListHead,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.record_examples import ACCOUNT_ID, DEVICE_LIST, ENTRIES, GENESIS, SIGNATURE


def test_layouts_are_those_of_the_specification() -> None:
    """identity.md, sections 3 and 4, at their offsets."""
    data = DEVICE_LIST.to_bytes()
    assert GENESIS.to_bytes() == b"\0\1" + b"\1" * 32 + b"\2" * 32
    assert data[:12] == b"\0\1\1\x08" + b"\0\0\0\2" + (20000).to_bytes(4, "big")
    assert (data[12:44], data[44:76], data[-64:]) == (ACCOUNT_ID, b"\3" * 32, SIGNATURE)
    assert data[76:140] == ENTRIES[0].device_key + ENTRIES[0].identity_key
    assert len(data) == 140 + 64 * 8
    size = (len(data) - 64).to_bytes(4, "big")
    assert DEVICE_LIST.signed_bytes() == b"hushpost/v1/device-list/sign\0" + size + data[:-64]


@given(st.integers(1, 8), st.integers(2, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_round_trip(count: int, version: int, day: int) -> None:
    """What is written reads as the same, whatever the numbers."""
    made = replace(DEVICE_LIST, entries=ENTRIES[:count], version=version, issue_day=day)
    assert DeviceList.from_bytes(made.to_bytes()) == made
    assert Genesis.from_bytes(GENESIS.to_bytes()) == GENESIS


@given(st.binary(max_size=800))
def test_any_bytes_are_canonical_or_refused(data: bytes) -> None:
    """Arbitrary bytes raise MalformedRecord or are the one encoding of what was read."""
    for record in (Genesis, DeviceList):
        for guess in (data, b"\0\1\1\1" + data):
            try:
                assert record.from_bytes(guess).to_bytes() == guess
            except MalformedRecord:
                continue


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"entries": ()}, "0 devices; 1 to 8"),
        ({"entries": (*ENTRIES, ENTRIES[0])}, "9 devices; 1 to 8"),
        ({"entries": ENTRIES[1::-1]}, "strict order"),
        ({"entries": (ENTRIES[0], ENTRIES[0])}, "strict order"),
        ({"version": 0}, "version 0"),
        ({"version": 1}, "only the first"),
        ({"previous_hash": ListHead(bytes(32))}, "only the first"),
    ],
)
def test_forms_that_no_list_has(change: dict[str, object], told: str) -> None:
    """Wrong counts, orders, versions and previous hashes are refused on reading."""
    bad = replace(DEVICE_LIST, **change)  # type: ignore[arg-type]  # each change fits its field
    with pytest.raises(MalformedRecord, match=told):
        DeviceList.from_bytes(bad.to_bytes())


def test_unknown_kind_and_suite_are_refused() -> None:
    """A list made for a later version says so instead of being misread."""
    data = DEVICE_LIST.to_bytes()
    with pytest.raises(MalformedRecord, match="kind 2"):
        DeviceList.from_bytes(data[:2] + b"\2" + data[3:])
    for record, whole in ((DeviceList, data), (Genesis, GENESIS.to_bytes())):
        with pytest.raises(MalformedRecord, match="suite 2"):
            record.from_bytes(b"\0\2" + whole[2:])


def test_parts_of_wrong_length_are_not_written() -> None:
    """A key or id of another length never gets into an encoding."""
    with pytest.raises(MalformedRecord, match="previous hash has 3"):
        replace(DEVICE_LIST, previous_hash=ListHead(b"abc")).to_bytes()


def test_find_and_head() -> None:
    """Devices are found by id, and the head covers the signature."""
    assert DEVICE_LIST.find(ENTRIES[3].device_id()) == ENTRIES[3]
    assert DEVICE_LIST.find(DeviceId(bytes(16))) is None
    other = replace(DEVICE_LIST, signature=type(SIGNATURE)(bytes(64)))
    assert DEVICE_LIST.head() != other.head()


def test_nothing_stands_behind_a_record() -> None:
    """Genesis and list with a byte behind them, or one less, are refused."""
    for kind, data in ((Genesis, GENESIS.to_bytes()), (DeviceList, DEVICE_LIST.to_bytes())):
        assert kind.from_bytes(data).to_bytes() == data
        for wrong in (data + b"\0", data[:-1]):
            with pytest.raises(MalformedRecord):
                kind.from_bytes(wrong)


def test_the_shortest_and_the_longest_list_have_the_sizes_that_are_named() -> None:
    """One device and eight: what control messages are bounded by."""
    for count, size in ((1, DEVICE_LIST_BYTES_MIN), (8, DEVICE_LIST_BYTES_MAX)):
        assert len(replace(DEVICE_LIST, entries=ENTRIES[:count]).to_bytes()) == size
