"""The first record of a vault: how its data key is wrapped (docs/vault.md, 2).

    version u16 | vault_id 16 | kind u8 | operations u32 | memory_kib u32 | salt 16
    | nonce 24 | wrapped data key 48 | checksum 32

The data key is drawn once and never changes; a passphrase change wraps it anew. The wrapping key is
Argon2id of the passphrase, or is derived from a key that the app keeps in the system's key chain.
The parameters are associated data of the wrap, and bounded here, so that a thief who writes weaker
ones makes the vault refuse to open and learns nothing from a passphrase typed into it. The checksum
is no authentication: it tells a failing disk from a mistyped passphrase.
"""

import hashlib
import struct
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from hushpost_crypto.errors import Undecryptable
from hushpost_crypto.primitives import aead_decrypt, aead_encrypt, argon2id, equal, hkdf_sha512
from hushpost_wire.encoding import labelled
from hushpost_wire.labels import VAULT_CHECKSUM, VAULT_KEYCHAIN, VAULT_WRAP

from hushpost.errors import MisuseError, VaultDamaged, VaultLocked, VaultNewer

HEADER_VERSION: Final = 1
KEY_BYTES: Final = 32
VAULT_ID_BYTES: Final = 16
SALT_BYTES: Final = 16
NONCE_BYTES: Final = 24
# 64 MiB and three passes: the second recommended option of RFC 9106 section 4. It costs a phone
# under a second and makes each guess of a thief cost the same memory.
ARGON2_MEMORY_KIB_MIN: Final = 64 * 1024
ARGON2_OPERATIONS_MIN: Final = 3
# Over these a tampered header would stop the device instead of being reported.
ARGON2_MEMORY_KIB_MAX: Final = 4 * 1024 * 1024
ARGON2_OPERATIONS_MAX: Final = 64
# Longer is a file pasted by mistake.
PASSPHRASE_BYTES_MAX: Final = 1024

_KIND_PASSPHRASE: Final = 1
_KIND_KEYCHAIN: Final = 2
_LAYOUT: Final = struct.Struct(">H16sBII16s24s48s")
_CHECKSUM_BYTES: Final = 32
HEADER_BYTES: Final = _LAYOUT.size + _CHECKSUM_BYTES


@dataclass(frozen=True, slots=True)
class Passphrase:
    """What a person types; taken in Unicode NFC, so that any keyboard gives the same bytes."""

    text: str = field(repr=False)

    def __post_init__(self) -> None:
        if not 0 < len(self.encoded()) <= PASSPHRASE_BYTES_MAX:
            raise MisuseError(
                f"a passphrase has 1 to {PASSPHRASE_BYTES_MAX} bytes: ask the person for another"
            )

    def encoded(self) -> bytes:
        """Give the bytes that Argon2id takes."""
        try:
            return unicodedata.normalize("NFC", self.text).encode()
        except UnicodeEncodeError:
            raise MisuseError("a passphrase is text: this one holds a lone surrogate") from None


@dataclass(frozen=True, slots=True)
class KeychainKey:
    """Thirty-two random bytes that the app keeps in the system's key chain."""

    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.key) != KEY_BYTES:
            raise MisuseError(
                f"a key-chain key is {KEY_BYTES} random bytes, not {len(self.key)}: "
                "draw it once with secrets.token_bytes(32) and keep it in the key chain"
            )


VaultSecret = Passphrase | KeychainKey


@dataclass(frozen=True, slots=True)
class Argon2Cost:
    """What one guess costs. Stored in the header; never below the minimum of this module."""

    memory_kib: int = ARGON2_MEMORY_KIB_MIN
    operations: int = ARGON2_OPERATIONS_MIN

    def __post_init__(self) -> None:
        if not self.in_bounds():
            raise MisuseError(
                f"Argon2id takes {ARGON2_MEMORY_KIB_MIN} to {ARGON2_MEMORY_KIB_MAX} KiB and "
                f"{ARGON2_OPERATIONS_MIN} to {ARGON2_OPERATIONS_MAX} passes here"
            )

    def in_bounds(self) -> bool:
        """Say whether both figures lie within the bounds of this module."""
        return (
            ARGON2_MEMORY_KIB_MIN <= self.memory_kib <= ARGON2_MEMORY_KIB_MAX
            and ARGON2_OPERATIONS_MIN <= self.operations <= ARGON2_OPERATIONS_MAX
        )


@dataclass(frozen=True, slots=True)
class UnlockedHeader:
    """A vault id and the data key that its header wraps."""

    vault_id: bytes
    data_key: bytes = field(repr=False)


def make_header(
    unlocked: UnlockedHeader,
    secret: VaultSecret,
    *,
    cost: Argon2Cost,
    random: Callable[[int], bytes],
) -> bytes:
    """Wrap the data key under ``secret``; takes as long as Argon2id takes (run it in a thread)."""
    salt, nonce = random(SALT_BYTES), random(NONCE_BYTES)
    kind, operations, memory_kib = _KIND_KEYCHAIN, 0, 0
    if isinstance(secret, Passphrase):
        kind, operations, memory_kib = _KIND_PASSPHRASE, cost.operations, cost.memory_kib
    parameters = (HEADER_VERSION, unlocked.vault_id, kind, operations, memory_kib, salt)
    wrapping_key = _wrapping_key(secret, unlocked.vault_id, salt, operations, memory_kib)
    wrapped = aead_encrypt(wrapping_key, nonce, unlocked.data_key, _associated(parameters))
    body = _LAYOUT.pack(*parameters, nonce, wrapped)
    return body + _checksum(body)


def open_header(header: bytes, secret: VaultSecret) -> UnlockedHeader:
    """Unwrap the data key; takes as long as Argon2id takes (run it in a thread).

    Raises `VaultLocked` for a wrong secret, `VaultDamaged` for a header that this library never
    wrote, `VaultNewer` for a version it does not know.
    """
    if len(header) != HEADER_BYTES:
        raise _damaged()
    body, checksum = header[:-_CHECKSUM_BYTES], header[-_CHECKSUM_BYTES:]
    if not equal(_checksum(body), checksum):
        raise _damaged()
    version, vault_id, kind, operations, memory_kib, salt, nonce, wrapped = _LAYOUT.unpack(body)
    if version != HEADER_VERSION:
        raise VaultNewer(f"this vault has format {version}: update the app that embeds hushpost")
    _check_kind(kind, secret, operations, memory_kib)
    wrapping_key = _wrapping_key(secret, vault_id, salt, operations, memory_kib)
    parameters = (version, vault_id, kind, operations, memory_kib, salt)
    try:
        return UnlockedHeader(
            vault_id, aead_decrypt(wrapping_key, nonce, wrapped, _associated(parameters))
        )
    except Undecryptable:
        raise VaultLocked(
            "this passphrase or key does not open the vault: ask the person again "
            "(nothing was changed)"
        ) from None


def _check_kind(kind: int, secret: VaultSecret, operations: int, memory_kib: int) -> None:
    """Refuse parameters out of bounds before any work is done with them."""
    if kind == _KIND_PASSPHRASE:
        try:
            Argon2Cost(memory_kib, operations)
        except MisuseError:
            raise VaultDamaged(
                "the vault's header asks for an Argon2id cost outside the allowed bounds: somebody "
                "changed the file. Restore it from a backup and distrust this copy"
            ) from None
        if not isinstance(secret, Passphrase):
            raise VaultLocked("this vault opens with a passphrase, and a key was given")
    elif kind == _KIND_KEYCHAIN:
        if (operations, memory_kib) != (0, 0):
            raise _damaged()
        if not isinstance(secret, KeychainKey):
            raise VaultLocked("this vault opens with a key-chain key, and a passphrase was given")
    else:
        raise _damaged()


def _wrapping_key(
    secret: VaultSecret, vault_id: bytes, salt: bytes, operations: int, memory_kib: int
) -> bytes:
    if isinstance(secret, KeychainKey):
        info = labelled(VAULT_KEYCHAIN, vault_id)
        return hkdf_sha512(secret.key, salt=salt, info=info, size=KEY_BYTES)
    return argon2id(
        secret.encoded(),
        salt=salt,
        size=KEY_BYTES,
        operations=operations,
        memory_bytes=memory_kib * 1024,
    )


def _associated(parameters: tuple[int, bytes, int, int, int, bytes]) -> bytes:
    version, vault_id, kind, operations, memory_kib, salt = parameters
    packed = struct.pack(">HBII", version, kind, operations, memory_kib)
    return labelled(VAULT_WRAP, packed, vault_id, salt)


def _checksum(body: bytes) -> bytes:
    return hashlib.sha256(labelled(VAULT_CHECKSUM, body)).digest()


def _damaged() -> VaultDamaged:
    return VaultDamaged(
        "the vault's header is damaged: restore the file from a backup of the disk, or a new vault "
        "from an exported backup"
    )
