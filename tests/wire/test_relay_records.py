"""Tests of hushpost_wire.relay_records."""

import pytest
from hushpost_wire.errors import MalformedRecord
from hushpost_wire.records import Handover
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.record_examples import HANDOVER, SIGNATURE


def test_layout_is_that_of_the_specification() -> None:
    """identity.md, section 8, at its offsets."""
    data = HANDOVER.to_bytes()
    days = (20000).to_bytes(4, "big")
    assert data == b"\0\1\0\0" + days + b"\x0c" * 32 + b"\x0d" * 32 + SIGNATURE
    assert Handover.from_bytes(data) == HANDOVER
    size = (72).to_bytes(4, "big")
    assert HANDOVER.signed_bytes() == b"hushpost/v1/relay/handover\0" + size + data[:72]


@given(st.integers(0, 135), st.binary(min_size=1, max_size=20))
def test_truncated_and_extended_fail(cut: int, tail: bytes) -> None:
    """A record cut anywhere or with anything behind it is malformed."""
    for wrong in (HANDOVER.to_bytes()[:cut], HANDOVER.to_bytes() + tail):
        with pytest.raises(MalformedRecord):
            Handover.from_bytes(wrong)


def test_reserved_bytes_and_same_key_are_refused() -> None:
    """Set reserved bytes, another suite and a handover to the same key are no records."""
    data = HANDOVER.to_bytes()
    for wrong, told in (
        (data[:3] + b"\1" + data[4:], "reserved"),
        (b"\0\2" + data[2:], "suite 2"),
        (data[:40] + data[8:40] + data[72:], "same key"),
    ):
        with pytest.raises(MalformedRecord, match=told):
            Handover.from_bytes(wrong)
