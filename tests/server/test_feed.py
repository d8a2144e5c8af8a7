"""Tests of hushpost_server.feed: order and completeness under every way of falling behind."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hushpost_proof.harness.device import TestDevice, Wire, dial, envelope_for
from hushpost_server.clock import ManualClock
from hushpost_server.feed import EARLY_MAX, PAGE_ENVELOPES
from hushpost_server.relay import RelayServer
from hushpost_wire.frames import Accepted, Deliver, encode_submit

from tests.server.conftest import quiet


async def post_many(wire: Wire, device: TestDevice, secret: bytes, bodies: range) -> None:
    """Submit numbered envelopes without waiting for each, then wait for all."""
    for number in bodies:
        submit = envelope_for(device.route, secret, request=number, body=number.to_bytes(4096))
        await wire.socket.send(encode_submit(submit))
    waiting = len(bodies)
    while waiting:
        verdict = await wire.verdict()
        assert isinstance(verdict, Accepted)
        waiting -= len(verdict.requests)


async def numbers(wire: Wire, count: int, *, acknowledge: bool = True) -> list[int]:
    """Receive `count` deliveries and return their numbers."""
    got: list[int] = []
    for _ in range(count):
        delivery = await wire.wait_for(Deliver)
        got.append(int.from_bytes(delivery.envelope))
        if acknowledge:
            await wire.acknowledge(delivery)
    return got


@pytest.mark.parametrize("store", ["memory", "sqlite"])
async def test_a_backlog_of_several_pages_comes_in_order(
    clock: ManualClock, tmp_path: Path, store: str
) -> None:
    """More than a page and a window waits: everything comes once, in order."""
    count = PAGE_ENVELOPES * 3 + 5
    async with RelayServer(quiet(store=store, data_folder=tmp_path), clock=clock) as relay:
        device = TestDevice(relay.url)
        async with device.inbox(create=True) as inbox:
            secret = await device.open_drop(inbox)
        async with dial(relay.url, "/v1/post") as post:
            await post_many(post, device, secret, range(count))
        async with device.inbox() as inbox:
            assert await numbers(inbox, count) == list(range(count))


@pytest.mark.parametrize("store", ["memory", "sqlite"])
async def test_mail_that_comes_while_a_backlog_is_read_keeps_its_place(
    clock: ManualClock, tmp_path: Path, store: str
) -> None:
    """Live envelopes never overtake the backlog, and none is missed or doubled between them."""
    first, count = 200, 400
    async with RelayServer(quiet(store=store, data_folder=tmp_path), clock=clock) as relay:
        device = TestDevice(relay.url)
        async with device.inbox(create=True) as inbox:
            secret = await device.open_drop(inbox)
        async with dial(relay.url, "/v1/post") as post:
            await post_many(post, device, secret, range(first))
            async with device.inbox() as inbox:
                reading = asyncio.create_task(numbers(inbox, count))
                await post_many(post, device, secret, range(first, count))
                assert await reading == list(range(count))


async def test_a_full_window_waits_for_acknowledgements(clock: ManualClock) -> None:
    """No more than the window is in flight; acknowledging brings the rest, in order."""
    window, count = 8, EARLY_MAX + 60
    async with RelayServer(quiet(deliveries_in_flight_max=window), clock=clock) as relay:
        device = TestDevice(relay.url)
        async with device.inbox(create=True) as inbox, dial(relay.url, "/v1/post") as post:
            secret = await device.open_drop(inbox)
            await post_many(post, device, secret, range(count))
            held = [await inbox.wait_for(Deliver) for _ in range(window)]
            await device.open_drop(inbox)
            assert not [kept for kept in inbox.kept if isinstance(kept, Deliver)]
            await inbox.acknowledge(*held)
            assert await numbers(inbox, count - window) == list(range(window, count))


async def test_what_was_not_acknowledged_comes_again_in_order(relay: RelayServer) -> None:
    """A connection that dies gives everything in flight back to the queue."""
    device = TestDevice(relay.url)
    async with dial(relay.url, "/v1/post") as post:
        async with device.inbox(create=True) as inbox:
            secret = await device.open_drop(inbox)
            await post_many(post, device, secret, range(10))
            assert await numbers(inbox, 10, acknowledge=False) == list(range(10))
            inbox.socket.transport.abort()
        async with device.inbox() as inbox:
            assert await numbers(inbox, 10) == list(range(10))


async def test_an_expired_envelope_is_never_delivered(
    relay: RelayServer, clock: ManualClock
) -> None:
    """Even before the sweep a login does not get what is past its not_after."""
    device = TestDevice(relay.url)
    async with device.inbox(create=True) as inbox:
        secret = await device.open_drop(inbox)
    async with dial(relay.url, "/v1/post") as post:
        await post_many(post, device, secret, range(1))
    clock.advance(16 * 86_400)
    async with device.inbox() as inbox:
        await device.open_drop(inbox)
        assert not [kept for kept in inbox.kept if isinstance(kept, Deliver)]
