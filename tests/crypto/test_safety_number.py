"""Tests of hushpost_crypto.safety_number."""

import hashlib

import pytest
from hushpost_crypto.errors import Misuse
from hushpost_crypto.safety_number import safety_number
from hushpost_wire.records import AccountId
from hypothesis import given
from hypothesis import strategies as st

from tests.crypto.identity_vector_runner import run_file
from tests.crypto.identity_vectors import VECTORS

ids = st.binary(min_size=32, max_size=32).map(AccountId)


@given(ids, ids)
def test_both_sides_see_the_number_of_the_specification(one: AccountId, other: AccountId) -> None:
    """Sixty digits, the same in either order, as identity.md section 9 computes them by hand."""
    if one == other:
        with pytest.raises(Misuse):
            safety_number(one, other)
        return
    first, second = min(one, other), max(one, other)
    label, size = b"hushpost/v1/safety-number/digits\0", b"\0\0\0\x20"
    digest = hashlib.sha512(label + size + first + size + second).digest()
    groups = [int.from_bytes(digest[n : n + 5], "big") % 100000 for n in range(0, 60, 5)]
    by_hand = " ".join(f"{group:05}" for group in groups)
    assert str(safety_number(one, other)) == str(safety_number(other, one)) == by_hand
    assert len(by_hand.replace(" ", "")) == 60


def test_vectors_hold() -> None:
    """The published numbers are ours."""
    assert run_file((VECTORS / "safety_number.json").read_bytes()) == []
