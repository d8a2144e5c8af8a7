"""Crowds on real sockets: who comes too early waits or is told so, and nobody is cut in silence."""

from __future__ import annotations

import asyncio

import pytest
from hushpost_proof.harness.device import TestDevice, dial, envelope_for
from hushpost_server import reception
from hushpost_server.clock import ManualClock
from hushpost_server.handshake import BUSY
from hushpost_server.relay import RelayServer
from hushpost_wire.control import Error, ErrorCode
from hushpost_wire.frames import Accepted, Refused

from tests.server.conftest import quiet
from tests.server.test_listener import HANDSHAKE, raw, still_serves

UPGRADE = HANDSHAKE.format(path="/v1/post", more="").encode()


async def answer(relay: RelayServer) -> bytes:
    """Ask for the upgrade and return the first line of the answer."""
    async with raw(relay) as (reader, writer):
        writer.write(UPGRADE)
        return await reader.readline()


async def test_handshakes_beyond_the_rate_wait_their_turn(clock: ManualClock) -> None:
    """Forty at once are all served, those beyond the burst at the rate and no sooner."""
    async with RelayServer(quiet(connects_per_second=50), clock=clock) as relay:
        began = asyncio.get_running_loop().time()
        lines = await asyncio.gather(*(answer(relay) for _ in range(40)))
        assert {line[:12] for line in lines} == {b"HTTP/1.1 101"}
        assert asyncio.get_running_loop().time() - began > 0.3


async def test_who_finds_the_door_full_is_told_to_come_again(
    clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind those that wait everybody gets 503 with Retry-After, unread; later all are served."""
    monkeypatch.setattr(reception, "DOOR_WAITING_MAX", 5)
    async with RelayServer(quiet(connects_per_second=20), clock=clock) as relay:
        lines = await asyncio.gather(*(answer(relay) for _ in range(60)))
        first = BUSY.partition(b"\r\n")[0] + b"\r\n"
        assert lines.count(first) >= 20
        assert len(lines) - lines.count(first) >= 25
        assert b"" not in lines, "somebody was cut without a word"
        assert b"Retry-After: " in BUSY
        await asyncio.sleep(0.1)
        await still_serves(relay)


async def test_a_connection_that_waited_can_still_be_held(clock: ManualClock) -> None:
    """What the door kept is served in order, and flow control works on it as on any other."""
    configuration = quiet(
        connects_per_second=20, connection_submits_per_second=1, connection_submits_burst=2
    )
    async with RelayServer(configuration, clock=clock) as relay:
        await asyncio.gather(*(answer(relay) for _ in range(25)))
        async with dial(relay.url, "/v1/post") as post:
            for number in range(4):
                bad = envelope_for(b"r" * 16, b"s" * 32, request=number)
                assert isinstance(await post.submit(bad), Refused)
                if any(c.reading_paused for c in relay.reception._sessions):  # pyright: ignore[reportPrivateUsage]
                    break
            else:
                pytest.fail("a connection that waited at the door is read whatever it sends")


async def test_accounts_are_bounded_for_everybody_together(clock: ManualClock) -> None:
    """The burst is made; the next one is told how long to wait, wherever it comes from."""
    configuration = quiet(accounts_per_second=0.5, accounts_burst=2)
    async with RelayServer(configuration, clock=clock) as relay:
        for _ in range(2):
            async with TestDevice(relay.url).inbox(create=True):
                pass
        device = TestDevice(relay.url)
        async with dial(relay.url, "/v1/inbox") as wire:
            error = await wire.ask(device.creation(wire), Error)
            assert error.code is ErrorCode.SLOW_DOWN
            assert error.retry_after


async def test_who_sends_much_is_served_in_turn_and_loses_nothing(clock: ManualClock) -> None:
    """Far more than is modest, within the rate: every envelope is accepted."""
    async with RelayServer(quiet(), clock=clock) as relay:
        device = TestDevice(relay.url)
        async with device.inbox(create=True) as inbox, dial(relay.url, "/v1/post") as post:
            secret = await device.open_drop(inbox)
            for number in range(120):
                verdict = await post.submit(envelope_for(device.route, secret, request=number))
                assert isinstance(verdict, Accepted)
