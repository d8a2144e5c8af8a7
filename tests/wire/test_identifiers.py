"""Tests of hushpost_wire.identifiers."""

import hashlib

from hushpost_wire import identifiers
from hushpost_wire.identifiers import DropSecret, Route, drop_hash, drop_reference, envelope_id


def test_drop_hash_is_that_of_the_specification() -> None:
    """addresses.md, section 5, written out by hand."""
    route, secret = Route(bytes(range(16))), DropSecret(bytes(range(32)))
    message = b"hushpost/v1/drop/hash\0" + b"\0\0\0\x10" + route + b"\0\0\0\x20" + secret
    assert drop_hash(route, secret) == hashlib.sha256(message).digest()
    assert drop_reference(drop_hash(route, secret)) == hashlib.sha256(message).digest()[:16]


def test_envelope_id_is_the_first_half_of_the_hash() -> None:
    """envelope.md, section 4: over the whole envelope, without a label."""
    assert envelope_id(b"envelope") == hashlib.sha256(b"envelope").digest()[:16]


def test_sizes_are_those_of_what_they_measure() -> None:
    """Hashes and keys have 32 bytes, names 16, a signature 64; two KEM keys have their own."""
    assert {name: size for name, size in vars(identifiers).items() if name.endswith("_BYTES")} == {
        "ACCOUNT_ID_BYTES": 32,
        "DEVICE_ID_BYTES": 16,
        "ROUTE_BYTES": 16,
        "DROP_SECRET_BYTES": 32,
        "DROP_HASH_BYTES": 32,
        "DROP_REFERENCE_BYTES": 16,
        "PREKEY_ID_BYTES": 16,
        "ENVELOPE_ID_BYTES": 16,
        "KEY_BYTES": 32,
        "HASH_BYTES": 32,
        "SIGNATURE_BYTES": 64,
        "GENERATION_BYTES": 16,
        "MLKEM1024_KEY_BYTES": 1568,
        "XWING_KEY_BYTES": 1216,
    }
