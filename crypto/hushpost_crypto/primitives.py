"""The primitives every other module of this package is built from (docs/spec/pairwise.md, 2).

This is the only file of the package that imports PyNaCl and cryptography: whoever audits which
library does what reads this page and no other. Everything takes and gives plain ``bytes``; roles
(which key is whose) are types of the modules above.

Ed25519, X25519, XChaCha20-Poly1305 and Argon2id come from PyNaCl (libsodium); HKDF, ML-KEM and
HPKE from cryptography; hashes, HMAC and comparison from the standard library. Ed25519 is never
verified by cryptography, which accepted an identity-point key under a trivial signature.

Secret keys are kept as the seed they grow from: 32 bytes for X25519, Ed25519 and X-Wing, 64 bytes
for ML-KEM. Encapsulation and HPKE sealing draw their randomness inside the library, which offers
no other way; all other randomness is an argument of the functions above.
"""

import hashlib
import hmac
import os

import nacl.bindings as sodium
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import (
    MLKEM768PrivateKey,
    MLKEM768PublicKey,
    MLKEM1024PrivateKey,
    MLKEM1024PublicKey,
)
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from nacl.exceptions import BadSignatureError, CryptoError

from hushpost_crypto.errors import BadKey, BadLength, BadSignature, Undecryptable

KEY_BYTES = 32
SIGNATURE_BYTES = 64
NONCE_BYTES = 24
TAG_BYTES = 16
MLKEM_SEED_BYTES = 64
MLKEM768_KEY_BYTES = 1184
MLKEM768_CIPHERTEXT_BYTES = 1088
MLKEM1024_CIPHERTEXT_BYTES = 1568
XWING_SEED_BYTES = 32
# X-Wing ciphertext (1088 + 32) and one Poly1305 tag.
HPKE_OVERHEAD_BYTES = 1136

_HPKE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
_SHA512 = SHA512()


def random_bytes(size: int) -> bytes:
    """Draw from the operating system: the default for every ``random`` parameter."""
    return os.urandom(size)


def equal(left: bytes, right: bytes) -> bool:
    """Compare in time that depends on the lengths only."""
    return hmac.compare_digest(left, right)


def sha256(data: bytes) -> bytes:
    """SHA-256, 32 bytes."""
    return hashlib.sha256(data).digest()


def sha512(data: bytes) -> bytes:
    """SHA-512, 64 bytes."""
    return hashlib.sha512(data).digest()


def sha3_256(data: bytes) -> bytes:
    """SHA3-256, 32 bytes."""
    return hashlib.sha3_256(data).digest()


def hmac_sha256(key: bytes, data: bytes) -> bytes:
    """HMAC-SHA-256, 32 bytes."""
    return hmac.digest(key, data, "sha256")


def hkdf_sha512(secret: bytes, *, salt: bytes, info: bytes, size: int) -> bytes:
    """HKDF-SHA-512, extract and expand."""
    return HKDF(_SHA512, size, salt, info).derive(secret)


def argon2id(
    passphrase: bytes, *, salt: bytes, size: int, operations: int, memory_bytes: int
) -> bytes:
    """Argon2id version 1.3 with one lane; ``salt`` is 16 bytes."""
    return sodium.crypto_pwhash_alg(
        size, passphrase, salt, operations, memory_bytes, sodium.crypto_pwhash_ALG_ARGON2ID13
    )


# -- Ed25519 ---------------------------------------------------------------------------------


def ed25519_public_key(seed: bytes) -> bytes:
    """Give the public key of a 32-byte seed."""
    _need(seed, KEY_BYTES, "an Ed25519 seed")
    return sodium.crypto_sign_seed_keypair(seed)[0]


def ed25519_sign(seed: bytes, message: bytes) -> bytes:
    """Sign; 64 bytes, deterministic."""
    _need(seed, KEY_BYTES, "an Ed25519 seed")
    return sodium.crypto_sign(message, sodium.crypto_sign_seed_keypair(seed)[1])[:SIGNATURE_BYTES]


def ed25519_check_public_key(public_key: bytes) -> None:
    """Raise `BadKey` unless the key is a canonical point of the prime-order group.

    The identity, the other points of low order and mixed-order points are refused: under an
    identity-point key a signature that anyone can write would verify.
    """
    if len(public_key) != KEY_BYTES or not sodium.crypto_core_ed25519_is_valid_point(public_key):
        raise BadKey("an Ed25519 public key is not a point of the prime-order group")


def ed25519_verify(public_key: bytes, message: bytes, signature: bytes) -> None:
    """Return if the signature holds; raise `BadSignature` or `BadKey` otherwise."""
    ed25519_check_public_key(public_key)
    if len(signature) != SIGNATURE_BYTES:
        raise BadSignature("a signature does not verify")
    try:
        sodium.crypto_sign_open(signature + message, public_key)
    except BadSignatureError:
        raise BadSignature("a signature does not verify") from None


# -- X25519 ----------------------------------------------------------------------------------


def x25519_public_key(secret_key: bytes) -> bytes:
    """Give the public key of 32 secret bytes."""
    _need(secret_key, KEY_BYTES, "an X25519 secret key")
    return sodium.crypto_scalarmult_base(secret_key)


def x25519(secret_key: bytes, public_key: bytes) -> bytes:
    """Diffie-Hellman; an all-zero result (a low-order public key) raises `BadKey`."""
    if len(public_key) != KEY_BYTES:
        raise BadKey("an X25519 public key is not 32 bytes")
    # libsodium reads 32 bytes of the secret, whatever there is.
    _need(secret_key, KEY_BYTES, "an X25519 secret key")
    try:
        return sodium.crypto_scalarmult(secret_key, public_key)
    except CryptoError:
        # libsodium reports exactly one failure: the shared secret came out as zero.
        raise BadKey("an X25519 public key is of low order") from None


# -- XChaCha20-Poly1305 ------------------------------------------------------------------------


def aead_encrypt(key: bytes, nonce: bytes, plaintext: bytes, associated_data: bytes) -> bytes:
    """XChaCha20-Poly1305: 16 bytes longer than the plaintext. Never use key and nonce twice."""
    return sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(plaintext, associated_data, nonce, key)


def aead_decrypt(key: bytes, nonce: bytes, ciphertext: bytes, associated_data: bytes) -> bytes:
    """Open what `aead_encrypt` sealed, or raise `Undecryptable`."""
    plaintext = aead_try(key, nonce, ciphertext, associated_data)
    if plaintext is None:
        raise Undecryptable
    return plaintext


def aead_try(key: bytes, nonce: bytes, ciphertext: bytes, associated_data: bytes) -> bytes | None:
    """Open what `aead_encrypt` sealed, or give None: for trials, where failing is ordinary."""
    if len(ciphertext) < TAG_BYTES:
        return None
    try:
        return sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(
            ciphertext, associated_data, nonce, key
        )
    except CryptoError:
        return None


# -- ML-KEM ------------------------------------------------------------------------------------


class MlKem768Secret:
    """An ML-KEM-768 decapsulation key: its 64-byte seed (d || z), expanded when first needed.

    Expanding costs more than decapsulating, so the result stays with the object; two objects are
    equal when their seeds are.
    """

    __slots__ = ("_expanded", "seed")

    def __init__(self, seed: bytes) -> None:
        _need(seed, MLKEM_SEED_BYTES, "an ML-KEM seed")
        self.seed = seed
        self._expanded: MLKEM768PrivateKey | None = None

    def __repr__(self) -> str:
        return "<MlKem768Secret: secret>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MlKem768Secret) and equal(self.seed, other.seed)

    def __hash__(self) -> int:
        return hash(self.seed)

    def public_key(self) -> bytes:
        """Give the 1184-byte encapsulation key."""
        return self._key().public_key().public_bytes_raw()

    def decapsulate(self, ciphertext: bytes) -> bytes:
        """Give the shared secret; a forged ciphertext gives an unrelated one (FIPS 203, 6.3)."""
        if len(ciphertext) != MLKEM768_CIPHERTEXT_BYTES:
            raise BadKey("an ML-KEM-768 ciphertext is not 1088 bytes")
        return self._key().decapsulate(ciphertext)

    def _key(self) -> MLKEM768PrivateKey:
        if self._expanded is None:
            self._expanded = MLKEM768PrivateKey.from_seed_bytes(self.seed)
        return self._expanded


def mlkem768_check_key(public_key: bytes) -> None:
    """Raise `BadKey` unless the key passes the length and modulus checks of FIPS 203."""
    try:
        MLKEM768PublicKey.from_public_bytes(public_key)
    except ValueError:
        raise BadKey("an ML-KEM-768 key is not a canonical encapsulation key") from None


def mlkem768_encapsulate(public_key: bytes) -> tuple[bytes, bytes]:
    """Give (shared secret, ciphertext); raise `BadKey` for a key that is not canonical."""
    try:
        return MLKEM768PublicKey.from_public_bytes(public_key).encapsulate()
    except ValueError:
        raise BadKey("an ML-KEM-768 key is not a canonical encapsulation key") from None


def mlkem1024_public_key(seed: bytes) -> bytes:
    """Give the 1568-byte encapsulation key of a 64-byte seed (d || z)."""
    _need(seed, MLKEM_SEED_BYTES, "an ML-KEM seed")
    return MLKEM1024PrivateKey.from_seed_bytes(seed).public_key().public_bytes_raw()


def mlkem1024_check_key(public_key: bytes) -> None:
    """Raise `BadKey` unless the key passes the length and modulus checks of FIPS 203."""
    try:
        MLKEM1024PublicKey.from_public_bytes(public_key)
    except ValueError:
        raise BadKey("an ML-KEM-1024 key is not a canonical encapsulation key") from None


def mlkem1024_encapsulate(public_key: bytes) -> tuple[bytes, bytes]:
    """Give (shared secret, ciphertext); raise `BadKey` for a key that is not canonical."""
    try:
        return MLKEM1024PublicKey.from_public_bytes(public_key).encapsulate()
    except ValueError:
        raise BadKey("an ML-KEM-1024 key is not a canonical encapsulation key") from None


def mlkem1024_decapsulate(seed: bytes, ciphertext: bytes) -> tuple[bytes, bytes]:
    """Give (shared secret, own public key); implicit rejection as above.

    The public key comes along because the transcript needs it and growing it twice from the seed
    would cost more than the decapsulation.
    """
    if len(ciphertext) != MLKEM1024_CIPHERTEXT_BYTES:
        raise BadKey("an ML-KEM-1024 ciphertext is not 1568 bytes")
    secret_key = MLKEM1024PrivateKey.from_seed_bytes(seed)
    return secret_key.decapsulate(ciphertext), secret_key.public_key().public_bytes_raw()


# -- HPKE with the X-Wing KEM ------------------------------------------------------------------


def xwing_public_key(seed: bytes) -> bytes:
    """Give the 1216-byte X-Wing encapsulation key of a 32-byte seed."""
    kem_seed, x25519_secret = _xwing_expand(seed)
    return MlKem768Secret(kem_seed).public_key() + x25519_public_key(x25519_secret)


def xwing_check_key(public_key: bytes) -> None:
    """Raise `BadKey` unless both halves of the key are such as an honest device makes."""
    mlkem768_check_key(public_key[:MLKEM768_KEY_BYTES])
    # Any scalar shows a low-order point, since X25519 clears the cofactor of whatever it is given.
    x25519(bytes(KEY_BYTES), public_key[MLKEM768_KEY_BYTES:])


def hpke_seal(public_key: bytes, info: bytes, plaintext: bytes) -> bytes:
    """HPKE base mode, single shot: X-Wing, HKDF-SHA-256, ChaCha20-Poly1305, empty AAD."""
    try:
        kem = MLKEM768PublicKey.from_public_bytes(public_key[:MLKEM768_KEY_BYTES])
        curve = X25519PublicKey.from_public_bytes(public_key[MLKEM768_KEY_BYTES:])
        return _HPKE.encrypt(plaintext, MLKEM768X25519PublicKey(kem, curve), info)
    except ValueError:
        raise BadKey("an X-Wing key is not a canonical encapsulation key") from None


def hpke_open(seed: bytes, info: bytes, sealed: bytes) -> bytes:
    """Open what `hpke_seal` sealed, or raise `Undecryptable`."""
    kem_seed, x25519_secret = _xwing_expand(seed)
    secret_key = MLKEM768X25519PrivateKey(
        MLKEM768PrivateKey.from_seed_bytes(kem_seed),
        X25519PrivateKey.from_private_bytes(x25519_secret),
    )
    try:
        return _HPKE.decrypt(sealed, secret_key, info)
    except (InvalidTag, ValueError):
        raise Undecryptable from None


def _xwing_expand(seed: bytes) -> tuple[bytes, bytes]:
    """X-Wing expandDecapsulationKey: SHAKE-256 of the seed to d || z and the X25519 secret."""
    _need(seed, XWING_SEED_BYTES, "an X-Wing seed")
    expanded = hashlib.shake_256(seed).digest(MLKEM_SEED_BYTES + KEY_BYTES)
    return expanded[:MLKEM_SEED_BYTES], expanded[MLKEM_SEED_BYTES:]


def _need(secret: bytes, size: int, what: str) -> None:
    if len(secret) != size:
        raise BadLength(f"{what} is {size} bytes, not {len(secret)}")
