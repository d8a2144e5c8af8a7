"""Looking at many mailboxes at once: only what has changed is told, and no one hides another."""

import asyncio
from base64 import urlsafe_b64encode

import pytest
from hushpost_demo.redis_servers import RedisCluster
from hushpost_store import errors
from hushpost_store.redis import look
from hushpost_store.redis.address import Address
from hushpost_store.redis.command import Answer
from hushpost_store.redis.keys import mailbox_keys
from hushpost_store.redis.look import Look, Standing
from hushpost_store.redis.options import RedisOptions
from hushpost_store.redis.shards import Shards
from hushpost_store.redis.url import RedisUrl

from tests.store.redis.conftest import empty

MAILBOXES = 7
ROUTES = [bytes([number]) * 16 for number in range(MAILBOXES)]


async def _stage(url: str) -> tuple[Shards, Look, dict[bytes, int]]:
    """Open the servers, with a few mailboxes logged in at this node."""
    shards = Shards(RedisUrl.parse(url), RedisOptions(url))
    await shards.open()
    logins = {route: 10 + number for number, route in enumerate(ROUTES)}
    for route, epoch in logins.items():
        await _write(shards, route, b"epoch", epoch, b"node", b"here", b"last", 5)
    return shards, Look(shards, "here"), logins


async def _write(shards: Shards, route: bytes, *fields: bytes | int) -> Answer:
    key = mailbox_keys(route)[0]
    return await shards.ask(key, b"HSET", key, *fields)


async def _changed(looking: Look, logins: dict[bytes, int]) -> list[Standing]:
    """Look, and return what was told."""
    told: list[Standing] = []
    await looking.look(logins, told.append)
    return told


async def test_only_what_changed_is_told(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """At first all, then nothing, then each mailbox that has another epoch, sequence or node."""
    monkeypatch.setattr(look, "LOOKS_AT_ONCE", 3)
    shards, looking, logins = await _stage(redis_url)
    told = await _changed(looking, logins)
    assert sorted(one.route for one in told) == ROUTES
    assert {(one.held, one.epoch) for one in told} == {(n, b"%d" % n) for n in logins.values()}
    assert await _changed(looking, logins) == []
    await _write(shards, ROUTES[1], b"last", 6)
    await _write(shards, ROUTES[2], b"epoch", 99)
    await _write(shards, ROUTES[3], b"node", b"there")
    await shards.ask(mailbox_keys(ROUTES[4])[0], b"DEL", mailbox_keys(ROUTES[4])[0])
    wanted = [
        Standing(ROUTES[1], 11, b"11", b"6", b"here"),
        Standing(ROUTES[2], 12, b"99", b"5", b"here"),
        Standing(ROUTES[3], 13, b"13", b"5", b"there"),
        Standing(ROUTES[4], 14, None, None, None),
    ]
    assert sorted(await _changed(looking, logins)) == wanted
    # A sequence is told once; a login that is not as it was stays news until it is ended.
    assert sorted(await _changed(looking, logins)) == wanted[1:]
    del logins[ROUTES[2]], logins[ROUTES[3]], logins[ROUTES[4]]
    assert await _changed(looking, logins) == []
    # Who logs in again is told the sequence again.
    logins[ROUTES[3]] = 13
    assert await _changed(looking, logins) == wanted[2:3]
    await shards.close()


async def test_one_that_cannot_be_read_hides_no_other(redis_url: str) -> None:
    """A damaged mailbox is passed over, and its neighbours are looked at."""
    shards, looking, logins = await _stage(redis_url)
    await _changed(looking, logins)
    key = mailbox_keys(ROUTES[0])[0]
    await shards.ask(key, b"DEL", key)
    await shards.ask(key, b"SET", key, b"damage")
    await _write(shards, ROUTES[1], b"last", 6)
    assert [one.route for one in await _changed(looking, logins)] == [ROUTES[1]]
    await shards.close()


async def test_a_server_without_the_script_is_asked_one_by_one(single_url: str) -> None:
    """An operator who flushed the scripts costs nobody a look."""
    shards, looking, logins = await _stage(single_url)
    await shards.ask_server(shards.primaries[0], b"SCRIPT", b"FLUSH")
    assert len(await _changed(looking, logins)) == MAILBOXES
    await shards.close()


async def test_a_mailbox_that_moved_is_found(running_cluster: RedisCluster) -> None:
    """What the server no longer holds is asked for where it is now."""
    await empty(running_cluster.url)
    shards, looking, logins = await _stage(running_cluster.url)
    await _changed(looking, logins)
    elsewhere = next(
        address
        for address in shards.primaries
        if address != shards.owner_of(mailbox_keys(ROUTES[0])[0])
    )
    # As a relay sees it that has not heard of a move yet, the other way round.
    wrong = await looking._at(elsewhere, [ROUTES[0]], logins)  # pyright: ignore[reportPrivateUsage] - a stale topology in one call
    assert [one.route for one in wrong] == [ROUTES[0]]
    assert wrong[0].epoch == b"10"
    await shards.close()


async def test_a_server_that_is_away_hides_no_other(running_cluster: RedisCluster) -> None:
    """The mailboxes of the others are looked at while one does not answer."""
    await empty(running_cluster.url)
    shards, looking, logins = await _stage(running_cluster.url)
    asked = shards.ask_server
    away = shards.owner_of(mailbox_keys(ROUTES[0])[0])

    async def ask(address: object, *arguments: bytes | int) -> Answer:
        if address == away:
            raise errors.StoreFault("away")
        return await asked(address, *arguments)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - as given

    shards.ask_server = ask  # type: ignore[method-assign] # a server that does not answer
    told = {one.route for one in await _changed(looking, logins)}
    there = {r for r in ROUTES if shards.owner_of(mailbox_keys(r)[0]) == away}
    assert told == set(ROUTES) - there
    assert there
    await shards.close()


async def test_a_server_that_hangs_delays_no_other(running_cluster: RedisCluster) -> None:
    """The others' mailboxes are told at once and look after look, and the hung ones' once."""
    await empty(running_cluster.url)
    shards, looking, logins = await _stage(running_cluster.url)
    asked, gate = shards.ask_server, asyncio.Event()
    hung = shards.owner_of(mailbox_keys(ROUTES[0])[0])
    waiting = 0

    async def ask(address: Address, *arguments: bytes | int) -> Answer:
        nonlocal waiting
        if address == hung:
            waiting += 1
            await gate.wait()
        return await asked(address, *arguments)

    shards.ask_server = ask  # type: ignore[method-assign] # a server that hangs
    there = [r for r in ROUTES if shards.owner_of(mailbox_keys(r)[0]) == hung]
    told: list[Standing] = []
    looks: list[asyncio.Task[None]] = []
    for number in range(3):
        for route in set(ROUTES) - set(there):
            await _write(shards, route, b"last", 6 + number)
        looks.append(asyncio.create_task(looking.look(logins, told.append)))
        async with asyncio.timeout(2):
            while len(told) < (number + 1) * (MAILBOXES - len(there)):  # noqa: ASYNC110 - no event of ours
                await asyncio.sleep(0.01)
    assert waiting == 1
    gate.set()
    await asyncio.gather(*looks)
    assert sorted(one.route for one in told[-len(there) :]) == sorted(there)
    await shards.close()


def test_a_tag_names_its_route() -> None:
    """The script is given the key that the others use."""
    assert (
        mailbox_keys(ROUTES[3])[0]
        == b"{" + urlsafe_b64encode(ROUTES[3]).rstrip(b"=") + b"}:mailbox"
    )
