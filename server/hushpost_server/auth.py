"""Who may speak for an account: the relay's only file that verifies or makes signatures.

Implements docs/spec/identity.md section 7 (login, creation, deletion, welcome) and the relay's
share of sections 4 and 5 (device lists, prekeys). Ed25519 by PyNaCl, which rejects the low-order
keys that other libraries accept. Nothing here keeps state: a login binds this connection's nonce,
this relay's key and host, so that a replayed signature, or one made for another host or by another
device, does not verify.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable

import nacl.bindings
import nacl.exceptions
from hushpost_wire import transcripts
from hushpost_wire.account_records import DeviceList, Genesis
from hushpost_wire.identifiers import (
    KEY_BYTES,
    SIGNATURE_BYTES,
    AccountId,
    DeviceId,
    Route,
    StoreGeneration,
)
from hushpost_wire.transcripts import Challenge

SEED_BYTES = 32


def public_key(seed: bytes) -> bytes:
    """Return the Ed25519 public key of a 32-byte seed."""
    public, _ = nacl.bindings.crypto_sign_seed_keypair(seed)
    return public


def sign(seed: bytes, message: bytes) -> bytes:
    """Return the 64-byte Ed25519 signature of `message`."""
    _, secret = nacl.bindings.crypto_sign_seed_keypair(seed)
    return nacl.bindings.crypto_sign(message, secret)[:SIGNATURE_BYTES]


def verify(key: bytes, message: bytes, signature: bytes) -> bool:
    """Say whether `signature` is `key`'s over `message`; False for malformed ones too.

    Keys that identity.md section 2 forbids verify nothing: libsodium alone would take a point of
    mixed order, under which clients and relay could judge one signature differently.
    """
    # The lengths first: a longer signature would pass with the rest as part of the message.
    if len(signature) != SIGNATURE_BYTES or len(key) != KEY_BYTES:
        return False
    if not nacl.bindings.crypto_core_ed25519_is_valid_point(key):
        return False
    try:
        nacl.bindings.crypto_sign_open(signature + message, key)
    except nacl.exceptions.BadSignatureError:
        return False
    return True


def login_holds(
    challenge: Challenge,
    *,
    device_list: DeviceList,
    device_id: DeviceId,
    client_nonce: bytes,
    protocol: int,
    signature: bytes,
) -> bool:
    """Say whether a device of `device_list` signed this login on this connection."""
    entry = device_list.find(device_id)
    if entry is None:
        return False
    signed = transcripts.login(
        challenge,
        client_nonce=client_nonce,
        protocol=protocol,
        account_id=device_list.account_id,
        device_id=device_id,
    )
    return verify(entry.device_key, signed, signature)


def creation_holds(
    challenge: Challenge,
    *,
    genesis: Genesis,
    device_list: DeviceList,
    device_id: DeviceId,
    route: Route,
    token: str | None,
    signature: bytes,
) -> bool:
    """Say whether the account key asked for this account, list, device and route, here and now."""
    signed = transcripts.account_creation(
        challenge,
        genesis=genesis.to_bytes(),
        device_list=device_list.to_bytes(),
        device_id=device_id,
        route=route,
        token=token,
    )
    return verify(genesis.account_key, signed, signature)


def deletion_holds(
    challenge: Challenge, genesis: Genesis, account_id: AccountId, signature: bytes
) -> bool:
    """Say whether the account key asked for its deletion on this connection."""
    signed = transcripts.account_deletion(challenge, account_id)
    return verify(genesis.account_key, signed, signature)


def list_signature_holds(genesis: Genesis, device_list: DeviceList) -> bool:
    """Say whether the account key signed this device list for this account."""
    if device_list.account_id != genesis.account_id():
        return False
    return verify(genesis.account_key, device_list.signed_bytes(), device_list.signature)


def sign_welcome(
    seed: bytes,
    challenge: Challenge,
    *,
    client_nonce: bytes,
    protocol: int,
    account_id: AccountId,
    device_id: DeviceId,
    route: Route,
    prekeys_left: int,
    device_list_version: int,
    generation: StoreGeneration,
) -> bytes:
    """Answer a login: proof that this relay holds its identity key, now, for this device."""
    signed = transcripts.welcome(
        challenge,
        client_nonce=client_nonce,
        protocol=protocol,
        account_id=account_id,
        device_id=device_id,
        route=route,
        prekeys_left=prekeys_left,
        device_list_version=device_list_version,
        generation=generation,
    )
    return sign(seed, signed)


def token_holds(token: str | None, accepted: Iterable[str]) -> bool:
    """Say whether `token` is one of `accepted`; takes as long whichever it is, or none."""
    given = hashlib.sha256((token or "").encode()).digest()
    found = False
    for candidate in accepted:
        found |= hmac.compare_digest(given, hashlib.sha256(candidate.encode()).digest())
    return found and token is not None
