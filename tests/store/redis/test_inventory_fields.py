"""Every field of every hash that relays leave in Redis is declared."""

from __future__ import annotations

import pytest
from hushpost_store import Quotas
from hushpost_store.admission import HOUR_SECONDS
from hushpost_store.conformance import NOW
from hushpost_store.redis.inventory import KEYS
from hushpost_store.redis.inventory_fields import FIELDS, undeclared_fields
from hushpost_store.redis.keys import STORE_KEY, account_keys, mailbox_keys

from tests.store.redis.conftest import opened
from tests.store.redis.test_inventory import server_at
from tests.store.sqlite.full_store import fill


async def test_a_redis_that_was_used_holds_declared_fields_alone(single_url: str) -> None:
    """People with everything leave declared fields in every hash."""
    store = await opened(single_url, Quotas())
    await fill(store)
    await store.sweep(NOW + 2 * HOUR_SECONDS)
    await store.close()
    hashes = 0
    with server_at(single_url) as server:
        for key in server.scan_iter(_type="hash"):
            fields = server.hkeys(key)
            hashes += len(fields) > 0
            assert undeclared_fields(key, fields) == ()
    assert hashes > 8


def test_every_declared_hash_has_its_fields() -> None:
    """Neither list has what the other one lacks."""
    assert set(FIELDS) == {key.name for key in KEYS if key.kind == "hash"}


@pytest.mark.parametrize(
    ("key", "field"),
    [
        (mailbox_keys(bytes(16))[0], b"last_login"),
        (mailbox_keys(bytes(16))[0], b"ownership"),
        (mailbox_keys(bytes(16))[4], b"alice"),
        (account_keys(bytes(32))[0], b"phone"),
        (account_keys(bytes(32))[0], b"number:alice"),
        (STORE_KEY, b"visitors"),
        (STORE_KEY, b"clean:alice"),
        (b"{hushpost}:visitors", b"alice"),
    ],
)
def test_a_field_that_is_not_declared_is_named(key: bytes, field: bytes) -> None:
    """Whatever its key, and also where only a piece of it is declared."""
    (problem,) = undeclared_fields(key, [field])
    assert problem.endswith(f" {field.decode()}")
