"""Tests of hushpost_server.quiet_submits on a live relay: what is answered, and when."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hushpost_proof.harness.device import TestDevice, Wire, dial, envelope_for
from hushpost_server.answer_tick import TICK_SECONDS
from hushpost_server.clock import ManualClock
from hushpost_server.errors import StoreUnfit
from hushpost_server.relay import RelayServer
from hushpost_store.memory import MemoryStore
from hushpost_wire.control import Error, ErrorCode, TakePrekeys
from hushpost_wire.frames import (
    ACCEPTED,
    Accepted,
    Deliver,
    RefusalReason,
    Refused,
    decode_to_client,
    encode_submit,
)
from hushpost_wire.identifiers import AccountId
from hushpost_wire.ttl import TtlClass

from tests.server.conftest import quiet


@pytest.fixture
async def relay(clock: ManualClock, tmp_path: Path) -> AsyncIterator[RelayServer]:
    """Give a quiet relay with its mail on disk."""
    configuration = quiet(quiet=True, store="sqlite", data_folder=tmp_path / "relay")
    async with RelayServer(configuration, clock=clock) as running:
        yield running


async def begin_of_tick() -> None:
    """Wait for a moment early in a tick."""
    await asyncio.sleep(TICK_SECONDS - time.monotonic() % TICK_SECONDS + 0.02)


def counted(relay: RelayServer, name: str, label: str = "") -> float:
    """Return a counter of the relay."""
    return relay.metrics.get(name, label).value


async def test_all_answers_of_a_tick_leave_together_in_order(relay: RelayServer) -> None:
    """Accepted, unknown, unfit, ephemeral and an error: one write, refusals in their order."""
    device = TestDevice(relay.url)
    async with device.inbox(create=True) as inbox, dial(relay.url, "/v1/post") as post:
        secret = await device.open_drop(inbox)
        took = TakePrekeys(id=0, account=AccountId(bytes(32)))
        posted = [
            envelope_for(device.route, secret, request=1),
            envelope_for(device.route, bytes(32), request=2),
            envelope_for(device.route, secret, request=3)._replace(not_after=1),
            envelope_for(device.route, secret, request=4, ttl=TtlClass.EPHEMERAL),
            envelope_for(device.route, secret, request=5, body=bytes(9)),
        ]
        await begin_of_tick()
        tick = time.monotonic() // TICK_SECONDS
        for submit in posted:
            await post.socket.send(encode_submit(submit))
        await post.send(took)
        first = await inbox.wait_for(Deliver)
        assert time.monotonic() // TICK_SECONDS == tick
        await inbox.acknowledge(first)
        got = [await post.socket.recv() for _ in range(5)]
        assert time.monotonic() // TICK_SECONDS > tick
    refused = [decode_to_client(m) for m in got if isinstance(m, bytes) and m[0] != ACCEPTED]
    assert refused == [
        Refused(RefusalReason.NO_DROP, 2, 0),
        Refused(RefusalReason.BAD_TTL, 3, 0),
        Refused(RefusalReason.BAD_ENVELOPE, 5, 0),
    ]
    assert isinstance(got[-1], bytes)
    assert decode_to_client(got[-1]) == Accepted((1, 4))
    assert [m for m in got if isinstance(m, str)] == ['{"type":"error","id":0,"code":"no_account"}']
    assert relay.store.stats().withdrawn_envelopes == 1
    assert counted(relay, "hushpost_refused_total", "bad_ttl") == 1


async def answer_time(wire: Wire, device: TestDevice, secret: bytes) -> float:
    """Post one envelope early in a tick and return the seconds to its answer."""
    await begin_of_tick()
    began = time.monotonic()
    verdict = await wire.submit(envelope_for(device.route, secret))
    assert isinstance(verdict, Accepted)
    return time.monotonic() - began


async def test_a_device_that_posts_is_answered_on_the_tick_too(relay: RelayServer) -> None:
    """A logged-in connection learns no sooner than a post what becomes of an envelope."""
    device, other = TestDevice(relay.url), TestDevice(relay.url)
    async with device.inbox(create=True) as inbox, other.inbox(create=True) as posting:
        secret = await device.open_drop(inbox)
        waited = await answer_time(posting, device, secret)
        assert waited > TICK_SECONDS


async def test_what_nobody_acknowledges_is_committed_before_it_is_accepted(
    relay: RelayServer,
) -> None:
    """ACCEPTED means the disk where no acknowledgement came; the next login finds it."""
    device = TestDevice(relay.url)
    async with dial(relay.url, "/v1/post") as post:
        async with device.inbox(create=True) as inbox:
            secret = await device.open_drop(inbox)
        submit = envelope_for(device.route, secret)
        await post.socket.send(encode_submit(submit))
        assert relay.store.stats().committed_envelopes == 0
        assert isinstance(await post.verdict(), Accepted)
        assert relay.store.stats().committed_envelopes == 1
        async with device.inbox() as inbox:
            assert (await inbox.wait_for(Deliver)).envelope == submit.envelope


async def test_a_login_finds_what_is_still_held(relay: RelayServer) -> None:
    """Who connects before the commit gets the envelope at once, and may acknowledge it away."""
    device = TestDevice(relay.url)
    async with dial(relay.url, "/v1/post") as post:
        async with device.inbox(create=True) as inbox:
            secret = await device.open_drop(inbox)
        await begin_of_tick()
        await post.socket.send(encode_submit(envelope_for(device.route, secret)))
        async with device.inbox() as inbox:
            await inbox.acknowledge(await inbox.wait_for(Deliver))
            assert isinstance(await post.verdict(), Accepted)
        assert relay.store.stats().withdrawn_envelopes == 1


async def test_a_stop_answers_who_still_waits(clock: ManualClock, tmp_path: Path) -> None:
    """A relay that drains answers on its ticks, and has committed what it accepted."""
    configuration = quiet(quiet=True, store="sqlite", data_folder=tmp_path / "relay")
    relay = RelayServer(configuration, clock=clock)
    await relay.start()
    device = TestDevice(relay.url)
    async with dial(relay.url, "/v1/post") as post:
        async with device.inbox(create=True) as inbox:
            secret = await device.open_drop(inbox)
        await post.socket.send(encode_submit(envelope_for(device.route, secret)))
        while not counted(relay, "hushpost_submitted_total"):  # noqa: ASYNC110 - no event tells it
            await asyncio.sleep(0.001)
        stopping = asyncio.create_task(relay.stop())
        assert await post.verdict() == Accepted((1,))
        assert await post.ended() == 1012
        await stopping
    async with RelayServer(configuration, clock=clock) as again:
        assert again.store.stats().queued_envelopes == 1


async def test_who_is_over_the_rate_is_told_on_the_tick(clock: ManualClock) -> None:
    """SLOW_DOWN waits like any other answer, for envelopes and for requests."""
    configuration = quiet(
        quiet=True,
        connection_submits_burst=1,
        connection_submits_per_second=0.5,
        connection_controls_burst=1,
        connection_controls_per_second=0.5,
    )
    async with RelayServer(configuration, clock=clock) as relay, dial(relay.url, "/v1/post") as a:
        await begin_of_tick()
        began = time.monotonic()
        for request in (1, 2):
            await a.socket.send(encode_submit(envelope_for(bytes(16), bytes(32), request=request)))
            await a.send(TakePrekeys(id=request, account=AccountId(bytes(32))))
        codes = {(await a.wait_for(Error)).code for _ in range(2)}
        verdicts = [await a.verdict() for _ in range(2)]
        assert time.monotonic() - began > TICK_SECONDS
    assert codes == {ErrorCode.NO_ACCOUNT, ErrorCode.SLOW_DOWN}
    assert [v.reason for v in verdicts if isinstance(v, Refused)] == [
        RefusalReason.NO_DROP,
        RefusalReason.SLOW_DOWN,
    ]


async def test_at_the_memory_bound_posts_wait_and_nothing_is_refused(
    clock: ManualClock, tmp_path: Path
) -> None:
    """A flood beyond the bound is accepted whole, a tick later; who listens is still read."""
    configuration = quiet(
        quiet=True,
        store="sqlite",
        data_folder=tmp_path / "relay",
        quiet_bytes_max=1 << 20,
        connection_submits_per_second=0,
        drop_envelopes_max=2000,
        drop_bytes_max=64 << 20,
    )
    async with RelayServer(configuration, clock=clock) as relay:
        device = TestDevice(relay.url)
        async with device.inbox(create=True) as inbox:
            secret = await device.open_drop(inbox)
        async with dial(relay.url, "/v1/post") as one, dial(relay.url, "/v1/post") as two:
            for wire in (one, two):
                for request in range(250):
                    await wire.socket.send(
                        encode_submit(envelope_for(device.route, secret, request=request))
                    )
            async with dial(relay.url, "/v1/post") as late:
                await late.socket.send(encode_submit(envelope_for(device.route, secret)))
                for wire, number in ((one, 250), (two, 250), (late, 1)):
                    accepted: list[int] = []
                    while len(accepted) < number:
                        verdict = await wire.verdict()
                        assert isinstance(verdict, Accepted)
                        accepted += verdict.requests
                    assert accepted == sorted(accepted)
        assert counted(relay, "hushpost_quiet_stops_total") >= 1
        assert counted(relay, "hushpost_intake_pauses_total") == 0
        assert relay.store.stats().queued_envelopes == 501


async def test_a_store_that_cannot_hold_is_refused(clock: ManualClock) -> None:
    """A quiet relay does not start over a store without the means, and says what to do."""

    class Unable(MemoryStore):
        def __init__(self) -> None:
            super().__init__()
            del self.commit_hold

    with pytest.raises(StoreUnfit, match="quiet = false"):
        await RelayServer(quiet(quiet=True), clock=clock, store=Unable()).start()
    # Without the profile it serves; its refusals then wait for no probe.
    relay = RelayServer(quiet(), clock=clock, store=Unable())
    async with relay, dial(relay.url, "/v1/post") as post:
        verdict = await post.submit(envelope_for(bytes(16), bytes(32)))
        assert isinstance(verdict, Refused)
