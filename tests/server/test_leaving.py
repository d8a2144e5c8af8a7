"""A relay of several that is told to stop, at its own sockets (docs/spec/wire.md, "Leaving").

Which other relays there are does not matter here, only that there may be some.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest
from hushpost_proof.harness.device import TestDevice, Wire, dial, envelope_for
from hushpost_server.clock import ManualClock
from hushpost_server.relay import RelayServer
from hushpost_store.interface import LoginWatcher, Shared
from hushpost_store.memory import MemoryStore
from hushpost_store.rows import ServiceMark
from hushpost_wire.close_codes import CloseCode
from hushpost_wire.frames import Accepted
from websockets.exceptions import ConnectionClosed

from tests.server.conftest import quiet
from tests.waiting import until

HEAD = (
    b"GET /v1/post HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: hushpost.v1\r\n"
)
CLIENTS = 40


class SharedMemory(MemoryStore):
    """A store in memory that says that other relays use it as well."""

    def watch(self, watcher: LoginWatcher) -> None:
        """Nobody else is there to tell of."""

    async def service(self) -> ServiceMark | None:
        """Nobody is known by anything."""
        return None

    async def claim_service(
        self, mine: ServiceMark, *, instead_of: ServiceMark | None
    ) -> ServiceMark:
        """Whoever asks may."""
        del instead_of
        return mine

    async def reach(self) -> None:
        """Be there always."""


def relay_of_several(clock: ManualClock, **changes: object) -> RelayServer:
    """Make a relay that may not be alone."""
    store = SharedMemory()
    assert isinstance(store, Shared)
    return RelayServer(quiet(**changes), clock=clock, store=store)


async def crowd(stack: AsyncExitStack, relay: RelayServer) -> list[Wire]:
    """Connect many anonymous clients."""
    return [await stack.enter_async_context(dial(relay.url, "/v1/post")) for _ in range(CLIENTS)]


async def post_until_sent_away(wire: Wire, device: TestDevice, secret: bytes) -> int:
    """Submit one envelope after another until the close; return how many were accepted."""
    accepted = 0
    while True:
        try:
            verdict = await wire.submit(envelope_for(device.route, secret, request=accepted + 1))
        except ConnectionClosed:
            return accepted
        assert isinstance(verdict, Accepted)
        accepted += 1
        await asyncio.sleep(0.05)


async def test_a_client_is_served_until_its_wave_comes(clock: ManualClock) -> None:
    """Each ends with 1012, after verdicts that were all ACCEPTED; the relay counts as many."""
    relay = relay_of_several(clock, drain_seconds=1.0)
    await relay.start()
    device = TestDevice(relay.url)
    async with AsyncExitStack() as stack:
        async with device.inbox(create=True) as inbox:
            secret = await device.open_drop(inbox)
        wires = await crowd(stack, relay)
        posting = [
            asyncio.create_task(post_until_sent_away(wire, device, secret)) for wire in wires
        ]
        stopping = asyncio.create_task(relay.stop())
        await until(lambda: any(task.done() for task in posting))
        assert not all(task.done() for task in posting)
        accepted = await asyncio.gather(*posting)
        await stopping
    assert relay.metrics.get("hushpost_accepted_total").value == sum(accepted)
    assert {wire.socket.close_code for wire in wires} == {CloseCode.DRAIN}
    # Who left late was served for longer than who left first.
    assert max(accepted) > min(accepted) + 2


async def test_told_twice_it_sends_all_away_at_once(clock: ManualClock) -> None:
    """Whoever waits for the end of a long departure may have it now; each is told 1012."""
    relay = relay_of_several(clock, drain_seconds=3_600.0)
    await relay.start()
    async with AsyncExitStack() as stack:
        wires = [wire for _ in range(5) for wire in await crowd(stack, relay)]
        ended = [asyncio.create_task(wire.ended()) for wire in wires]
        stopping = asyncio.create_task(relay.stop())
        await until(lambda: any(task.done() for task in ended))
        assert sum(task.done() for task in ended) < len(ended) / 2
        relay.hurry()
        # Ten seconds of waves are left.
        async with asyncio.timeout(5):
            assert set(await asyncio.gather(*ended)) == {CloseCode.DRAIN}
        await stopping


async def half_a_handshake(
    relay: RelayServer,
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect and send all of a request but its end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
    writer.write(HEAD)
    await writer.drain()
    return reader, writer


async def test_a_handshake_in_the_middle_is_turned_back_with_a_status(clock: ManualClock) -> None:
    """At once, while others are still served: it may come again in a second, here nobody may."""
    relay = relay_of_several(clock, drain_seconds=3_600.0)
    await relay.start()
    async with AsyncExitStack() as stack:
        await crowd(stack, relay)
        reader, writer = await half_a_handshake(relay)
        await until(lambda: len(relay.reception) == CLIENTS + 1)
        await asyncio.sleep(0.1)  # what is not read yet would have the system reset the connection
        stopping = asyncio.create_task(relay.stop())
        answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"Retry-After: 1\r\n" in answer
        assert len(relay.reception) > CLIENTS / 2
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", relay.port)
        writer.close()
        relay.hurry()
        await stopping


async def test_who_finishes_a_handshake_too_late_is_told_by_the_code(clock: ManualClock) -> None:
    """Behind a proxy a connection counts with its request: it is opened, and closed with 1012."""
    header = {"behind_proxy": True, "proxy_address_header": "X-Forwarded-For"}
    relay = relay_of_several(clock, drain_seconds=3_600.0, **header)
    await relay.start()
    async with AsyncExitStack() as stack:
        await crowd(stack, relay)
        reader, writer = await half_a_handshake(relay)
        await asyncio.sleep(0.1)
        stopping = asyncio.create_task(relay.stop())
        await asyncio.sleep(0)
        writer.write(b"X-Forwarded-For: 192.0.2.7\r\n\r\n")
        close = b"\x88\x02" + int(CloseCode.DRAIN).to_bytes(2)
        assert (await reader.readuntil(close)).startswith(b"HTTP/1.1 101 ")
        assert len(relay.reception) > CLIENTS / 2
        writer.close()
        relay.hurry()
        await stopping
