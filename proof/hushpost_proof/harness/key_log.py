"""Every key and nonce that a process under test encrypts with, written down for the harness.

Only the test's own client program installs it. It stands around the library calls themselves, below
all of the product's code, so no module can encrypt past it; and it writes before the ciphertext is
handed back, so no ciphertext is anywhere without its line here.

    A | key 32 | nonce 24 | tag 16 | SHA-256 of the ciphertext 32 | its length u32 | length u16, AD
    S | seed 32 | length u16, info                          a seal key that opened a first message
"""

import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from struct import Struct

import nacl.bindings
from hushpost_crypto import primitives

_AEAD = Struct(">c32s24s16s32sIH")
_SEAL = Struct(">c32sH")
_AEAD_MARK, _SEAL_MARK = b"A", b"S"
_ENCRYPT = "crypto_aead_xchacha20poly1305_ietf_encrypt"


class KeyLogDamaged(Exception):
    """A key log holds something else than its rows."""


@dataclass(frozen=True, slots=True)
class AeadUse:
    """One encryption with XChaCha20-Poly1305."""

    key: bytes
    nonce: bytes
    tag: bytes
    ciphertext_hash: bytes
    ciphertext_bytes: int
    associated_data: bytes


@dataclass(frozen=True, slots=True)
class SealKey:
    """What opens the outer layer of first messages."""

    seed: bytes
    info: bytes


@dataclass(frozen=True, slots=True)
class KeyLog:
    """All that the processes of a run wrote."""

    uses: tuple[AeadUse, ...]
    seals: tuple[SealKey, ...]


@contextmanager
def log_keys(path: Path) -> Generator[None]:
    """Write down every encryption of this process from now on, until the context ends."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    encrypt, hpke_open = getattr(nacl.bindings, _ENCRYPT), primitives.hpke_open
    seen: set[tuple[bytes, bytes]] = set()

    def logged_encrypt(message: bytes, aad: bytes | None, nonce: bytes, key: bytes) -> bytes:
        ciphertext: bytes = encrypt(message, aad, nonce, key)
        data = aad or b""
        tag, hashed = ciphertext[-16:], sha256(ciphertext).digest()
        row = _AEAD.pack(_AEAD_MARK, key, nonce, tag, hashed, len(ciphertext), len(data))
        os.write(descriptor, row + data)
        return ciphertext

    def logged_open(seed: bytes, info: bytes, sealed: bytes) -> bytes:
        opened = hpke_open(seed, info, sealed)
        if (seed, info) not in seen:
            seen.add((seed, info))
            os.write(descriptor, _SEAL.pack(_SEAL_MARK, seed, len(info)) + info)
        return opened

    setattr(nacl.bindings, _ENCRYPT, logged_encrypt)
    primitives.hpke_open = logged_open
    try:
        yield
    finally:
        setattr(nacl.bindings, _ENCRYPT, encrypt)
        primitives.hpke_open = hpke_open
        os.close(descriptor)


def read_key_logs(folder: Path) -> KeyLog:
    """Read all logs of a folder; a row that a dying process did not finish is left out."""
    uses: list[AeadUse] = []
    seals: list[SealKey] = []
    for path in sorted(folder.iterdir()):
        for row in _rows(path.read_bytes(), path.name):
            if isinstance(row, AeadUse):
                uses.append(row)
            else:
                seals.append(row)
    return KeyLog(tuple(uses), tuple(seals))


def _rows(data: bytes, name: str) -> Iterator[AeadUse | SealKey]:
    position = 0
    while position < len(data):
        layout = {_AEAD_MARK: _AEAD, _SEAL_MARK: _SEAL}.get(data[position : position + 1])
        if layout is None:
            raise KeyLogDamaged(f"{name}: no row begins at byte {position}")
        if position + layout.size > len(data):
            return
        fields = layout.unpack_from(data, position)
        start = position + layout.size
        position = start + fields[-1]
        if position > len(data):
            return
        extra = data[start:position]
        if layout is _AEAD:
            key, nonce, tag, hashed, length = fields[1:6]
            yield AeadUse(key, nonce, tag, hashed, length, extra)
        else:
            yield SealKey(fields[1], extra)
