"""Tests of hushpost_wire.prekey_records."""

from dataclasses import replace

import pytest
from hushpost_wire.errors import MalformedRecord
from hushpost_wire.host import HOST_BYTES_MAX, Host
from hushpost_wire.records import (
    SEAL_RECORD_BYTES_MAX,
    SEAL_RECORD_BYTES_MIN,
    PrekeyKind,
    PrekeyRecord,
    SealRecord,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.record_examples import ACCOUNT_ID, PREKEY, SEAL, SIGNATURE


def test_layouts_are_those_of_the_specification() -> None:
    """identity.md, sections 5 and 6, at their offsets."""
    data = PREKEY.to_bytes()
    days = (20000).to_bytes(4, "big") + (20021).to_bytes(4, "big")
    assert len(data) == 1708
    assert data[:12] == b"\0\1\1\0" + days
    assert (data[12:28], data[28:44], data[44:76]) == (b"\4" * 16, b"\5" * 16, b"\6" * 32)
    assert (data[76:1644], data[1644:]) == (b"\7" * 1568, SIGNATURE)
    seal = SEAL.to_bytes()
    assert len(seal) == 1404 + 13
    assert seal[:12] == b"\0\1\1\x0d" + days
    assert seal[12:60] == ACCOUNT_ID + b"\4" * 16
    assert (seal[60:76], seal[76:92], seal[92:124]) == (b"\5" * 16, b"\x08" * 16, b"\x09" * 32)
    assert (seal[124:1340], seal[1340:1353]) == (b"\x0b" * 1216, b"relay.example")


def test_signed_bytes_bind_the_account() -> None:
    """The account id is signed with a prekey record though it is not sent with it."""
    signed = PREKEY.signed_bytes(ACCOUNT_ID)
    body = PREKEY.to_bytes()[:-64]
    by_hand = b"\0\0\0\x20" + ACCOUNT_ID + len(body).to_bytes(4, "big") + body
    assert signed == b"hushpost/v1/prekey/sign\0" + by_hand
    assert SEAL.signed_bytes().startswith(b"hushpost/v1/seal/sign\0\0\0")


@given(st.sampled_from(PrekeyKind), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_round_trip(kind: PrekeyKind, issue: int, expiry: int) -> None:
    """What is written reads as the same, with knocks on and off."""
    prekey = replace(PREKEY, kind=kind, issue_day=issue, expiry_day=expiry)
    assert PrekeyRecord.from_bytes(prekey.to_bytes()) == prekey
    for knock in (SEAL.knock_secret, None):
        seal = replace(SEAL, knock_secret=knock, issue_day=issue, expiry_day=expiry)
        assert SealRecord.from_bytes(seal.to_bytes()) == seal


@given(st.integers(0, 1707), st.binary(min_size=1, max_size=20))
def test_truncated_and_extended_fail(cut: int, tail: bytes) -> None:
    """A record cut anywhere or with anything behind it is malformed."""
    for record, data in ((PrekeyRecord, PREKEY.to_bytes()), (SealRecord, SEAL.to_bytes())):
        for wrong in (data[: min(cut, len(data) - 1)], data + tail):
            with pytest.raises(MalformedRecord):
                record.from_bytes(wrong)


@given(st.integers(0, 1403 * 8), st.sampled_from([PREKEY, SEAL]))
def test_changed_bytes_are_another_record_or_refused(bit: int, record: PrekeyRecord) -> None:
    """A changed byte never reads as the record it was made from."""
    data = bytearray(record.to_bytes())
    data[bit // 8] ^= 1 << bit % 8
    try:
        read = type(record).from_bytes(bytes(data))
    except MalformedRecord:
        return
    assert read != record
    assert read.to_bytes() == bytes(data)


@pytest.mark.parametrize(
    ("offset", "value", "told"),
    [(2, 0, "unknown kind 0"), (2, 3, "unknown kind 3"), (3, 1, "reserved"), (1, 2, "suite 2")],
)
def test_prekey_forms_are_refused(offset: int, value: int, told: str) -> None:
    """Unknown kinds and suites and a set reserved byte are refused by name."""
    data = bytearray(PREKEY.to_bytes())
    data[offset] = value
    with pytest.raises(MalformedRecord, match=told):
        PrekeyRecord.from_bytes(bytes(data))


@pytest.mark.parametrize(
    ("offset", "value", "told"),
    [(2, 2, "unknown flags"), (2, 0, "disagree"), (1, 2, "suite 2"), (1340, 0xE9, "not ASCII"),
     (1340, 0x52, "lower case"), (3, 12, "after its end"), (3, 14, "lower case"),
         (3, 250, "cut short")],
)  # fmt: skip
def test_seal_forms_are_refused(offset: int, value: int, told: str) -> None:
    """Unknown flags, a knock that disagrees and a wrong host are refused by name."""
    data = bytearray(SEAL.to_bytes())
    data[offset] = value
    with pytest.raises(MalformedRecord, match=told):
        SealRecord.from_bytes(bytes(data))


def test_knock_flag_without_a_secret_is_refused() -> None:
    """Knocks on with a secret of zeros is no encoding."""
    data = bytearray(SEAL.to_bytes())
    data[92:124] = bytes(32)
    with pytest.raises(MalformedRecord, match="disagree"):
        SealRecord.from_bytes(bytes(data))


def test_parts_of_wrong_length_are_not_written() -> None:
    """A short key or an overlong host never gets into an encoding."""
    with pytest.raises(MalformedRecord, match="X25519 prekey has 31"):
        replace(PREKEY, x25519_key=bytes(31)).to_bytes()
    with pytest.raises(OverflowError):
        replace(SEAL, host=Host("a" * 256)).to_bytes()


def test_the_shortest_and_the_longest_seal_have_the_sizes_that_are_named() -> None:
    """A host of one character and one of 255: what control messages are bounded by."""
    for characters, size in ((1, SEAL_RECORD_BYTES_MIN), (HOST_BYTES_MAX, SEAL_RECORD_BYTES_MAX)):
        assert len(replace(SEAL, host=Host("a" * characters)).to_bytes()) == size
