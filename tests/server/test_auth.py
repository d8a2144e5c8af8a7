"""Tests of hushpost_server.auth."""

from __future__ import annotations

import secrets
from dataclasses import replace
from hashlib import sha512

import nacl.bindings
import pytest
from hushpost_proof.harness.device import TestDevice
from hushpost_server import auth
from hushpost_wire import transcripts
from hushpost_wire.account_records import NO_PREVIOUS
from hushpost_wire.host import Host
from hushpost_wire.identifiers import RelayPublicKey
from hushpost_wire.transcripts import Challenge
from hypothesis import given
from hypothesis import strategies as st
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey

CHALLENGE = Challenge(bytes(32), Host("relay.test"), RelayPublicKey(bytes(32)), 1, 1)
CLIENT_NONCE = b"n" * 32
# The order of the group that Ed25519 keys belong to (RFC 8032, section 5.1).
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493


def login_signature(device: TestDevice, challenge: Challenge = CHALLENGE) -> bytes:
    """Sign a login as the device would."""
    signed = transcripts.login(
        challenge,
        client_nonce=CLIENT_NONCE,
        protocol=1,
        account_id=device.account_id,
        device_id=device.device_id,
    )
    return device.device_key.sign(signed).signature


def holds(device: TestDevice, signature: bytes, challenge: Challenge = CHALLENGE) -> bool:
    """Check a login as the relay does."""
    return auth.login_holds(
        challenge,
        device_list=device.lists[0],
        device_id=device.device_id,
        client_nonce=CLIENT_NONCE,
        protocol=1,
        signature=signature,
    )


def test_a_login_signed_by_a_listed_device_holds() -> None:
    """The honest case."""
    device = TestDevice("")
    assert holds(device, login_signature(device))


@pytest.mark.parametrize(
    "other",
    [
        replace(CHALLENGE, nonce=b"x" * 32),
        replace(CHALLENGE, host=Host("other.test")),
        replace(CHALLENGE, relay_key=RelayPublicKey(b"k" * 32)),
        replace(CHALLENGE, protocol_max=2),
    ],
    ids=["replayed on another connection", "for another host", "for another relay", "downgraded"],
)
def test_a_login_for_another_challenge_does_not_hold(other: Challenge) -> None:
    """A signature binds connection, host, relay key and protocol range."""
    device = TestDevice("")
    assert not holds(device, login_signature(device, other))


def test_a_login_of_a_foreign_device_does_not_hold() -> None:
    """A device that is not in the list cannot log in, nor sign for one that is."""
    device, foreign = TestDevice(""), TestDevice("")
    foreign_signature = foreign.device_key.sign(
        transcripts.login(
            CHALLENGE,
            client_nonce=CLIENT_NONCE,
            protocol=1,
            account_id=device.account_id,
            device_id=device.device_id,
        )
    ).signature
    assert not holds(device, foreign_signature)
    assert not auth.login_holds(
        CHALLENGE,
        device_list=device.lists[0],
        device_id=foreign.device_id,
        client_nonce=CLIENT_NONCE,
        protocol=1,
        signature=login_signature(device),
    )


def test_a_signature_with_any_bit_flipped_does_not_hold() -> None:
    """Each of the 512 bits of a signature counts."""
    device = TestDevice("")
    signature = bytearray(login_signature(device))
    for position in range(len(signature) * 8):
        signature[position // 8] ^= 1 << position % 8
        assert not holds(device, bytes(signature))
        signature[position // 8] ^= 1 << position % 8


@given(st.binary(max_size=100), st.binary(max_size=100))
def test_verify_refuses_malformed_keys_and_signatures_quietly(key: bytes, signature: bytes) -> None:
    """Whatever stands for key and signature, the answer is False and never an exception."""
    assert not auth.verify(key, b"message", signature)


def test_the_identity_point_key_signs_nothing() -> None:
    """The trivial signature under the identity point is refused."""
    identity_point = b"\x01" + bytes(31)
    trivial = identity_point + bytes(32)
    assert not auth.verify(identity_point, b"anything", trivial)


def test_a_mixed_order_key_signs_nothing() -> None:
    """A point outside the prime-order group is refused, also where libsodium takes it."""
    low_order = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
    scalar = secrets.randbelow(GROUP_ORDER)
    honest = nacl.bindings.crypto_scalarmult_ed25519_base_noclamp(scalar.to_bytes(32, "little"))
    mixed = nacl.bindings.crypto_core_ed25519_add(honest, low_order)
    signatures = [schnorr(mixed, scalar, b"message") for _ in range(200)]
    taken = [signature for signature in signatures if libsodium_takes(mixed, signature)]
    assert taken, "the attack did not work, so that its refusal shows nothing"
    assert not any(auth.verify(mixed, b"message", signature) for signature in taken)
    assert auth.verify(honest, b"message", schnorr(honest, scalar, b"message"))


@pytest.mark.parametrize("length", [0, 63, 65, 128])
def test_a_signature_of_another_length_holds_nothing(length: int) -> None:
    """A signature that carries part of the message with it, or lacks its end, is refused."""
    key = SigningKey.generate()
    signed = bytes(key.sign(b"message"))
    signature, message = (signed + bytes(64))[:length], signed[length:]
    assert not auth.verify(bytes(key.verify_key), message, signature)


def schnorr(key: bytes, scalar: int, message: bytes) -> bytes:
    """Sign as RFC 8032 does, for any public key that the scalar is said to belong to."""
    nonce = 1 + secrets.randbelow(GROUP_ORDER - 1)
    point = nacl.bindings.crypto_scalarmult_ed25519_base_noclamp(nonce.to_bytes(32, "little"))
    digest = int.from_bytes(sha512(point + key + message).digest(), "little")
    return point + ((nonce + digest * scalar) % GROUP_ORDER).to_bytes(32, "little")


def libsodium_takes(key: bytes, signature: bytes) -> bool:
    """Say whether the library alone verifies it; under a mixed key chance decides, one in 8."""
    try:
        nacl.bindings.crypto_sign_open(signature + b"message", key)
    except BadSignatureError:
        return False
    return True


def test_signatures_agree_with_an_independent_signer() -> None:
    """What `sign` makes, PyNaCl's high-level API verifies, under the key `public_key` gives."""
    seed = secrets.token_bytes(32)
    signer = SigningKey(seed)
    assert auth.public_key(seed) == bytes(signer.verify_key)
    assert signer.verify_key.verify(b"m", auth.sign(seed, b"m")) == b"m"


def test_a_device_list_must_be_signed_by_its_own_account() -> None:
    """Neither another account's key nor another account's list passes."""
    device, other = TestDevice(""), TestDevice("")
    assert auth.list_signature_holds(device.genesis, device.lists[0])
    forged = device.make_list(1, NO_PREVIOUS, key=other.account_key)
    assert not auth.list_signature_holds(device.genesis, forged)
    assert not auth.list_signature_holds(device.genesis, other.lists[0])


def test_a_token_holds_only_if_it_is_one_of_those_accepted() -> None:
    """No token, an empty one and a prefix are all refused."""
    accepted = ("a" * 16, "b" * 16)
    assert auth.token_holds("b" * 16, accepted)
    assert not auth.token_holds(None, accepted)
    assert not auth.token_holds("", accepted)
    assert not auth.token_holds("a" * 15, accepted)
    assert not auth.token_holds(None, ("",))
