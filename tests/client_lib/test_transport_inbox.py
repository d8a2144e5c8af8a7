"""The inbox against the real relay: login, delivery, reconnect, refusal."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from time import time

import pytest
from hushpost import transport_inbox
from hushpost.errors import (
    LoginDisplaced,
    LoginRefused,
    MisuseError,
    RelayMisbehaved,
    RelayUnreachable,
)
from hushpost.retry import MOVED, NO_PAUSE, Backoff, Pause
from hushpost.transport_dial import Dial
from hushpost.transport_inbox import Credentials, Delivery, Inbox, log_in
from hushpost.transport_link import Link
from hushpost_crypto.keys import DeviceKey
from hushpost_crypto.primitives import random_bytes
from hushpost_server.configuration import Configuration
from hushpost_server.relay import RelayServer
from hushpost_wire.control import CountPrekeys, PrekeyCount, Welcome
from hushpost_wire.host import Host
from hushpost_wire.identifiers import AccountId, DeviceId

from tests.client_lib.transport_people import Ear, Ended, MemoryPins, person, posting, register

Random = Callable[[int], bytes]
FAST = Backoff(base_seconds=0.01, cap_seconds=0.05)


@pytest.fixture
async def host() -> AsyncIterator[Host]:
    """Run a real relay in memory and give its host."""
    configuration = Configuration(listen_port=0, store="memory", metrics=False)
    async with RelayServer(configuration) as relay:
        yield Host(relay.host)


async def test_a_posting_arrives_and_is_acknowledged(host: Host) -> None:
    """What is posted is delivered with the same bytes; once acknowledged it does not come again."""
    async with person(host) as bob:
        drop = await bob.make_drop()
        sent = posting(drop, time())
        verdict = await bob.inbox.submit(sent)
        await bob.ear.until_heard(Delivery)
        (delivery,) = bob.ear.deliveries()
        assert delivery.deliver.envelope == sent.envelope
        assert delivery.deliver.drop_ref == drop.reference()
        bob.inbox.acknowledge(delivery)
        assert (await verdict).accepted
        await bob.inbox.request(lambda number: CountPrekeys(id=number))
        await reconnect(bob.inbox)
        await bob.ear.until_heard(Welcome, 2)
        await bob.inbox.request(lambda number: CountPrekeys(id=number))
        assert len(bob.ear.deliveries()) == 1


async def reconnect(inbox: Inbox) -> None:
    """Cut the line under an inbox, as a network does."""
    link = inbox._link  # pyright: ignore[reportPrivateUsage]  # the line under it is what is cut
    assert link is not None
    link._socket.transport.abort()  # pyright: ignore[reportPrivateUsage]  # as above
    inbox.retry_now()
    await asyncio.wait((link.ended,))
    inbox.retry_now()


async def test_what_was_not_acknowledged_comes_again(host: Host) -> None:
    """After the line is cut the inbox logs in by itself and gets what it had not acknowledged."""
    async with person(host) as bob:
        drop = await bob.make_drop()
        (await bob.inbox.submit(posting(drop, time()))).cancel()
        await bob.ear.until_heard(Delivery)
        await reconnect(bob.inbox)
        await bob.ear.until_heard(Delivery, 2)
        old, new = bob.ear.deliveries()
        assert old.deliver.envelope == new.deliver.envelope
        bob.inbox.acknowledge(old)  # its connection is gone: nothing happens
        bob.inbox.acknowledge(new)
        answer = await bob.inbox.request(lambda number: CountPrekeys(id=number))
        assert isinstance(answer, PrekeyCount)


@pytest.mark.parametrize("genuine", [True, False])
async def test_nothing_is_handed_over_before_the_welcome_is_checked(
    host: Host, monkeypatch: pytest.MonkeyPatch, genuine: bool
) -> None:
    """Mail that comes with the welcome waits for its check; with a false one it is dropped."""

    async def check_slowly(link: Link, credentials: Credentials, *, random: Random) -> Welcome:
        welcome = await log_in(link, credentials, random=random)
        await asyncio.sleep(0.2)  # the backlog is here long before this ends
        if not genuine:
            raise RelayMisbehaved("the welcome is not the relay's")
        return welcome

    async with person(host) as bob:
        drop = await bob.make_drop()
        for _ in range(5):
            (await bob.inbox.submit(posting(drop, time()))).cancel()
        await bob.ear.until_heard(Delivery, 5)
        before = len(bob.ear.heard)
        monkeypatch.setattr(transport_inbox, "log_in", check_slowly)
        await reconnect(bob.inbox)
        await (bob.ear.until_heard(Delivery, 10) if genuine else asyncio.sleep(0.5))
        heard = [one for one in bob.ear.heard[before:] if isinstance(one, Welcome | Delivery)]
        assert [type(one) for one in heard] == ([Welcome] + [Delivery] * 5 if genuine else [])


@pytest.mark.parametrize(("steady_seconds", "counted"), [(3600.0, [1, 2, 3]), (0.0, [1, 1, 1])])
async def test_waits_grow_until_a_connection_was_steady(
    host: Host, monkeypatch: pytest.MonkeyPatch, steady_seconds: float, counted: list[int]
) -> None:
    """A relay that lets in and closes at once is dialled ever more rarely."""
    failures: list[int] = []

    def note(_self: Backoff, failed: int, _random: Random, _pause: Pause) -> float:
        failures.append(failed)
        return 0.01

    monkeypatch.setattr(transport_inbox, "STEADY_SECONDS_MIN", steady_seconds)
    monkeypatch.setattr(Backoff, "delay", note)
    async with person(host) as bob:
        for times in (2, 3, 4):
            await reconnect(bob.inbox)
            await bob.ear.until_heard(Welcome, times)
    assert failures[:3] == counted


async def test_a_login_of_a_stranger_is_refused(host: Host) -> None:
    """An account that the relay does not know is refused once, with what to do, and not retried."""
    credentials = Credentials(
        AccountId(bytes(32)), DeviceId(bytes(16)), DeviceKey.generate(random_bytes)
    )
    ear = Ear()
    inbox = Inbox(host, credentials, ear, pins=MemoryPins(), dial=Dial(), random=random_bytes)
    with pytest.raises(LoginRefused, match="Create the account again"):
        await inbox.run()
    (end,) = ear.ends()
    assert isinstance(end.error, LoginRefused)
    assert end.wait is None


async def test_a_second_login_displaces_the_first(host: Host) -> None:
    """The device that logs in again takes over; the first ends as displaced and stays away."""
    async with person(host) as bob:
        ear = Ear()
        second = Inbox(host, bob.credentials, ear, pins=bob.pins, dial=Dial(), random=random_bytes)
        task = asyncio.get_running_loop().create_task(second.run())
        await ear.until_heard(Welcome)
        with pytest.raises(LoginDisplaced, match="copy of this vault"):
            await asyncio.wait_for(asyncio.shield(bob.running), 5)
        await second.close()
        await task


async def test_a_relay_away_is_tried_again() -> None:
    """With no relay there the inbox reports each failure and its wait, and goes on trying."""
    configuration = Configuration(listen_port=0, store="memory", metrics=False)
    pins, ear = MemoryPins(), Ear()
    async with RelayServer(configuration) as relay:
        host = Host(relay.host)
        credentials, _ = await register(host, pins, Dial())
    inbox = Inbox(host, credentials, ear, pins=pins, dial=Dial(), random=random_bytes, backoff=FAST)
    task = asyncio.get_running_loop().create_task(inbox.run())
    await ear.until_heard(Ended, 3)
    with pytest.raises(RelayUnreachable, match="not connected"):
        await inbox.request(lambda number: CountPrekeys(id=number))
    for end in ear.ends():
        assert isinstance(end.error, RelayUnreachable)
        assert end.wait is not None
        assert 0 <= end.wait < FAST.cap_seconds
    await inbox.close()
    await task
    with pytest.raises(MisuseError, match="closed"):
        await inbox.request(lambda number: CountPrekeys(id=number))
    assert ear.ends()[-1] == Ended(None, None)


async def test_who_is_sent_away_waits_as_the_code_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A drain gives 1012, and the inbox spreads over the wider bound; a cut line does not."""
    pauses: list[Pause] = []

    def note(_self: Backoff, _failed: int, _random: Random, pause: Pause) -> float:
        pauses.append(pause)
        return 0.01

    monkeypatch.setattr(Backoff, "delay", note)
    settings = {"listen_port": 0, "store": "memory", "metrics": False}
    async with AsyncExitStack() as bobs:
        async with RelayServer(Configuration.model_validate(settings)) as relay:
            bob = await bobs.enter_async_context(person(Host(relay.host)))
            await reconnect(bob.inbox)
            await bob.ear.until_heard(Welcome, 2)
        await bob.ear.until_heard(Ended, 2)
    assert pauses[:2] == [NO_PAUSE, MOVED]


async def test_a_relay_that_stops_and_comes_back_is_reconnected_to(tmp_path: Path) -> None:
    """The same relay on the same port: the inbox logs in by itself, and mail arrives again."""
    kept = {"store": "sqlite", "data_folder": tmp_path, "metrics": False}
    async with AsyncExitStack() as bobs:
        async with RelayServer(Configuration.model_validate({"listen_port": 0, **kept})) as first:
            host, port = Host(first.host), int(first.host.rpartition(":")[2])
            bob = await bobs.enter_async_context(person(host, backoff=FAST))
            drop = await bob.make_drop()
        await bob.ear.until_heard(Ended, 2)
        (end, *_) = bob.ear.ends()
        assert isinstance(end.error, RelayUnreachable)
        again = Configuration.model_validate({"listen_port": port, **kept})
        async with RelayServer(again):
            await bob.ear.until_heard(Welcome, 2)
            sent = posting(drop, time())
            verdict = await bob.inbox.submit(sent)
            await bob.ear.until_heard(Delivery)
            (delivery,) = bob.ear.deliveries()
            assert delivery.deliver.envelope == sent.envelope
            bob.inbox.acknowledge(delivery)
            assert (await verdict).accepted
