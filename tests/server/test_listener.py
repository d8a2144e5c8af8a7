"""Tests of hushpost_server.listener: bytes on real sockets, legal and not."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from hushpost_proof.harness.device import TestDevice, dial, envelope_for
from hushpost_server.clock import ManualClock
from hushpost_server.handshake import HANDSHAKE_BYTES_MAX
from hushpost_server.listener import Connection
from hushpost_server.relay import RelayServer
from hushpost_wire.close_codes import CloseCode
from hushpost_wire.control import DropKind, Welcome
from hushpost_wire.frames import Accepted, Deliver, encode_submit
from hushpost_wire.limits import MESSAGE_BYTES_MAX
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.typing import Subprotocol

from tests.server.conftest import quiet
from tests.waiting import SECONDS_MAX

HANDSHAKE = (
    "GET {path} HTTP/1.1\r\nHost: relay\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Protocol: hushpost.v1\r\n{more}\r\n"
)


@asynccontextmanager
async def raw(
    relay: RelayServer,
) -> AsyncGenerator[tuple[asyncio.StreamReader, asyncio.StreamWriter], None]:
    """Open a TCP connection to the relay."""
    reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def answer_to(relay: RelayServer, request: bytes) -> bytes:
    """Send bytes and return everything the relay answers until it closes."""
    async with raw(relay) as (reader, writer):
        writer.write(request)
        return await asyncio.wait_for(reader.read(), 5)


async def closed_with(relay: RelayServer, data: bytes, path: str = "/v1/post") -> bytes:
    """Finish a handshake, send raw bytes, and return what came after the relay's hello."""
    request = HANDSHAKE.format(path=path, more="").encode()
    answer = await answer_to(relay, request + data)
    head, _, frames = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101")
    return frames


def masked(payload: bytes, opcode: Opcode = Opcode.BINARY, *, fin: bool = True) -> bytes:
    """Serialise a frame as a client does."""
    return Frame(opcode, payload, fin=fin).serialize(mask=True)


async def still_serves(relay: RelayServer) -> None:
    """Show that nothing else is disturbed: a stranger's envelope still reaches a device."""
    device = TestDevice(relay.url)
    async with device.inbox(create=True) as inbox, dial(relay.url, "/v1/post") as post:
        secret = await device.open_drop(inbox, DropKind.CONTACT)
        assert isinstance(await post.submit(envelope_for(device.route, secret)), Accepted)
        await inbox.wait_for(Deliver)


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        ("GET / HTTP/1.1", b"404"),
        ("GET /v1/post?x=1 HTTP/1.1", b"404"),
        ("GET /v1/inbox/ HTTP/1.1", b"404"),
        ("POST /v1/post HTTP/1.1", b"405"),
        ("HEAD /v1/post HTTP/1.1", b"405"),
        ("GET /v1/post HTTP/1.1", b"426"),
    ],
)
async def test_what_is_no_websocket_gets_a_small_http_answer(
    relay: RelayServer, request_line: str, status: bytes
) -> None:
    """Unknown paths, other methods and plain requests get a status, a sentence and no cookie."""
    answer = await answer_to(relay, f"{request_line}\r\nHost: relay\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert len(answer) < 600
    assert b"cookie" not in answer.lower()
    await still_serves(relay)


async def test_a_client_without_our_subprotocol_is_refused(relay: RelayServer) -> None:
    """Another subprotocol, or none, is a failed handshake and not a broken conversation."""
    for subprotocols in ([Subprotocol("chat")], None):
        with pytest.raises(InvalidStatus) as caught:
            async with connect(relay.url + "/v1/post", subprotocols=subprotocols, proxy=None):
                pass
        assert caught.value.response.status_code == 400


async def test_compression_is_never_agreed_to(relay: RelayServer) -> None:
    """A client that offers permessage-deflate gets a connection without it."""
    async with connect(
        relay.url + "/v1/post",
        subprotocols=[Subprotocol("hushpost.v1")],
        compression="deflate",
        proxy=None,
    ) as socket:
        assert socket.protocol.extensions == []


@pytest.mark.parametrize(
    "garbage", [b"\x16\x03\x01\x02\x00" * 20 + b"\n", b"hello\r\n\r\n", b"\x00" * 100 + b"\n"]
)
async def test_what_is_no_http_is_cut(relay: RelayServer, garbage: bytes) -> None:
    """Bytes that are no request end the connection without an answer."""
    assert await answer_to(relay, garbage) == b""
    await still_serves(relay)


async def test_an_endless_handshake_is_cut(relay: RelayServer) -> None:
    """More header bytes than any client sends are not gathered."""
    head = b"GET /v1/post HTTP/1.1\r\n"
    line = b"X: " + b"a" * 1000 + b"\r\n"
    answer = b""
    with contextlib.suppress(ConnectionResetError):  # cut while it was still being sent
        answer = await answer_to(relay, head + line * (HANDSHAKE_BYTES_MAX // len(line) + 2))
    assert answer == b""
    await still_serves(relay)


async def test_a_handshake_that_does_not_come_is_cut(clock: ManualClock) -> None:
    """A silent connection holds its place only as long as configured."""
    async with RelayServer(quiet(handshake_seconds_max=0.2), clock=clock) as relay:
        assert await answer_to(relay, b"GET /v1") == b""
        await still_serves(relay)


async def test_an_oversized_frame_closes_with_1009_before_it_arrives(relay: RelayServer) -> None:
    """A frame announced as larger than the limit ends the connection from its header alone."""
    header = bytes([0x82, 0xFF]) + (MESSAGE_BYTES_MAX + 1).to_bytes(8) + b"\0\0\0\0"
    assert (await closed_with(relay, header))[-200:].find(b"\x03\xf1") > 0
    await still_serves(relay)


@pytest.mark.parametrize(
    "data",
    [
        Frame(Opcode.BINARY, b"unmasked").serialize(mask=False),
        b"\xc2\x81\0\0\0\0x",
        b"\x83\x80\0\0\0\0",
        masked(b"1", fin=False) + masked(b"2"),
        masked(b"2", Opcode.CONT),
        b"\x89\xfe\x01\x00" + bytes(4 + 256),
    ],
    ids=["unmasked", "reserved bit", "unknown opcode", "interleaved", "lost start", "long ping"],
)
async def test_frames_against_the_rfc_close_with_1002(relay: RelayServer, data: bytes) -> None:
    """What RFC 6455 forbids ends that connection, and no other."""
    assert b"\x03\xea" in (await closed_with(relay, data))[-130:]
    await still_serves(relay)


async def test_a_truncated_frame_is_never_acted_upon(relay: RelayServer) -> None:
    """A frame whose connection ends in the middle of it is forgotten."""
    device = TestDevice(relay.url)
    async with device.inbox(create=True) as inbox:
        secret = await device.open_drop(inbox)
        whole = masked(encode_submit(envelope_for(device.route, secret)))
        async with raw(relay) as (reader, writer):
            writer.write(HANDSHAKE.format(path="/v1/post", more="").encode() + whole[:-1])
            await reader.readuntil(b"\r\n\r\n")
        async with dial(relay.url, "/v1/post") as post:
            second = envelope_for(device.route, secret)
            assert isinstance(await post.submit(second), Accepted)
        assert (await inbox.wait_for(Deliver)).envelope == second.envelope


async def test_a_fragmented_message_is_put_together(relay: RelayServer) -> None:
    """A proxy may fragment: the pieces count as one message."""
    device = TestDevice(relay.url)
    async with device.inbox(create=True) as inbox, dial(relay.url, "/v1/post") as post:
        secret = await device.open_drop(inbox)
        data = encode_submit(envelope_for(device.route, secret))
        await post.socket.send([data[:10], data[10:3000], data[3000:]])
        assert isinstance(await post.verdict(), Accepted)


async def test_endless_fragments_are_refused(relay: RelayServer) -> None:
    """Empty fragments cost memory: after a bounded number the connection is closed."""
    pieces = masked(b"", fin=False) + masked(b"", Opcode.CONT, fin=False) * 100
    assert int(CloseCode.PROTOCOL_ERROR).to_bytes(2) in await closed_with(relay, pieces)
    await still_serves(relay)


async def test_frames_in_the_same_packet_as_the_handshake_are_read(relay: RelayServer) -> None:
    """A client may send before it has seen the relay's answer."""
    ping = masked(b"early", Opcode.PING)
    frames = await closed_with(relay, ping + masked(b"\x03\xe8", Opcode.CLOSE))
    assert Frame(Opcode.PONG, b"early").serialize(mask=False) in frames


async def test_text_that_is_no_utf_8_closes_with_4000(relay: RelayServer) -> None:
    """Control messages are UTF-8."""
    frames = await closed_with(relay, masked(b"\xff\xfe", Opcode.TEXT))
    assert int(CloseCode.PROTOCOL_ERROR).to_bytes(2) in frames
    await still_serves(relay)


async def test_a_close_is_answered(relay: RelayServer) -> None:
    """The relay takes part in the closing handshake."""
    async with dial(relay.url, "/v1/post") as post:
        await post.socket.close(1000)
        assert post.socket.close_code == 1000


async def test_a_client_beyond_capacity_is_told_so(clock: ManualClock) -> None:
    """With all places taken the next client gets 4007, and a place as soon as one is free."""
    async with RelayServer(quiet(connections_max=1), clock=clock) as relay:
        async with dial(relay.url, "/v1/post"):
            with pytest.raises(ConnectionClosed) as caught:
                async with dial(relay.url, "/v1/post"):
                    pass
            assert caught.value.rcvd is not None
            assert caught.value.rcvd.code == CloseCode.AT_CAPACITY
        async with dial(relay.url, "/v1/post") as post:
            assert post.hello.host == relay.host


async def test_too_many_connections_of_one_prefix_are_told_so(clock: ManualClock) -> None:
    """One prefix cannot take all the places: it gets 4006."""
    relay = RelayServer(quiet(prefix_connections_max=1), clock=clock)
    async with relay, dial(relay.url, "/v1/post"):
        with pytest.raises(ConnectionClosed) as caught:
            async with dial(relay.url, "/v1/post"):
                pass
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == CloseCode.RATE_LIMITED


async def test_behind_a_proxy_limits_follow_the_address_it_names(clock: ManualClock) -> None:
    """Two clients of one proxy are two prefixes; a forged first entry changes nothing."""
    configuration = quiet(
        prefix_connections_max=1, behind_proxy=True, proxy_address_header="X-Forwarded-For"
    )
    relay = RelayServer(configuration, clock=clock)

    @asynccontextmanager
    async def via(address: str) -> AsyncGenerator[object, None]:
        async with connect(
            relay.url + "/v1/post",
            subprotocols=[Subprotocol("hushpost.v1")],
            additional_headers={"X-Forwarded-For": address},
            proxy=None,
        ) as socket:
            yield await socket.recv()

    async with relay, via("192.0.2.1"), via("1.1.1.1, 198.51.100.1"):
        with pytest.raises(ConnectionClosed):
            async with via("8.8.8.8, 192.0.2.7"):
                pass


async def test_a_slow_reader_is_closed_with_4004(
    clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who does not read is closed after its time; the envelopes wait for the next login."""
    failed = asyncio.Event()
    fail = Connection.fail

    def note(connection: Connection, code: CloseCode, reason: str = "") -> None:
        fail(connection, code, reason)
        failed.set()

    monkeypatch.setattr(Connection, "fail", note)
    # However busy the machine, the close is read before the relay gives up on its being read.
    monkeypatch.setattr("hushpost_server.listener.CLOSE_SECONDS_MAX", SECONDS_MAX)
    configuration = quiet(
        write_buffer_bytes_max=32 * 1024,
        slow_reader_seconds=0.3,
        deliveries_in_flight_max=4096,
        drop_bytes_max=64 << 20,
    )
    count = 700  # more than the kernel takes on both sides
    async with RelayServer(configuration, clock=clock) as relay:
        device = TestDevice(relay.url)
        async with dial(relay.url, "/v1/inbox") as inbox, dial(relay.url, "/v1/post") as post:
            await device.create_on(inbox)
            await inbox.ask(device.login(inbox), Welcome)
            secret = await device.open_drop(inbox)
            inbox.socket.transport.pause_reading()
            for request in range(count):
                body = request.to_bytes(16384)
                submit = envelope_for(device.route, secret, request=request, body=body)
                assert isinstance(await post.submit(submit), Accepted)
            await asyncio.wait_for(failed.wait(), SECONDS_MAX)
            inbox.socket.transport.resume_reading()
            assert await inbox.ended() == CloseCode.SLOW_READER
        assert relay.store.stats().queued_envelopes == count
