"""Fields and members: all that relays write are declared, and a planted one is named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hushpost_store import Quotas
from hushpost_store.admission import HOUR_SECONDS
from hushpost_store.conformance.stage import NOW, digest, route
from hushpost_store.redis import store
from hushpost_store.redis.arrival import every_key
from hushpost_store.redis.field_declarations import FIELDS
from hushpost_store.redis.field_inventory import (
    declared_without_names,
    readable,
    undeclared_in,
    undeclared_names,
)
from hushpost_store.redis.inventory import KEYS, declaration_of
from hushpost_store.redis.keys import mailbox_keys
from hushpost_store.redis.shards import Shards

from tests.store.redis.conftest import opened
from tests.store.sqlite.full_store import fill

BY_NAME = {key.name: key for key in KEYS}


async def test_all_that_relays_write_is_declared(shards: Shards, single_url: str) -> None:
    """People with everything leave no field and no member beyond the declaration."""
    relay = await opened(single_url, Quotas())
    try:
        await fill(relay)
        await relay.open_mailbox(route("alice"), NOW)
        await relay.sweep(NOW + 2 * HOUR_SECONDS)
        keys = [key async for some in every_key(shards) for key in some]
        assert len(keys) > 20
        assert await undeclared_in(shards, keys) == ()
    finally:
        await relay.close()


async def test_what_was_planted_is_named(shards: Shards) -> None:
    """A field, a member, a key and a type; a key that has gone meanwhile is nothing."""
    mailbox, _, _, order, _, expired = mailbox_keys(bytes(16))
    await shards.ask(mailbox, b"HSET", mailbox, b"last_seen", b"1")
    await shards.ask(order, b"ZADD", order, 1, b"short")
    await shards.ask(expired, b"SADD", expired, b"x")
    await shards.ask(b"visitors", b"SET", b"visitors", b"1")
    gone = mailbox_keys(b"g" * 16)[0]
    found = await undeclared_in(shards, [mailbox, order, expired, b"visitors", gone])
    assert found == (
        "field {route}:mailbox last_seen",
        "field {route}:order short",
        f"set {expired.decode()}",
        "string visitors",
    )


def test_each_hash_and_sorted_set_says_what_its_names_are() -> None:
    """A key that is declared later cannot be forgotten here."""
    assert declared_without_names() == ()


@pytest.mark.parametrize(
    ("key", "name", "text"),
    [
        ("{route}:mailbox", b"#" + digest("drop")[:16], "#" + digest("drop")[:16].hex()),
        ("{route}:mailbox", b"owner", "owner"),
        ("{account}:account", b"number:" + bytes(16), "number:" + bytes(16).hex()),
        ("{route}:drops", b"\n" * 16, "0a" * 16),
        ("{route}:drops", b"short", "undeclared " + b"short".hex()),
    ],
)
def test_a_name_is_shown_as_text_and_bytes(key: str, name: bytes, text: str) -> None:
    """Whatever bytes it has, a line end included."""
    assert readable(BY_NAME[key], name) == text


def test_a_string_has_no_names() -> None:
    """What has no fields has none that are undeclared."""
    assert undeclared_names(BY_NAME["{hushpost}:sweeper"], [b"x"]) == ()
    assert declaration_of(b"{hushpost}:sweeper", "hash") is None


def used_names() -> str:
    """Give all that scripts and modules of the store in Redis say, but for the declarations."""
    folder = Path(store.__file__).parent
    declarations = {"field_declarations.py", "inventory.py"}
    files = [*folder.glob("*.py"), *folder.glob("lua/*.lua")]
    return "".join(file.read_text() for file in files if file.name not in declarations)


def test_nothing_is_declared_that_nobody_uses() -> None:
    """A field that left the scripts leaves the inventory as well; each says why and until when."""
    said = used_names()
    plain = [field.name for field in FIELDS if field.name.isidentifier()]
    assert len(plain) > 30
    unused = [name for name in (*plain, "rewritten") if not re.search(f"[\"']{name}[\"']", said)]
    assert unused == ["rewritten"]
    assert all(field.takes and field.purpose and field.retention for field in FIELDS)
    assert {field.key for field in FIELDS} <= BY_NAME.keys()
