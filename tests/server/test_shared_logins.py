"""Two relays on one Redis: a device logs in at either, and an envelope is posted at either."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hushpost_demo.redis_servers import is_installed, redis_server
from hushpost_proof.harness.device import TestDevice, dial, envelope_for
from hushpost_server.clock import ManualClock
from hushpost_server.relay import RelayServer
from hushpost_store.quotas import Quotas
from hushpost_store.redis import wake_ups
from hushpost_store.redis.options import RedisOptions
from hushpost_store.redis.store import RedisStore
from hushpost_wire.close_codes import CloseCode
from hushpost_wire.frames import Accepted, Deliver, encode_submit

from tests.conftest import require_or_skip
from tests.server.conftest import quiet


@asynccontextmanager
async def relays(folder: Path, clock: ManualClock, count: int) -> AsyncGenerator[list[RelayServer]]:
    """Run relays of one public host on one Redis."""
    require_or_skip(is_installed(), "Redis is not installed: apt-get install redis-server")
    async with redis_server(folder / "redis") as server, AsyncExitStack() as stack:
        running: list[RelayServer] = []
        for number in range(count):
            options = replace(RedisOptions(server.url), node=f"node-{number}")
            store = RedisStore(options, Quotas(), clock.now)
            configuration = quiet(public_host="relay.test")
            relay = RelayServer(configuration, clock=clock, store=store)
            running.append(await stack.enter_async_context(relay))
        yield running


async def post_at(relay: RelayServer, device: TestDevice, secret: bytes, bodies: range) -> None:
    """Submit numbered envelopes at a relay, each after the verdict of the one before."""
    async with dial(relay.url, "/v1/post") as wire:
        for number in bodies:
            submit = envelope_for(
                device.route, secret, request=number + 1, body=number.to_bytes(4096)
            )
            await wire.socket.send(encode_submit(submit))
            assert isinstance(await wire.verdict(), Accepted)


async def test_an_envelope_posted_at_one_relay_is_delivered_at_another(
    tmp_path: Path, clock: ManualClock
) -> None:
    """Once each, none missing, though two relays take in at the same time."""
    async with relays(tmp_path, clock, 2) as (one, other):
        device = TestDevice(one.url)
        async with device.inbox(create=True) as inbox:
            secret = await device.open_drop(inbox)
            await asyncio.gather(
                post_at(one, device, secret, range(40)),
                post_at(other, device, secret, range(100, 140)),
            )
            got: list[int] = []
            for _ in range(80):
                delivery = await inbox.wait_for(Deliver)
                got.append(int.from_bytes(delivery.envelope))
                await inbox.acknowledge(delivery)
        assert sorted(got) == [*range(40), *range(100, 140)]
        assert [number for number in got if number < 100] == [*range(40)]
        assert [number for number in got if number >= 100] == [*range(100, 140)]


async def test_a_lost_hint_costs_a_moment(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without hints the relay looks, and delivers all the same."""

    def unheard(_self: object, _node: bytes, _payload: bytes) -> None:
        """Lose every hint."""

    monkeypatch.setattr(wake_ups.WakeUps, "_tell", unheard)
    async with relays(tmp_path, clock, 2) as (one, other):
        device = TestDevice(one.url)
        async with device.inbox(create=True) as inbox:
            secret = await device.open_drop(inbox)
            await post_at(other, device, secret, range(3))
            async with asyncio.timeout(10):
                got = [await inbox.wait_for(Deliver) for _ in range(3)]
        assert [int.from_bytes(delivery.envelope) for delivery in got] == [0, 1, 2]


async def test_a_device_that_moves_is_displaced_where_it_was(
    tmp_path: Path, clock: ManualClock
) -> None:
    """The old relay closes it as displaced; what it had not acknowledged comes at the new one."""
    async with relays(tmp_path, clock, 2) as (one, other):
        device = TestDevice(one.url)
        async with device.inbox(create=True) as inbox:
            secret = await device.open_drop(inbox)
            await post_at(one, device, secret, range(2))
            first = await inbox.wait_for(Deliver)
            device.url = other.url
            async with device.inbox() as elsewhere:
                async with asyncio.timeout(10):
                    assert await inbox.ended() == CloseCode.DISPLACED
                got = [await elsewhere.wait_for(Deliver) for _ in range(2)]
        assert int.from_bytes(first.envelope) == 0
        assert [int.from_bytes(delivery.envelope) for delivery in got] == [0, 1]


async def test_a_login_that_ended_elsewhere_displaces_nobody(
    tmp_path: Path, clock: ManualClock
) -> None:
    """A login carried out late, and over at once: the device is told to come again, not to stay."""
    async with relays(tmp_path, clock, 2) as (one, other):
        device = TestDevice(one.url)
        async with device.inbox(create=True) as inbox:
            assert other.store is not None
            late = await other.store.open_mailbox(device.route, clock.now())
            other.store.close_mailbox(device.route, late.epoch)
            assert await inbox.ended() == CloseCode.GOING_AWAY
