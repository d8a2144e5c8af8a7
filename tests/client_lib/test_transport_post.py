"""Anonymous post connections against the real relay, and through a real SOCKS proxy."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from time import time

import pytest
from hushpost import transport_post
from hushpost.errors import MisuseError, RelayUnreachable
from hushpost.transport_dial import Dial
from hushpost.transport_inbox import Delivery
from hushpost.transport_post import PostOffice
from hushpost.transport_posting import Posting, Verdict
from hushpost_crypto.drops import Drop
from hushpost_crypto.primitives import random_bytes
from hushpost_server.configuration import Configuration
from hushpost_server.relay import RelayServer
from hushpost_wire.control import DeviceLists, Error, ErrorCode
from hushpost_wire.frames import RefusalReason
from hushpost_wire.host import Host
from hushpost_wire.identifiers import AccountId, DropSecret, Route

from tests.client_lib.transport_people import MemoryPins, Person, person, posting


@pytest.fixture
async def host() -> AsyncIterator[Host]:
    """Run a real relay in memory and give its host."""
    configuration = Configuration(listen_port=0, store="memory", metrics=False)
    async with RelayServer(configuration) as relay:
        yield Host(relay.host)


@asynccontextmanager
async def post_office(dial: Dial | None = None) -> AsyncGenerator[PostOffice, None]:
    """Open a post office and close it."""
    office = PostOffice(pins=MemoryPins(), dial=dial or Dial(), random=random_bytes)
    try:
        yield office
    finally:
        await office.close()


def envelopes(one: Person) -> list[bytes]:
    """Give what a person's inbox was delivered, in order."""
    return [delivery.deliver.envelope for delivery in one.ear.deliveries()]


async def test_postings_arrive_in_order(host: Host) -> None:
    """Postings to one contact, handed over together, arrive whole and in order."""
    async with person(host) as bob, post_office() as office:
        drop = await bob.make_drop()
        postings = [posting(drop, time()) for _ in range(40)]
        verdicts = [await office.submit(b"bob", host, one) for one in postings]
        await bob.ear.until_heard(Delivery, 40)
        for delivery in bob.ear.deliveries():
            bob.inbox.acknowledge(delivery)
        assert all([(await verdict).accepted for verdict in verdicts])
        got = [delivery.deliver.envelope for delivery in bob.ear.deliveries()]
        assert got == [one.envelope for one in postings]


async def test_an_unknown_drop_is_a_verdict(host: Host) -> None:
    """A refusal is a verdict with its reason, and the connection goes on."""
    async with post_office() as office:
        drop = Drop(Route(bytes(16)), DropSecret(bytes(32)))
        for _ in range(2):
            verdict = await (await office.submit(b"x", host, posting(drop, time())))
            assert (verdict.accepted, verdict.reason) == (False, RefusalReason.NO_DROP)


async def test_each_contact_has_a_connection_of_its_own(host: Host) -> None:
    """Two contacts never share a connection, and one contact keeps its own between postings."""
    async with person(host) as bob, post_office() as office:
        drop = await bob.make_drop()
        for contact in (b"a", b"b", b"a"):
            await office.submit(contact, host, posting(drop, time()))
        posts = office._posts  # pyright: ignore[reportPrivateUsage]  # counts the connections
        links = {id(post.link) for post in posts.values()}
        assert len(posts) == len(links) == 2


async def test_a_connection_is_replaced_at_the_end_of_its_life(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When its time is up a connection gets its last verdict and the next posting opens another."""
    monkeypatch.setattr(transport_post, "POST_LIFE_SECONDS_MIN", 0.05)
    monkeypatch.setattr(transport_post, "POST_LIFE_SECONDS_MAX", 0.06)
    async with person(host) as bob, post_office() as office:
        drop = await bob.make_drop()
        first = await office.submit(b"bob", host, posting(drop, time()))
        post = office._posts[(b"bob", host)]  # pyright: ignore[reportPrivateUsage]  # watches it
        old = post.link
        assert old is not None
        assert (await first).accepted
        assert await asyncio.wait_for(asyncio.shield(old.ended), 5) is None
        assert post.link is None
        second = await office.submit(b"bob", host, posting(drop, time()))
        assert (await second).accepted


async def test_a_batch_ends_with_its_connection(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a lost connection leaves of a batch goes by no other before it is handed in again."""
    async with person(host) as bob, post_office() as office:
        drop = await bob.make_drop()
        postings = [posting(drop, time()) for _ in range(6)]
        assert (await (await office.submit(b"bob", host, postings[0]))).accepted
        post = office._posts[(b"bob", host)]  # pyright: ignore[reportPrivateUsage]  # cuts it
        link = post.link
        assert link is not None
        real, posted = link.submit, list[Posting]()

        async def lost_at_the_third(one: Posting) -> "asyncio.Future[Verdict]":
            posted.append(one)
            if len(posted) == 3:
                await link.close()
            return await real(one)

        monkeypatch.setattr(link, "submit", lost_at_the_third)
        pending = await office.submit_all(b"bob", host, postings[1:])
        assert len(pending) == 2
        assert posted == postings[1:4]
        assert post.link is link
        await asyncio.gather(*pending, return_exceptions=True)
        again = await office.submit_all(b"bob", host, postings[1:])
        assert [(await verdict).accepted for verdict in again] == [True] * 5
        await bob.ear.until(lambda _: len(set(envelopes(bob))) == 6)
        assert list(dict.fromkeys(envelopes(bob))) == [one.envelope for one in postings]


async def test_the_life_of_a_connection_is_within_ten_minutes() -> None:
    """The bounds of the draw hold what the design promises."""
    assert 0 < transport_post.POST_LIFE_SECONDS_MIN < transport_post.POST_LIFE_SECONDS_MAX <= 600


async def test_prekeys_and_lists_are_fetched_anonymously(host: Host) -> None:
    """A device list comes over a connection that never logs in; no account is a clear answer."""
    async with person(host) as bob, post_office() as office:
        found = await office.fetch_device_list(host, bob.credentials.account_id, 0)
        assert isinstance(found, DeviceLists)
        assert (found.latest, len(found.lists)) == (1, 1)
        missing = await office.take_prekeys(host, AccountId(bytes(32)))
        assert isinstance(missing, Error)
        assert missing.code is ErrorCode.NO_ACCOUNT


async def test_closing_fails_what_is_open_and_refuses_more(host: Host) -> None:
    """After close nothing can be posted, and closing again is no error."""
    async with person(host) as bob:
        drop = await bob.make_drop()
        office = PostOffice(pins=MemoryPins(), dial=Dial(), random=random_bytes)
        await (await office.submit(b"bob", host, posting(drop, time())))
        await office.close()
        await office.close()
        with pytest.raises(MisuseError, match="closed"):
            await office.submit(b"bob", host, posting(drop, time()))
        with pytest.raises(MisuseError, match="closed"):
            await office.take_prekeys(host, AccountId(bytes(32)))


@asynccontextmanager
async def socks_proxy(seen: list[tuple[bytes, bytes]]) -> AsyncGenerator[str, None]:
    """Run a real SOCKS5 proxy with user names (RFC 1928 and 1929) that notes user and target."""

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, methods = await reader.readexactly(2)
        assert 2 in await reader.readexactly(methods)
        writer.write(b"\5\2")
        _, length = await reader.readexactly(2)
        user = await reader.readexactly(length)
        await reader.readexactly((await reader.readexactly(1))[0])
        writer.write(b"\1\0")
        _, _, _, kind = await reader.readexactly(4)
        if kind == 3:
            target = await reader.readexactly((await reader.readexactly(1))[0])
        else:
            target = b".".join(b"%d" % part for part in await reader.readexactly(4))
        port = int.from_bytes(await reader.readexactly(2), "big")
        seen.append((user, target))
        there_reader, there = await asyncio.open_connection(target.decode(), port)
        writer.write(b"\5\0\0\1" + bytes(6))
        await asyncio.gather(pump(reader, there), pump(there_reader, writer))

    async with await asyncio.start_server(client, "127.0.0.1", 0) as server:
        yield f"socks5h://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_each_connection_through_a_proxy_has_its_own_user(host: Host) -> None:
    """Through SOCKS every connection has another user name, and the proxy resolves the name."""
    seen: list[tuple[bytes, bytes]] = []
    named = Host(host.replace("127.0.0.1", "localhost"))
    async with person(host) as bob, socks_proxy(seen) as proxy:
        drop = await bob.make_drop()
        async with post_office(Dial(socks_proxy=proxy)) as office:
            for contact in (b"a", b"b"):
                verdict = await office.submit(contact, named, posting(drop, time()))
                assert (await verdict).accepted
            await office.take_prekeys(named, AccountId(bytes(32)))
    assert len({user for user, _ in seen}) == 3
    assert {target for _, target in seen} == {b"localhost"}


async def test_a_proxy_that_is_not_there_is_named(host: Host) -> None:
    """A proxy that does not answer is told as such, and the relay is not asked directly."""
    async with post_office(Dial(socks_proxy="socks5h://127.0.0.1:9")) as office:
        with pytest.raises(RelayUnreachable, match="proxy"):
            await office.take_prekeys(host, AccountId(bytes(32)))
