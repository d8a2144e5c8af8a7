"""Tests of hushpost_server.reception: back-pressure, and counting in and out."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import cast

import pytest
from hushpost_proof.harness.device import TestDevice, dial, envelope_for
from hushpost_server import reception
from hushpost_server.clock import ManualClock
from hushpost_server.reception import Reception
from hushpost_server.relay import RelayServer
from hushpost_server.session import Session
from hushpost_store.memory import MemoryStore
from hushpost_wire.close_codes import CloseCode
from hushpost_wire.frames import Accepted, encode_submit
from websockets.exceptions import ConnectionClosed

from tests.server.conftest import quiet
from tests.waiting import SECONDS_MAX, until


class BehindStore(MemoryStore):
    """A store that says it is behind for as long as the test wants."""

    def __init__(self) -> None:
        super().__init__()
        self.behind = False
        self.relieved = asyncio.Event()

    def under_pressure(self) -> bool:
        """Say what the test set."""
        return self.behind

    async def pressure_relieved(self) -> None:
        """Wait for the test."""
        await self.relieved.wait()


async def test_nothing_is_read_while_the_store_is_behind(clock: ManualClock) -> None:
    """Submissions wait in the senders' sockets, and are all served when the store caught up."""
    store = BehindStore()
    async with RelayServer(quiet(), clock=clock, store=store) as relay:
        device = TestDevice(relay.url)
        async with device.inbox(create=True) as inbox, dial(relay.url, "/v1/post") as post:
            secret = await device.open_drop(inbox)
            store.behind = True
            assert isinstance(await post.submit(envelope_for(device.route, secret)), Accepted)
            for request in (2, 3):
                submit = envelope_for(device.route, secret, request=request)
                await post.socket.send(encode_submit(submit))
            await until(lambda: relay.metrics.get("hushpost_intake_pauses_total").value == 1)
            await asyncio.sleep(0.1)  # nothing may come
            assert relay.metrics.get("hushpost_submitted_total").value == 1
            assert relay.metrics.get("hushpost_intake_pauses_total").value == 1
            store.behind = False
            store.relieved.set()
            answered: list[int] = []
            while len(answered) < 2:
                verdict = await post.verdict()
                assert isinstance(verdict, Accepted)
                answered += verdict.requests
            assert answered == [2, 3]


async def test_connections_are_counted_out_as_they_were_counted_in(relay: RelayServer) -> None:
    """After everybody left, by a close or by a cut, nothing is held."""
    device = TestDevice(relay.url)
    async with device.inbox(create=True), dial(relay.url, "/v1/post") as post:
        assert len(relay.reception) == 2
        post.socket.transport.abort()
    await until(lambda: len(relay.reception) == 0)
    assert len(relay.services.presence) == 0
    assert relay.metrics.get("hushpost_connections", "post").value == 0
    assert relay.metrics.get("hushpost_connections", "inbox").value == 0
    assert relay.metrics.get("hushpost_closes_total", "lost").value == 1


async def test_the_silent_are_pinged_and_then_cut_and_counted_out(
    clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only so many are held; one that answers pings stays, and room comes when the silent go."""
    answered = asyncio.Event()
    note_pong = Session.pong

    def pong(session: Session) -> None:
        note_pong(session)
        answered.set()

    monkeypatch.setattr(Session, "pong", pong)
    async with RelayServer(quiet(connections_max=1), clock=clock) as relay:
        async with dial(relay.url, "/v1/post") as alive:
            with pytest.raises(ConnectionClosed) as turned_away:
                async with dial(relay.url, "/v1/post"):
                    pass
            assert turned_away.value.rcvd is not None
            assert turned_away.value.rcvd.code == CloseCode.AT_CAPACITY
            clock.advance(alive.hello.limits.ping_interval_seconds)
            relay.reception.check_deadlines(clock.now(), everyone=True)
            await asyncio.wait_for(answered.wait(), SECONDS_MAX)
            assert relay.metrics.get("hushpost_rejected_total").value == 1
            relay.reception.drain()
            assert await alive.ended() == CloseCode.DRAIN
        await until(lambda: len(relay.reception) == 0)


async def test_freed_memory_is_overwritten_after_connections_ended_and_not_before(
    relay: RelayServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An open connection costs nothing; after its end one overwriting follows, in all its steps."""
    steps: list[int] = []

    def overwrite_pools() -> Iterator[None]:
        for number in range(3):
            steps.append(number)
            yield

    monkeypatch.setattr(reception, "overwrite_pools", overwrite_pools)
    async with dial(relay.url, "/v1/post"):
        await relay.reception.overwrite_freed()
        assert steps == []
    await until(lambda: len(relay.reception) == 0)
    await relay.reception.overwrite_freed()
    await relay.reception.overwrite_freed()
    assert steps == [0, 1, 2]


async def test_who_posts_is_not_read_while_posts_are_stopped(relay: RelayServer) -> None:
    """Who was there and who comes meanwhile; who only listens is heard, and all when it is over."""
    device = TestDevice(relay.url)
    async with device.inbox(create=True) as inbox, dial(relay.url, "/v1/post") as early:
        secret = await device.open_drop(inbox)
        assert isinstance(await early.submit(envelope_for(device.route, secret)), Accepted)
        relay.reception.stop_posts()
        async with dial(relay.url, "/v1/post") as late:
            waiting = [
                asyncio.create_task(post.submit(envelope_for(device.route, secret, request=number)))
                for number, post in ((2, early), (3, late))
            ]
            await device.open_drop(inbox)
            await asyncio.sleep(0.1)  # nothing may come
            assert relay.metrics.get("hushpost_submitted_total").value == 1
            relay.reception.resume_posts()
            verdicts = await asyncio.gather(*waiting)
            assert all(isinstance(verdict, Accepted) for verdict in verdicts)


async def test_clients_are_sent_away_in_waves_unless_somebody_is_in_a_hurry(
    relay: RelayServer,
) -> None:
    """Within the time each is told to go elsewhere; a hurry leaves that to who cuts next."""
    hurry = asyncio.Event()
    async with dial(relay.url, "/v1/post") as one, dial(relay.url, "/v1/post") as other:
        hurry.set()
        await relay.reception.send_away(60.0, bytes, hurry)
        assert len(relay.reception) == 2
        hurry.clear()
        await relay.reception.send_away(0.3, bytes, hurry)
        assert [await one.ended(), await other.ended()] == [CloseCode.DRAIN] * 2


async def test_one_prefix_gets_no_more_than_its_connections(clock: ManualClock) -> None:
    """The next one is told so after its handshake, and counted out again."""
    async with RelayServer(quiet(prefix_connections_max=1), clock=clock) as relay:
        async with dial(relay.url, "/v1/post"):
            with pytest.raises(ConnectionClosed) as turned_away:
                async with dial(relay.url, "/v1/post"):
                    pass
            assert turned_away.value.rcvd is not None
            assert turned_away.value.rcvd.code == CloseCode.RATE_LIMITED
            assert relay.metrics.get("hushpost_rejected_total").value == 1
        await until(lambda: len(relay.reception) == 0)


def test_behind_a_proxy_its_own_word_counts() -> None:
    """What stands before the last entry was written by the client, who may write anything."""
    address = Reception.client_address
    here = cast("Reception", None)
    assert address(here, None, "198.51.100.7") == "198.51.100.7"
    assert address(here, "203.0.113.9", "10.0.0.1") == "203.0.113.9"
    assert address(here, "198.51.100.7, 203.0.113.9 ", "10.0.0.1") == "203.0.113.9"


async def test_a_clock_set_back_leaves_nobody_unwatched(
    relay: RelayServer, clock: ManualClock
) -> None:
    """The silent are pinged as long after it as ever, not only when it is then again."""
    async with dial(relay.url, "/v1/post") as silent:
        (session,) = relay.reception._sessions.values()  # pyright: ignore[reportPrivateUsage] - its machine
        clock.advance(-86_400)
        relay.reception.check_deadlines(clock.now(), everyone=True)
        interval = silent.hello.limits.ping_interval_seconds
        assert clock.now() < session.machine.next_deadline() <= clock.now() + interval


async def test_a_session_that_fails_is_closed_alone(
    relay: RelayServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Its state is unknown; what is told is a class and a place."""
    async with dial(relay.url, "/v1/post") as one, dial(relay.url, "/v1/post") as other:
        first = next(iter(relay.reception._sessions.values()))  # pyright: ignore[reportPrivateUsage] - any
        relay.reception.session_failed(first, LookupError("alice@example.org"))
        await until(lambda: len(relay.reception) == 1)
        codes = {wire.socket.close_code for wire in (one, other)}
        assert codes == {CloseCode.GOING_AWAY, None}
    assert "connection_failed" in caplog.text
    assert "alice" not in caplog.text
