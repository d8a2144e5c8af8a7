"""Identifiers, keys and hashes as types, with their lengths (docs/spec/identity.md, section 2).

Each is bytes at run time; the names keep a route from standing where a device id belongs. Nothing
here checks a length: the readers and writers of `records` do.
"""

import hashlib
from typing import Final, NewType

from hushpost_wire import labels
from hushpost_wire.encoding import labelled_sha256

AccountId = NewType("AccountId", bytes)
DeviceId = NewType("DeviceId", bytes)
Route = NewType("Route", bytes)
DropSecret = NewType("DropSecret", bytes)
DropHash = NewType("DropHash", bytes)
DropReference = NewType("DropReference", bytes)
PrekeyId = NewType("PrekeyId", bytes)
EnvelopeId = NewType("EnvelopeId", bytes)
ListHead = NewType("ListHead", bytes)
Signature = NewType("Signature", bytes)
AccountPublicKey = NewType("AccountPublicKey", bytes)
RecoveryPublicKey = NewType("RecoveryPublicKey", bytes)
RecoveryHash = NewType("RecoveryHash", bytes)
DevicePublicKey = NewType("DevicePublicKey", bytes)
IdentityPublicKey = NewType("IdentityPublicKey", bytes)
RelayPublicKey = NewType("RelayPublicKey", bytes)
StoreGeneration = NewType("StoreGeneration", bytes)

ACCOUNT_ID_BYTES: Final = 32
DEVICE_ID_BYTES: Final = 16
ROUTE_BYTES: Final = 16
DROP_SECRET_BYTES: Final = 32
DROP_HASH_BYTES: Final = 32
DROP_REFERENCE_BYTES: Final = 16
PREKEY_ID_BYTES: Final = 16
ENVELOPE_ID_BYTES: Final = 16
KEY_BYTES: Final = 32
HASH_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
GENERATION_BYTES: Final = 16
MLKEM1024_KEY_BYTES: Final = 1568
XWING_KEY_BYTES: Final = 1216


def drop_hash(route: Route, secret: DropSecret) -> DropHash:
    """Return what the owner registers and the relay stores instead of a drop's secret."""
    return DropHash(labelled_sha256(labels.DROP_HASH, route, secret))


def drop_reference(drop: DropHash) -> DropReference:
    """Return the short name of a drop towards its owner: the first 16 bytes of its hash."""
    return DropReference(drop[:DROP_REFERENCE_BYTES])


def envelope_id(envelope: bytes) -> EnvelopeId:
    """Return the first 16 bytes of SHA-256 over the envelope; relay and reader check it."""
    return EnvelopeId(hashlib.sha256(envelope).digest()[:ENVELOPE_ID_BYTES])
