"""Looking at a Redis: everything of an account and nothing else, and what does not fit."""

from __future__ import annotations

from base64 import urlsafe_b64encode as b64encode
from collections import Counter
from collections.abc import AsyncGenerator

import pytest
from hushpost_store import Quotas, errors
from hushpost_store.admission import HOUR_SECONDS
from hushpost_store.conformance.stage import NOW, account, digest, route
from hushpost_store.redis import answers, onlooker
from hushpost_store.redis.arrival import every_key
from hushpost_store.redis.keys import account_keys, mailbox_keys
from hushpost_store.redis.onlooker import damaged_parts, held_account, looked_into
from hushpost_store.redis.options import RedisOptions
from hushpost_store.redis.shards import Shards

from tests.store.redis.conftest import opened
from tests.store.sqlite.full_store import fill

BOB = account("bob", devices=2)
MAILBOX, DROPS, HEADS, ORDER, BODIES, _ = mailbox_keys(route("bob"))


@pytest.fixture
async def shards(single_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Shards]:
    """Look into a Redis in which three people have everything; what does not fit fits never."""
    store = await opened(single_url, Quotas())
    await fill(store)
    await store.sweep(NOW + 2 * HOUR_SECONDS)
    await store.close()
    monkeypatch.setattr(onlooker, "_PAUSE_SECONDS", 0.0)
    async with looked_into(RedisOptions(single_url)) as every:
        yield every


async def test_an_account_is_given_with_all_its_keys(shards: Shards) -> None:
    """Its own and those of each of its mailboxes, and what a relay would read from them."""
    held = await held_account(shards, BOB.account_id)
    assert held.account is not None
    assert held.account.account.devices == BOB.devices
    assert [len(one.envelopes) for one in held.mailboxes] == [4, 0]
    keys = {row.key for part in held.keys for row in part.rows}
    known = {key.decode() for device in BOB.devices for key in mailbox_keys(device.route)}
    known |= {key.decode() for key in account_keys(BOB.account_id)}
    assert keys <= known
    assert len(keys) == len([key for key in known if await shards.ask(*_exists(key))])
    assert (held.keys_of_nobody, held.relays) == (0, 0)


async def test_what_redis_has_of_an_account_is_in_its_keys_alone(shards: Shards) -> None:
    """Ids, keys and routes stand nowhere else, in any form; one that does would be found."""
    assert await _elsewhere(shards) == []
    other = account_keys(account("alice").account_id)[5]
    await shards.ask(other, b"HSET", other, b"1" + bytes(16), BOB.devices[1].route.hex().encode())
    assert await _elsewhere(shards) == [other]


async def _elsewhere(shards: Shards) -> list[bytes]:
    """Return the keys with anything of the account that are not produced for it, whole."""
    held = await held_account(shards, BOB.account_id)
    produced = Counter(row.key.encode() for part in held.keys for row in part.rows)
    said = [BOB.account_id]
    for device in BOB.devices:
        said += [device.device_id, device.device_key, device.route]
    forms = [form for part in said for form in (part, part.hex().encode(), b64encode(part)[:-4])]
    found: list[bytes] = []
    async for keys in every_key(shards):
        for key in keys:
            kind = answers.blob(await shards.ask(key, b"TYPE", key))
            if kind == b"string":
                parts = [answers.blob(await shards.ask(key, b"GET", key))]
            else:
                whole = (b"HGETALL", key) if kind == b"hash" else (b"ZRANGE", key, 0, -1)
                parts = [answers.blob(one) for one in answers.items(await shards.ask(key, *whole))]
            count = len(parts) // 2 if kind == b"hash" else len(parts)
            text = b"|".join((key, *parts))
            if produced[key] != count and any(form in text for form in forms):
                found.append(key)
    return found


def _exists(key: str) -> tuple[bytes, ...]:
    return (key.encode(), b"EXISTS", key.encode())


async def test_an_unknown_account_has_no_row(shards: Shards) -> None:
    """And nothing is read for it."""
    held = await held_account(shards, bytes(32))
    assert not any(part.rows for part in held.keys)
    assert held.account is None


async def test_what_stays_unreadable_is_still_produced(shards: Shards) -> None:
    """The rows are there; what they mean is not guessed."""
    await shards.ask(MAILBOX, b"HSET", MAILBOX, b"queued", b"9")
    held = await held_account(shards, BOB.account_id)
    assert (held.account, held.mailboxes) == (None, ())
    assert any(part.rows for part in held.keys)


async def test_a_redis_with_anything_undeclared_is_not_produced_from(shards: Shards) -> None:
    """Of that nobody could say whose it is."""
    await shards.ask(b"x", b"SET", b"x", b"1")
    with pytest.raises(errors.StoreDamaged, match="never declared"):
        await held_account(shards, BOB.account_id)


async def test_an_intact_store_has_no_damage(shards: Shards) -> None:
    """All accounts were looked at."""
    found = await damaged_parts(shards)
    assert (found.accounts, found.mailboxes, found.sentences, found.looked_at) == (0, 0, (), 3)


ACCOUNT, LISTS = account_keys(BOB.account_id)[:2]
_PLANTED = {
    "a day of no calendar": (b"HSET", ACCOUNT, b"created_day", b"9" * 40),
    "lost lists": (b"DEL", LISTS),
    "another list": (b"HSET", ACCOUNT, b"head", bytes(32)),
    **{
        f"{key[-8:]!r} of another type": (b"SET", key, b"x") for key in account_keys(BOB.account_id)
    },
    **{
        f"{name[-8:]!r} of another type": (b"SET", name, b"x")
        for name in (*account_keys(BOB.account_id), *mailbox_keys(route("bob")))
    },
    **{
        f"{name!r} is {value!r}": (b"HSET", MAILBOX, name, value)
        for name in (b"queued", b"bytes", b"epoch", b"knocks")
        for value in (b"", b"x", b"-1", b"9" * 40)
    },
    "a wrong count": (b"HSET", MAILBOX, b"queued", 9),
    "a count by drop": (b"HSET", MAILBOX, b"#" + digest("bob contact")[:16], 1),
    "a late first end": (b"HSET", MAILBOX, b"earliest", 9_999_999),
    "a number to come": (b"HSET", MAILBOX, b"last", 1),
    "a lost mailbox": (b"DEL", MAILBOX),
    "a lost body": (b"DEL", BODIES),
    "a broken drop": (b"HSET", DROPS, bytes(16), b"x"),
    "a lost list of prekeys": (b"DEL", account_keys(BOB.account_id)[3]),
}


async def test_each_planted_damage_is_told(shards: Shards) -> None:
    """By how many accounts and mailboxes; each is met alone."""
    missed: list[str] = []
    for name, planted in _PLANTED.items():
        key = planted[1]
        assert isinstance(key, bytes)
        before = await shards.ask(key, b"DUMP", key)
        assert before is None or isinstance(before, bytes)
        await shards.ask(key, *planted)
        found = await damaged_parts(shards)
        if (found.accounts, found.mailboxes) not in {(0, 1), (1, 0)} or not found.sentences:
            missed.append(name)
        await (
            shards.ask(key, b"RESTORE", key, 0, before, b"REPLACE")
            if before is not None
            else shards.ask(key, b"DEL", key)
        )
    assert not missed
    assert not (await damaged_parts(shards)).sentences
