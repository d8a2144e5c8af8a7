"""Tests of hushpost_crypto.drops."""

import hashlib

import pytest
from hushpost_crypto.drops import Drop, make_drop, make_route
from hushpost_crypto.errors import BadLength
from hushpost_wire.records import DropSecret, Route


def test_hash_is_that_of_the_specification() -> None:
    """Hash and reference equal those written out by hand from addresses.md, section 5."""
    drop = make_drop(Route(bytes(range(16))), lambda size: b"\x09" * size)
    message = b"hushpost/v1/drop/hash\0" + b"\0\0\0\x10" + drop.route + b"\0\0\0\x20" + drop.secret
    assert drop.secret == b"\x09" * 32
    assert drop.hash() == hashlib.sha256(message).digest()
    assert drop.reference() == drop.hash()[:16]


def test_repr_hides_the_secret() -> None:
    """A drop shows its route and never its secret."""
    assert "secret" not in repr(make_drop(make_route()))


def test_routes_and_secrets_are_fresh() -> None:
    """Two drops and two routes differ."""
    assert make_route() != make_route()
    route = make_route(bytes)
    assert route == bytes(16)
    assert make_drop(route).secret != make_drop(route).secret


def test_wrong_lengths_are_refused() -> None:
    """A route of 15 or a secret of 33 bytes makes no drop."""
    with pytest.raises(BadLength):
        Drop(Route(bytes(15)), DropSecret(bytes(32)))
    with pytest.raises(BadLength):
        Drop(Route(bytes(16)), DropSecret(bytes(33)))
