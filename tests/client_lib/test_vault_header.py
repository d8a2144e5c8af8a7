"""The wrapped data key: passphrase, key chain, damage, tampered parameters."""

import hashlib
import struct

import pytest
from hushpost.errors import MisuseError, VaultDamaged, VaultLocked, VaultNewer
from hushpost.vault_header import (
    ARGON2_MEMORY_KIB_MIN,
    ARGON2_OPERATIONS_MIN,
    HEADER_BYTES,
    PASSPHRASE_BYTES_MAX,
    Argon2Cost,
    KeychainKey,
    Passphrase,
    UnlockedHeader,
    make_header,
    open_header,
)
from hushpost_crypto.primitives import random_bytes
from hushpost_wire.encoding import labelled
from hushpost_wire.labels import VAULT_CHECKSUM

UNLOCKED = UnlockedHeader(bytes(range(16)), bytes(range(32)))
KEY = KeychainKey(b"k" * 32)
PHRASE = Passphrase("correct horse battery staple")
COST = Argon2Cost()
KIND_AT, OPERATIONS_AT, MEMORY_AT, SALT_AT = 18, 19, 23, 27


def header(secret: Passphrase | KeychainKey) -> bytes:
    """Wrap the fixed data key under a secret."""
    return make_header(UNLOCKED, secret, cost=COST, random=random_bytes)


def rechecked(body: bytes) -> bytes:
    """Give a changed header the checksum that belongs to it, as a thief would."""
    return body + hashlib.sha256(labelled(VAULT_CHECKSUM, body)).digest()


def test_a_passphrase_opens_what_it_wrapped() -> None:
    """The data key and vault id come back under the passphrase that wrapped them."""
    assert open_header(header(PHRASE), Passphrase("correct horse battery staple")) == UNLOCKED


def test_a_keychain_key_opens_what_it_wrapped() -> None:
    """The data key comes back under the key-chain key that wrapped it."""
    assert open_header(header(KEY), KEY) == UNLOCKED


def test_composed_and_decomposed_letters_are_one_passphrase() -> None:
    """Two keyboards that write the same accented letter differently open the same vault."""
    assert open_header(header(Passphrase("caf\u00e9")), Passphrase("cafe\u0301")) == UNLOCKED


def test_a_wrong_passphrase_says_so() -> None:
    """A wrong passphrase is told as such, with what to do."""
    with pytest.raises(VaultLocked, match="ask the person again"):
        open_header(header(PHRASE), Passphrase("incorrect horse"))


def test_a_wrong_key_says_so() -> None:
    """A wrong key-chain key is told as such."""
    with pytest.raises(VaultLocked):
        open_header(header(KEY), KeychainKey(b"x" * 32))


def test_the_wrong_kind_of_secret_is_named() -> None:
    """A passphrase for a key-chain vault, and the reverse, name what the vault wants."""
    with pytest.raises(VaultLocked, match="key-chain key"):
        open_header(header(KEY), PHRASE)
    with pytest.raises(VaultLocked, match="passphrase"):
        open_header(header(PHRASE), KEY)


def test_every_flipped_byte_is_damage() -> None:
    """A header with any one byte changed by a failing disk is damage and no wrong passphrase."""
    whole = header(KEY)
    for offset in range(HEADER_BYTES):
        flipped = bytearray(whole)
        flipped[offset] ^= 0x40
        with pytest.raises(VaultDamaged):
            open_header(bytes(flipped), KEY)


@pytest.mark.parametrize("size", [0, HEADER_BYTES - 1, HEADER_BYTES + 1])
def test_another_length_is_damage(size: int) -> None:
    """A header cut short or prolonged is damage."""
    with pytest.raises(VaultDamaged):
        open_header(header(KEY).ljust(size, b"\0")[:size], KEY)


@pytest.mark.parametrize(
    ("operations", "memory_kib"),
    [
        (1, ARGON2_MEMORY_KIB_MIN),
        (ARGON2_OPERATIONS_MIN, 1024),
        (0, 0),
        (65, ARGON2_MEMORY_KIB_MIN),
        (ARGON2_OPERATIONS_MIN, 0xFFFFFFFF),
    ],
)
def test_a_tampered_cost_out_of_bounds_is_refused(operations: int, memory_kib: int) -> None:
    """A cost weaker or dearer than the bounds is refused before Argon2id runs with it."""
    body = bytearray(header(PHRASE)[:-32])
    struct.pack_into(">II", body, OPERATIONS_AT, operations, memory_kib)
    with pytest.raises(VaultDamaged, match="Argon2id"):
        open_header(rechecked(bytes(body)), PHRASE)


def test_a_tampered_cost_within_bounds_does_not_open() -> None:
    """A cost lowered to the minimum by a thief no longer opens with the true passphrase."""
    dearer = make_header(UNLOCKED, PHRASE, cost=Argon2Cost(operations=4), random=random_bytes)
    body = bytearray(dearer[:-32])
    struct.pack_into(">I", body, OPERATIONS_AT, ARGON2_OPERATIONS_MIN)
    with pytest.raises(VaultLocked):
        open_header(rechecked(bytes(body)), PHRASE)


@pytest.mark.parametrize("offset", [2, SALT_AT, 43, 67, 114])
def test_a_tampered_field_does_not_open(offset: int) -> None:
    """Vault id, salt, nonce and wrapped key changed by a thief who mends the checksum: locked."""
    body = bytearray(header(KEY)[:-32])
    body[offset] ^= 1
    with pytest.raises(VaultLocked):
        open_header(rechecked(bytes(body)), KEY)


@pytest.mark.parametrize("kind", [0, 3, 255])
def test_an_unknown_kind_is_damage(kind: int) -> None:
    """A kind of secret that no release ever wrote is damage."""
    body = bytearray(header(KEY)[:-32])
    body[KIND_AT] = kind
    with pytest.raises(VaultDamaged):
        open_header(rechecked(bytes(body)), KEY)


def test_a_keychain_header_with_a_cost_is_damage() -> None:
    """A key-chain vault has no Argon2id cost: one written into it is damage."""
    body = bytearray(header(KEY)[:-32])
    struct.pack_into(">I", body, MEMORY_AT, 65536)
    with pytest.raises(VaultDamaged):
        open_header(rechecked(bytes(body)), KEY)


def test_a_newer_version_asks_for_an_update() -> None:
    """A header of a later format asks for an update of the app."""
    body = b"\0\2" + header(KEY)[2:-32]
    with pytest.raises(VaultNewer, match="update the app"):
        open_header(rechecked(body), KEY)


@pytest.mark.parametrize("text", ["", "x" * (PASSPHRASE_BYTES_MAX + 1)])
def test_impossible_passphrases_are_refused(text: str) -> None:
    """An empty or endless passphrase is refused when it is made."""
    with pytest.raises(MisuseError, match="passphrase"):
        Passphrase(text)


def test_a_lone_surrogate_is_refused() -> None:
    """Text that has no UTF-8 form is refused with a clear word."""
    with pytest.raises(MisuseError, match="surrogate"):
        Passphrase("\ud800")


def test_a_short_key_is_refused() -> None:
    """A key-chain key of another length is refused when it is made."""
    with pytest.raises(MisuseError, match="32"):
        KeychainKey(b"short")


@pytest.mark.parametrize(("memory_kib", "operations"), [(65535, 3), (65536, 2), (1 << 23, 3)])
def test_a_cost_out_of_bounds_is_refused(memory_kib: int, operations: int) -> None:
    """An app cannot choose a cost under the minimum, nor one that stops the device."""
    with pytest.raises(MisuseError, match="Argon2id"):
        Argon2Cost(memory_kib, operations)


def test_repr_shows_no_secret() -> None:
    """Passphrase, key and data key never appear when printed."""
    shown = repr((PHRASE, KEY, UNLOCKED))
    assert "horse" not in shown
    assert "kkkk" not in shown
    assert repr(UNLOCKED.data_key) not in shown
