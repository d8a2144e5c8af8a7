"""Fuzz targets of the client library: what contacts say inside a session, and the vault's bytes."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from unittest.mock import patch

from hushpost import content
from hushpost import vault_header as header_module
from hushpost.content import ContentMalformed
from hushpost.errors import VaultError
from hushpost.vault_header import (
    ARGON2_MEMORY_KIB_MAX,
    ARGON2_MEMORY_KIB_MIN,
    ARGON2_OPERATIONS_MAX,
    ARGON2_OPERATIONS_MIN,
    HEADER_BYTES,
    Argon2Cost,
    KeychainKey,
    Passphrase,
    UnlockedHeader,
    make_header,
    open_header,
)
from hushpost.vault_sealing import Entry, Sealer, shape
from hushpost_wire.encoding import labelled
from hushpost_wire.labels import VAULT_CHECKSUM

from tests.client_lib.inner_messages import BODIES, inner
from tests.crypto.pairwise_world import stream
from tests.fuzz.crypto_targets import RENEW, RENEWED, SEEDS
from tests.fuzz.edits import edited
from tests.fuzz.target import Target

UNLOCKED = UnlockedHeader(b"v" * 16, b"d" * 32)
KEY = KeychainKey(b"k" * 32)
PASSPHRASE = Passphrase("correct horse battery staple")
TABLE = "contact"
CHECKSUM_BYTES = 32


def content_of(data: bytes) -> None:
    """Read an inner message: it has one encoding."""
    try:
        read = content.decode(data)
    except ContentMalformed:
        return
    if not isinstance(read.body, content.Unknown):
        assert content.encode(read) == data, "another encoding of the same message was read"


@functools.cache
def _header() -> bytes:
    return make_header(UNLOCKED, KEY, cost=Argon2Cost(), random=stream("header"))


def vault_header(data: bytes) -> None:
    """Only the header that was made opens, and no figure in it makes opening costly."""
    header = edited([_header()], data)
    if data[:1] >= bytes([RENEW]) and len(header) == HEADER_BYTES:
        body = header[:-CHECKSUM_BYTES]
        header = body + hashlib.sha256(labelled(VAULT_CHECKSUM, body)).digest()
    try:
        opened = open_header(header, KEY)
    except VaultError:
        assert header != _header(), "a genuine header does not open"
        return
    assert header == _header(), "an altered header opens"
    assert opened == UNLOCKED


@functools.cache
def _sealer() -> Sealer:
    return Sealer(UNLOCKED, stream("rows"))


@functools.cache
def _rows() -> Sequence[tuple[Entry, bytes, bytes, list[bytes]]]:
    sealer = _sealer()
    rows: list[tuple[Entry, bytes, bytes, list[bytes]]] = []
    for number, size in enumerate((0, 40, 5_000, 40_000)):
        key, value = b"row %d" % number, bytes([number]) * size
        size_class, parts = shape(key, value)
        entry = Entry(
            sealer.tag(TABLE, key),
            sealer.shelf(TABLE),
            sealer.hide_position(TABLE, number),
            sealer.lookup(TABLE, None),
            size_class,
            parts,
        )
        rows.append((entry, key, value, sealer.seal(TABLE, entry, key, value)))
    return rows


def vault_row(data: bytes) -> None:
    """Open a row: it is what was put in its place; changed, moved or cut it is called damaged."""
    entry, key, value, sealed = _rows()[(data[0] if data else 0) % 4]
    stored = _stored(entry) + b"".join(sealed)
    altered = edited([stored], b"\0" + data[1:])
    front = len(_stored(entry))
    changed = altered[:front]
    try:
        size_class, parts = Entry.read_form(changed[56:60])
        moved = Entry(changed[:32], entry.shelf, changed[32:40], changed[40:56], size_class, parts)
        size = max(1, (len(altered) - front) // len(sealed))
        pieces = [altered[start : start + size] for start in range(front, len(altered), size)]
        row = _sealer().open(TABLE, moved, pieces)
    except VaultError:
        assert altered != stored, "a genuine row does not open"
        return
    assert altered == stored, "an altered row opens"
    assert (row.key, row.value) == (key, value)


def _stored(entry: Entry) -> bytes:
    return entry.tag + entry.position + entry.lookup + entry.form()


def passphrase_header(data: bytes) -> None:
    """Open a header whose cost may be out of bounds: it is refused before any of it is paid."""
    header = edited([_passphrase_header()], data)
    body = header[:-CHECKSUM_BYTES]
    header = body + hashlib.sha256(labelled(VAULT_CHECKSUM, body)).digest()
    with patch.object(header_module, "argon2id", _cheap_argon2):
        try:
            opened = open_header(header, PASSPHRASE)
        except VaultError:
            assert header != _passphrase_header(), "a genuine header does not open"
            return
    assert header == _passphrase_header(), "an altered header opens"
    assert opened == UNLOCKED


def _cheap_argon2(_: bytes, *, salt: bytes, size: int, operations: int, memory_bytes: int) -> bytes:
    """Stand in for the costly function; what may be asked of it is what is looked at."""
    assert ARGON2_MEMORY_KIB_MIN <= memory_bytes // 1024 <= ARGON2_MEMORY_KIB_MAX
    assert ARGON2_OPERATIONS_MIN <= operations <= ARGON2_OPERATIONS_MAX
    return hashlib.sha512(salt).digest()[:size]


@functools.cache
def _passphrase_header() -> bytes:
    with patch.object(header_module, "argon2id", _cheap_argon2):
        return make_header(UNLOCKED, PASSPHRASE, cost=Argon2Cost(), random=stream("header"))


TARGETS = (
    Target("content", content_of, lambda: [content.encode(inner(body)) for body in BODIES]),
    Target("vault_header", vault_header, lambda: [*SEEDS, *RENEWED]),
    Target("passphrase_header", passphrase_header, lambda: SEEDS),
    Target("vault_row", vault_row, lambda: SEEDS),
)
