"""Tests of hushpost_crypto.keys."""

import nacl.signing
import pytest
from hushpost_crypto.errors import BadKey, BadLength
from hushpost_crypto.keys import (
    AccountKey,
    DeviceKey,
    IdentityKey,
    RecoveryKey,
    RelayKey,
    check_entry,
    check_x25519,
    device_entry,
)
from hushpost_wire.records import DeviceEntry, DevicePublicKey, IdentityPublicKey

from tests.crypto.identity_vectors import (
    ED25519_IDENTITY,
    ED25519_NOT_CANONICAL,
    ED25519_ORDER_4,
    ENTRY,
    X25519_ONE,
    X25519_ORDER_8,
    X25519_ZERO,
)

ROLES = (AccountKey, RecoveryKey, DeviceKey, IdentityKey, RelayKey)
SEED = bytes(range(32))


@pytest.mark.parametrize("role", ROLES)
def test_repr_hides_the_secret(role: type[AccountKey]) -> None:
    """The repr and str of a secret show its type and none of its bytes."""
    key = role(SEED)
    for text in (repr(key), str(key), f"{key!r:>80}"):
        assert role.__name__ in text
        assert "\\x" not in text
        assert SEED.hex()[:6] not in text


@pytest.mark.parametrize("role", ROLES)
def test_wrong_length_is_refused(role: type[AccountKey]) -> None:
    """A seed of another length than 32 bytes is a misuse."""
    for size in (0, 31, 33):
        with pytest.raises(BadLength):
            role(bytes(size))


@pytest.mark.parametrize("role", ROLES)
def test_generate_uses_the_given_randomness(role: type[AccountKey]) -> None:
    """A generated key is what the source gave, and the default source gives different ones."""
    assert role.generate(lambda size: b"\x07" * size).seed == b"\x07" * 32
    assert role.generate().seed != role.generate().seed


@pytest.mark.parametrize("role", [AccountKey, DeviceKey, RelayKey])
def test_signatures_are_those_of_an_independent_library_call(role: type[AccountKey]) -> None:
    """Public key and signature equal those of PyNaCl's own signing key."""
    other = nacl.signing.SigningKey(SEED)
    key = role(SEED)
    assert key.public_key() == bytes(other.verify_key)
    assert key.sign(b"message") == other.sign(b"message").signature


def test_recovery_key_is_not_the_plain_seed() -> None:
    """The recovery public key grows from the labelled hash, never from the words' bytes as such."""
    key = RecoveryKey(SEED)
    assert key.public_key() != bytes(nacl.signing.SigningKey(SEED).verify_key)
    assert len(key.commitment()) == 32


@pytest.mark.parametrize("weak", [X25519_ZERO, X25519_ONE, X25519_ORDER_8, bytes(31), bytes(33)])
def test_low_order_x25519_keys_are_refused(weak: bytes) -> None:
    """An X25519 key of low order or wrong length raises BadKey, alone and in a device entry."""
    with pytest.raises(BadKey):
        check_x25519(weak)
    with pytest.raises(BadKey):
        check_entry(DeviceEntry(ENTRY.device_key, IdentityPublicKey(weak)))


@pytest.mark.parametrize("weak", [ED25519_IDENTITY, ED25519_ORDER_4, ED25519_NOT_CANONICAL])
def test_identity_point_is_refused(weak: bytes) -> None:
    """A device key that is the identity or of low order raises BadKey."""
    with pytest.raises(BadKey):
        check_entry(DeviceEntry(DevicePublicKey(weak), ENTRY.identity_key))


def test_honest_entry_passes() -> None:
    """An entry of freshly made keys passes the check."""
    check_entry(device_entry(DeviceKey.generate(), IdentityKey.generate()))
