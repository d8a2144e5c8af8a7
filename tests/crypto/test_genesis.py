"""Tests of hushpost_crypto.genesis."""

import hashlib

import pytest
from hushpost_crypto.errors import AccountMismatch, HushpostCryptoError
from hushpost_crypto.genesis import make_genesis, read_genesis
from hypothesis import given
from hypothesis import strategies as st

from tests.crypto.identity_vectors import ACCOUNT, ACCOUNT_ID, GENESIS, OTHER_GENESIS, RECOVERY


def test_account_id_is_the_hash_of_the_specification() -> None:
    """The id equals the hash written out by hand from identity.md, section 3."""
    key = ACCOUNT.public_key()
    recovery = hashlib.sha256(RECOVERY.public_key()).digest()
    by_hand = hashlib.sha256(
        b"hushpost/v1/account/id\0"
        + b"\0\0\0\x02\0\x01"
        + b"\0\0\0\x20"
        + key
        + b"\0\0\0\x20"
        + recovery
    )
    assert make_genesis(ACCOUNT, RECOVERY).account_id() == by_hand.digest()


def test_round_trip() -> None:
    """A record that was written reads as the same."""
    assert read_genesis(GENESIS.to_bytes(), ACCOUNT_ID) == GENESIS


def test_keys_swapped_by_a_relay_are_found() -> None:
    """Another account's record under our address raises AccountMismatch."""
    with pytest.raises(AccountMismatch):
        read_genesis(OTHER_GENESIS.to_bytes(), ACCOUNT_ID)


@given(st.integers(0, 66 * 8 - 1))
def test_any_flipped_bit_fails(bit: int) -> None:
    """One bit changed anywhere and the record is refused."""
    data = bytearray(GENESIS.to_bytes())
    data[bit // 8] ^= 1 << bit % 8
    with pytest.raises(HushpostCryptoError):
        read_genesis(bytes(data), ACCOUNT_ID)


@given(st.binary(max_size=200))
def test_any_bytes_give_documented_errors_only(data: bytes) -> None:
    """Nothing but the documented errors comes of arbitrary bytes."""
    with pytest.raises(HushpostCryptoError):
        read_genesis(data, ACCOUNT_ID)
