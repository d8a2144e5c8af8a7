"""Long-lived keys by their role (docs/spec/identity.md, section 2).

A role is a type: an account key cannot stand where a device key belongs. Secrets keep their bytes
out of every `repr`; `seed` is there for the vault and for nothing else. Two secrets are not
compared with `==`: compare their public keys.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from hushpost_wire.encoding import labelled_sha256
from hushpost_wire.labels import RECOVERY_SEED
from hushpost_wire.records import (
    AccountPublicKey,
    DeviceEntry,
    DevicePublicKey,
    IdentityPublicKey,
    RecoveryHash,
    RecoveryPublicKey,
    RelayPublicKey,
    Signature,
)

from hushpost_crypto import primitives
from hushpost_crypto.errors import BadLength

Random = Callable[[int], bytes]

# Any scalar shows a low-order point, since X25519 clears the cofactor of whatever it is given.
_ANY_SCALAR = bytes([1]) * 32


@dataclass(frozen=True, slots=True, eq=False)
class _Secret:
    """32 secret bytes that no `repr` shows."""

    seed: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.seed) != primitives.KEY_BYTES:
            raise BadLength(f"a {type(self).__name__} is 32 bytes, not {len(self.seed)}")

    @classmethod
    def generate(cls, random: Random = primitives.random_bytes) -> Self:
        """Make a new one; store it before anything made with it leaves the device."""
        return cls(random(primitives.KEY_BYTES))


@dataclass(frozen=True, slots=True, eq=False)
class _SigningKey(_Secret):
    def sign(self, message: bytes) -> Signature:
        """Sign bytes that begin with a label; 64 bytes, deterministic."""
        return Signature(primitives.ed25519_sign(self.seed, message))


@dataclass(frozen=True, slots=True, eq=False)
class AccountKey(_SigningKey):
    """Signs device lists, account creation and deletion; on the primary device alone."""

    def public_key(self) -> AccountPublicKey:
        """Give the public half."""
        return AccountPublicKey(primitives.ed25519_public_key(self.seed))


@dataclass(frozen=True, slots=True, eq=False)
class RecoveryKey(_Secret):
    """The 32 bytes that 24 words on paper spell; show it once, store only its `commitment`."""

    def public_key(self) -> RecoveryPublicKey:
        """Give the Ed25519 public key grown from the words."""
        grown = labelled_sha256(RECOVERY_SEED, self.seed)
        return RecoveryPublicKey(primitives.ed25519_public_key(grown))

    def commitment(self) -> RecoveryHash:
        """Give the hash that the genesis record holds."""
        return RecoveryHash(primitives.sha256(self.public_key()))


@dataclass(frozen=True, slots=True, eq=False)
class DeviceKey(_SigningKey):
    """Signs one device's logins, prekey and seal records."""

    def public_key(self) -> DevicePublicKey:
        """Give the public half."""
        return DevicePublicKey(primitives.ed25519_public_key(self.seed))


@dataclass(frozen=True, slots=True, eq=False)
class IdentityKey(_Secret):
    """One device's Diffie-Hellman identity in PQXDH; X25519."""

    def public_key(self) -> IdentityPublicKey:
        """Give the public half."""
        return IdentityPublicKey(primitives.x25519_public_key(self.seed))


@dataclass(frozen=True, slots=True, eq=False)
class RelayKey(_SigningKey):
    """A relay's identity; signs welcomes, and at its end a handover."""

    def public_key(self) -> RelayPublicKey:
        """Give the public half."""
        return RelayPublicKey(primitives.ed25519_public_key(self.seed))


def device_entry(device_key: DeviceKey, identity_key: IdentityKey) -> DeviceEntry:
    """Give the entry by which a device list certifies this device."""
    return DeviceEntry(device_key.public_key(), identity_key.public_key())


def check_x25519(public_key: bytes) -> None:
    """Raise `BadKey` for an X25519 key of low order or wrong length."""
    primitives.x25519(_ANY_SCALAR, public_key)


def check_entry(entry: DeviceEntry) -> None:
    """Raise `BadKey` unless both keys of a device are such as an honest device makes."""
    primitives.ed25519_check_public_key(entry.device_key)
    check_x25519(entry.identity_key)
