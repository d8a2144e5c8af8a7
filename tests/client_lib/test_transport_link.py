"""One connection, against real WebSocket servers that behave and that do not."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from time import time

import pytest
from hushpost.errors import (
    LoginDisplaced,
    RelayIdentityChanged,
    RelayMisbehaved,
    RelayUnreachable,
    RelayVersionUnknown,
)
from hushpost.transport_dial import Dial
from hushpost.transport_inbox import Delivery
from hushpost.transport_link import Link, open_link
from hushpost_crypto.drops import Drop
from hushpost_crypto.keys import RelayKey
from hushpost_crypto.primitives import random_bytes
from hushpost_server.configuration import Configuration
from hushpost_server.relay import RelayServer
from hushpost_wire.control import (
    FetchDeviceList,
    Hello,
    Login,
    ProtocolRange,
    Registration,
    Role,
    encode_control,
)
from hushpost_wire.errors import NotInThisState
from hushpost_wire.frames import RefusalReason
from hushpost_wire.host import Host
from hushpost_wire.identifiers import AccountId, DeviceId, DropSecret, Signature
from hushpost_wire.limits import SUBPROTOCOL, Limits
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from tests.client_lib.transport_people import MemoryPins, person, posting

Script = Callable[[ServerConnection], Awaitable[None]]
RELAY_KEY = RelayKey.generate(random_bytes)


def hello(key: RelayKey = RELAY_KEY, version: int = 1, role: Role = Role.POST) -> str:
    """Greet as a relay does."""
    text = encode_control(
        Hello(
            protocol=ProtocolRange(min=version, max=version),
            role=role,
            host="127.0.0.1",
            relay_key=key.public_key(),
            handovers=(),
            nonce=bytes(32),
            hour=1,
            limits=Limits(),
            registration=Registration.OPEN,
        )
    )
    assert isinstance(text, str)
    return text


def hello_with(name: str, value: object) -> str:
    """Greet with one limit changed."""
    greeting = json.loads(hello())
    greeting["limits"][name] = value
    return json.dumps(greeting)


@asynccontextmanager
async def relay(script: Script, *, subprotocol: str = SUBPROTOCOL) -> AsyncGenerator[Host, None]:
    """Run a real WebSocket server that follows a script with each connection."""
    server = await serve(
        script, "127.0.0.1", 0, subprotocols=[Subprotocol(subprotocol)], compression=None
    )
    async with server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield Host(f"127.0.0.1:{port}")


async def link_to(host: Host, pins: MemoryPins | None = None) -> Link:
    """Open a post link."""
    return await open_link(
        host, Role.POST, dial=Dial(), pins=pins or MemoryPins(), random=random_bytes
    )


async def silent(connection: ServerConnection) -> None:
    """Greet and wait."""
    await connection.send(hello())
    await connection.wait_closed()


async def test_the_upgrade_names_nobody() -> None:
    """The client's request has the headers that WebSocket needs and no other."""
    seen: list[dict[str, str]] = []

    async def script(connection: ServerConnection) -> None:
        assert connection.request is not None
        seen.append(dict(connection.request.headers.raw_items()))
        await silent(connection)

    async with relay(script) as host:
        await (await link_to(host)).close()
    assert {name.lower() for name in seen[0]} == {
        "host",
        "upgrade",
        "connection",
        "sec-websocket-key",
        "sec-websocket-version",
        "sec-websocket-protocol",
    }


async def test_no_system_proxy_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that the environment names is ignored: the connection goes straight to the relay."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "socks_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with relay(silent) as host:
        link = await link_to(host)
        assert (await link.hello()).relay_key == RELAY_KEY.public_key()
        await link.close()


async def test_nobody_there_is_clear() -> None:
    """A port where nothing listens is told with what to do, at once."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(RelayUnreachable, match=r"hushpost-relay serve"):
        await link_to(Host(f"127.0.0.1:{port}"))


@pytest.mark.parametrize(
    "message",
    [
        "",
        "{}",
        "[]",
        "not json",
        '{"type":"done","id":1}',
        '{"type":"hello"}',
        b"",
        b"\x81\0\0\0\0\0\0\1",
        b"\x83" + bytes(43),
        b"\xff\xff",
        hello_with("submits_in_flight_max", 2**40),
        hello_with("deliveries_in_flight_max", 2**16 + 1),
        hello_with("mailbox_bytes_max", 10**30),
        hello_with("one_time_prekeys_batch_max", 2**31),
        hello_with("envelope_buckets", [64]),
        hello_with("ping_timeout_seconds", 0),
    ],
)
async def test_garbage_instead_of_a_greeting_is_reported(message: str | bytes) -> None:
    """Whatever comes before a valid greeting is RelayMisbehaved, and the connection is closed."""
    codes: list[int | None] = []

    async def script(connection: ServerConnection) -> None:
        await connection.send(message)
        await connection.wait_closed()
        codes.append(connection.close_code)

    async with relay(script) as host:
        with pytest.raises(RelayMisbehaved, match="Report it"):
            await link_to(host)
    assert codes == [4000]


@pytest.mark.parametrize(
    "message",
    [
        '{"type":"done","id":77}',
        '{"type":"done","id":1}',
        '{"type":"welcome"}',
        b"\x81\0\0\0\0\0\0\1",
        b"\x82\1\0\0\0\0\0\1\0\0\0\0",
        b"\x83" + bytes(43) + bytes(4096),
        b"\x01" * 77,
    ],
)
async def test_garbage_to_a_question_fails_the_question(message: str | bytes) -> None:
    """An answer that fits no question fails what was asked with RelayMisbehaved, and ends it."""

    async def script(connection: ServerConnection) -> None:
        await connection.send(hello())
        await connection.recv()
        await connection.send(message)
        await connection.wait_closed()

    async with relay(script) as host:
        link = await link_to(host)
        with pytest.raises(RelayMisbehaved):
            await ask(link)
        assert isinstance(await link.ended, RelayMisbehaved)
        with pytest.raises(RelayMisbehaved):
            await ask(link)
        await link.close()


async def ask(link: Link) -> object:
    """Ask for a device list."""
    return await link.request(
        lambda number: FetchDeviceList(id=number, account=AccountId(bytes(32)), after_version=0)
    )


async def test_a_message_over_the_limit_is_reported() -> None:
    """A message larger than the protocol allows is refused before it is read whole."""

    async def script(connection: ServerConnection) -> None:
        await connection.send(hello())
        await connection.send(bytes(70_000))
        await connection.wait_closed()

    async with relay(script) as host:
        link = await link_to(host)
        assert isinstance(await link.ended, RelayMisbehaved)
        await link.close()


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (4003, LoginDisplaced),
        (4001, RelayVersionUnknown),
        (1012, RelayUnreachable),
        (4999, RelayUnreachable),
        (4000, RelayMisbehaved),
    ],
)
async def test_each_close_has_its_error(code: int, error: type[Exception]) -> None:
    """The relay's close code decides which error ends the link and whatever waits on it."""

    async def script(connection: ServerConnection) -> None:
        await connection.send(hello())
        await connection.recv()
        await connection.close(code)

    async with relay(script) as host:
        link = await link_to(host)
        with pytest.raises(error):
            await ask(link)
        await link.close()


async def test_a_lost_line_fails_what_waits() -> None:
    """A connection cut without a close is RelayUnreachable to whoever waited."""

    async def script(connection: ServerConnection) -> None:
        await connection.send(hello())
        await connection.recv()
        connection.transport.abort()

    async with relay(script) as host:
        link = await link_to(host)
        with pytest.raises(RelayUnreachable):
            await ask(link)
        await link.close()


async def test_another_version_is_named() -> None:
    """A relay of another protocol version is told apart from a broken one."""

    async def script(connection: ServerConnection) -> None:
        await connection.send(hello(version=9))
        await connection.wait_closed()

    async with relay(script) as host:
        with pytest.raises(RelayVersionUnknown, match="update"):
            await link_to(host)


async def test_another_identity_is_refused_and_the_pin_stays() -> None:
    """A relay that shows another key is refused before anything is sent; the old pin is kept."""
    received: list[object] = []

    async def script(connection: ServerConnection) -> None:
        await connection.send(hello(RelayKey.generate(random_bytes)))
        received.extend([message async for message in connection])

    async with relay(script) as host:
        pins = MemoryPins()
        pins.keys[host] = RELAY_KEY.public_key()
        with pytest.raises(RelayIdentityChanged, match="Ask its operator"):
            await link_to(host, pins)
        assert pins.keys[host] == RELAY_KEY.public_key()
    assert received == []


async def test_a_redirect_is_not_followed() -> None:
    """A relay cannot send a client to another host: the redirect is refused, the host not asked."""
    asked: list[str] = []

    async def elsewhere(connection: ServerConnection) -> None:
        asked.append("asked")
        await silent(connection)

    async with relay(elsewhere) as other:

        def redirect(connection: ServerConnection, request: Request) -> Response:
            response = connection.respond(302, "")
            response.headers["Location"] = f"ws://{other}/v1/post"
            return response

        async with await serve(silent, "127.0.0.1", 0, process_request=redirect) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            with pytest.raises(RelayMisbehaved, match="HTTP 302"):
                await link_to(Host(f"127.0.0.1:{port}"))
    assert asked == []


@pytest.mark.parametrize(
    ("status", "error"), [(404, RelayMisbehaved), (200, RelayMisbehaved), (503, RelayUnreachable)]
)
async def test_another_server_is_recognised(status: int, error: type[Exception]) -> None:
    """A web server that is no relay is told apart from a relay that is busy."""

    def answer(connection: ServerConnection, _: Request) -> Response:
        return connection.respond(status, "")

    async with await serve(silent, "127.0.0.1", 0, process_request=answer) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        with pytest.raises(error, match=f"HTTP {status}"):
            await link_to(Host(f"127.0.0.1:{port}"))


async def test_a_server_that_speaks_no_http_is_recognised() -> None:
    """Something that answers with other bytes is no relay."""

    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"220 mail.example ESMTP\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(other, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(RelayMisbehaved, match="no hushpost relay"):
            await link_to(Host(f"127.0.0.1:{port}"))


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 10"])
async def test_a_connection_that_ends_before_the_answer_is_tried_again(said: bytes) -> None:
    """A relay that dies in the handshake, or a proxy before a dead one, has broken no protocol."""

    async def dying(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(said)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(dying, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(RelayUnreachable, match="may be restarting"):
            await link_to(Host(f"127.0.0.1:{port}"))


async def test_another_subprotocol_is_recognised() -> None:
    """A WebSocket server that does not choose our subprotocol is no relay."""
    async with relay(silent, subprotocol="chat") as host:
        with pytest.raises(RelayMisbehaved):
            await link_to(host)


async def test_a_request_not_for_this_endpoint_harms_nothing() -> None:
    """Asking on the wrong endpoint is an error of the caller, and the link goes on."""
    async with relay(silent) as host:
        link = await link_to(host)
        with pytest.raises(NotInThisState, match="not allowed"):
            await link.request(
                lambda number: Login(
                    id=number,
                    account=AccountId(bytes(32)),
                    device=DeviceId(bytes(16)),
                    protocol=1,
                    client_nonce=bytes(32),
                    signature=Signature(bytes(64)),
                )
            )
        assert not link.ended.done()
        await link.close()
        assert link.ended.result() is None


async def test_verdicts_of_a_real_relay_come_to_whom_they_belong() -> None:
    """Through a good and an unknown drop: each future hears its own verdict; then it drains."""
    configuration = Configuration(listen_port=0, store="memory", metrics=False)
    async with RelayServer(configuration) as server, person(Host(server.host)) as bob:
        link = await open_link(
            bob.host, Role.POST, dial=Dial(), pins=MemoryPins(), random=random_bytes
        )
        good = await bob.make_drop()
        unknown = Drop(bob.route, DropSecret(random_bytes(32)))
        verdicts = [await link.submit(posting(drop, time())) for drop in (good, unknown, good)]
        await bob.ear.until_heard(Delivery, 2)
        for delivery in bob.ear.deliveries():
            bob.inbox.acknowledge(delivery)
        told = await asyncio.gather(*verdicts)
        assert [verdict.accepted for verdict in told] == [True, False, True]
        assert told[1].reason is RefusalReason.NO_DROP
        assert link.protocol == 1
        await link.drain()
        assert link.ended.result() is None
        await link.close()
