"""Tests of hushpost_server.reception: back-pressure, and counting in and out."""

from __future__ import annotations

import asyncio

from hushpost_server.clock import ManualClock
from hushpost_server.relay import RelayServer
from hushpost_store.memory import MemoryStore
from hushpost_wire.frames import Accepted, encode_submit

from tests.server.conftest import quiet
from tests.server.device import TestDevice, dial, envelope_for
from tests.waiting import until


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
