"""Every key that relays leave in Redis is declared."""

from __future__ import annotations

from typing import Any, cast

import pytest
import redis
from hushpost_store import Quotas
from hushpost_store.admission import HOUR_SECONDS
from hushpost_store.conformance import NOW
from hushpost_store.redis.inventory import KEYS, undeclared
from hushpost_store.redis.keys import STORE_KEY, SWEEP_KEY, account_keys, mailbox_keys

from tests.store.redis.conftest import opened
from tests.store.sqlite.full_store import fill

# There while mail moves from SQLite, and while a log is rewritten.
PASSING = {":migration", ":blank"}


def server_at(url: str) -> Any:
    """Return a client of redis-py, whose types say little."""
    return cast(Any, redis).Redis.from_url(url)


def found(url: str) -> list[tuple[bytes, str]]:
    """Return all keys of a server with their types."""
    with server_at(url) as server:
        return [(key, server.type(key).decode()) for key in server.scan_iter()]


async def test_a_redis_that_was_used_holds_declared_keys_alone(single_url: str) -> None:
    """People with everything leave every declared key and no other; planted ones are found."""
    store = await opened(single_url, Quotas())
    try:
        await fill(store)
        await store.sweep(NOW + 2 * HOUR_SECONDS)
        keys = found(single_url)
        assert undeclared(keys) == ()
        left = {key.partition(b"}")[2].decode() for key, _ in keys}
        declared = {key.name.partition("}")[2] for key in KEYS if key.kind != "channel"}
        assert left == declared - PASSING
        with server_at(single_url) as server:
            server.set("visitors", "alice")
            server.hset(mailbox_keys(bytes(16))[0].replace(b":mailbox", b":senders"), "a", "b")
        assert len(undeclared(found(single_url))) == 2
    finally:
        await store.close()


def test_every_name_that_scripts_are_given_is_declared() -> None:
    """Those of a mailbox, of an account and of the store; each with purpose and end."""
    given = [*mailbox_keys(bytes(16)), *account_keys(bytes(32)), STORE_KEY, SWEEP_KEY]
    declared = {key.name.partition("}")[2].encode() for key in KEYS}
    assert {name.partition(b"}")[2] for name in given} | {b":wake"} | {
        name.encode() for name in PASSING
    } == declared
    assert all(key.purpose and key.retention for key in KEYS)


@pytest.mark.parametrize(
    "planted", [(b"{hushpost}:accounts", "set"), (b"{hushpost}:store", "stream"), (b"\xff", "set")]
)
def test_a_key_of_another_name_or_type_is_named(planted: tuple[bytes, str]) -> None:
    """A stream, in which deleted entries linger, is not what was declared as a hash."""
    assert len(undeclared([planted])) == 1
