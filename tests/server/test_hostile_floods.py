"""Floods on real sockets: each costs its sender the connection, or its time, and nobody else."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from hushpost_proof.harness.device import TestDevice, dial, envelope_for
from hushpost_server.clock import ManualClock
from hushpost_server.frame_scanner import RAW_FRAMES_PER_READ_MAX
from hushpost_server.listener import LATE_BYTES_MAX
from hushpost_server.relay import RelayServer
from hushpost_wire.close_codes import CloseCode
from hushpost_wire.control import Error, ErrorCode, FetchDeviceList
from hushpost_wire.frames import Accepted, RefusalReason, Refused, encode_submit
from websockets.frames import Opcode

from tests.server.conftest import quiet
from tests.server.test_listener import HANDSHAKE, closed_with, masked, raw, still_serves

RATE_LIMITED = int(CloseCode.RATE_LIMITED).to_bytes(2)


@pytest.mark.parametrize("opcode", [Opcode.PING, Opcode.PONG])
async def test_a_flood_of_pings_is_closed_with_4006(relay: RelayServer, opcode: Opcode) -> None:
    """Sixty-four at once pass, as no client needs them; the next one ends the connection."""
    close = masked(b"\x03\xe8", Opcode.CLOSE)
    assert RATE_LIMITED not in await closed_with(relay, masked(b"", opcode) * 64 + close)
    assert RATE_LIMITED in await closed_with(relay, masked(b"", opcode) * 65)
    await still_serves(relay)


async def test_a_read_of_nothing_but_tiny_frames_is_not_even_parsed(relay: RelayServer) -> None:
    """More raw frames in one read than any proxy makes are answered by 4006 alone."""
    frames = await closed_with(relay, masked(b"", Opcode.PING) * (RAW_FRAMES_PER_READ_MAX + 1))
    assert RATE_LIMITED in frames
    assert b"\x8a\x00" not in frames, "a pong was sent for a flood"
    await still_serves(relay)


async def test_what_comes_after_our_close_is_passed_over(relay: RelayServer) -> None:
    """Frames that were on their way do no more; the peer's own close ends the connection."""
    async with raw(relay) as (reader, writer):
        writer.write(HANDSHAKE.format(path="/v1/post", more="").encode() + masked(b"?"))
        while int(CloseCode.PROTOCOL_ERROR).to_bytes(2) not in await reader.read(65536):
            continue
        writer.write(masked(b"", Opcode.PING) + masked(bytes(4096)) * 9)
        writer.write(masked(int(CloseCode.PROTOCOL_ERROR).to_bytes(2), Opcode.CLOSE))
        async with asyncio.timeout(2):
            assert await reader.read() == b"", "a closed connection answered"
    await still_serves(relay)


async def test_who_goes_on_sending_after_our_close_is_cut(relay: RelayServer) -> None:
    """Beyond what can honestly be on its way, nothing is read until the time to close is over."""
    async with raw(relay) as (reader, writer):
        writer.write(HANDSHAKE.format(path="/v1/post", more="").encode() + masked(b"?"))
        block, sent = masked(bytes(60_000)) * 10, 0
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(2):
                while sent < 4 * LATE_BYTES_MAX:
                    writer.write(block)
                    sent += len(block)
                    await writer.drain()
        assert LATE_BYTES_MAX <= sent < 4 * LATE_BYTES_MAX
        with contextlib.suppress(ConnectionError):
            await reader.read()
    await still_serves(relay)


async def test_who_submits_too_fast_is_told_and_then_left_unread(clock: ManualClock) -> None:
    """Over the rate comes SLOW_DOWN, and the next frame waits; it is served after the hold."""
    configuration = quiet(connection_submits_per_second=2, connection_submits_burst=2)
    async with RelayServer(configuration, clock=clock) as relay:
        device = TestDevice(relay.url)
        async with device.inbox(create=True) as inbox, dial(relay.url, "/v1/post") as post:
            secret = await device.open_drop(inbox)
            start = asyncio.get_running_loop().time()
            frames = [
                encode_submit(envelope_for(device.route, secret, request=number))
                for number in range(3)
            ]
            for frame in frames:
                await post.socket.send(frame)
            verdicts = [await post.verdict() for _ in range(2)]
            refused = next(v for v in verdicts if isinstance(v, Refused))
            assert refused.reason is RefusalReason.SLOW_DOWN
            late = envelope_for(device.route, secret, request=9)
            assert isinstance(await post.submit(late), Accepted)
            assert asyncio.get_running_loop().time() - start > 0.4


@pytest.mark.parametrize("not_after", [0, 2**32 - 1])
async def test_malformed_envelopes_count_for_the_rate_too(
    clock: ManualClock, not_after: int
) -> None:
    """What is refused before its drop is looked at costs tokens: a flood of it is held as well."""
    configuration = quiet(connection_submits_per_second=1, connection_submits_burst=3)
    async with (
        RelayServer(configuration, clock=clock) as relay,
        dial(relay.url, "/v1/post") as post,
    ):
        bad = envelope_for(b"r" * 16, b"s" * 32)._replace(not_after=not_after)
        for number in range(4):
            verdict = await post.submit(bad._replace(request=number))
            assert isinstance(verdict, Refused)
            assert verdict.reason is RefusalReason.BAD_TTL
        (connection,) = relay.reception._sessions  # pyright: ignore[reportPrivateUsage]
        assert connection.reading_paused


async def test_who_asks_too_fast_is_told_and_then_left_unread(clock: ManualClock) -> None:
    """Requests over the rate are answered slow_down, and the socket rests for a second."""
    configuration = quiet(connection_controls_per_second=1, connection_controls_burst=1)
    async with (
        RelayServer(configuration, clock=clock) as relay,
        dial(relay.url, "/v1/post") as post,
    ):
        start = asyncio.get_running_loop().time()
        codes: list[ErrorCode] = []
        for number in range(3):
            ask = FetchDeviceList(id=number, account=TestDevice("").account_id, after_version=0)
            codes.append((await post.ask(ask, Error)).code)
        assert codes[:2] == [ErrorCode.NO_ACCOUNT, ErrorCode.SLOW_DOWN]
        assert asyncio.get_running_loop().time() - start > 0.9
