"""A real relay on loopback, real clients, and between them a proxy that may tamper."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from hushpost import Client, Contact, Event, KnockReceived, MessageReceived
from hushpost.engine.own_account import OwnAccount, own_account
from hushpost.running import Running
from hushpost_server.configuration import Configuration
from hushpost_server.relay import RelayServer
from websockets.asyncio.client import connect
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

KEY = bytes(range(32))
E = TypeVar("E")

Message = str | bytes
# Gives what to pass on instead of one message of the relay, by the endpoint's path.
Tamper = Callable[[str, Message], list[Message]]


class MovedClock:
    """The system's clock and as much as a test puts on top."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def now(self) -> float:
        """Give seconds since the epoch."""
        return time.time() + self.ahead


@asynccontextmanager
async def relay(clock: MovedClock | None = None, **settings: object) -> AsyncGenerator[RelayServer]:
    """Serve a relay with a memory store on a free port."""
    values: dict[str, object] = {"listen_port": 0, "store": "memory", "metrics": False}
    configuration = Configuration.model_validate(values | settings)
    async with RelayServer(configuration, clock=clock or MovedClock()) as server:
        yield server


async def person(
    folder: Path, name: str, url: str, *, knocks: bool = True, clock: MovedClock | None = None
) -> Client:
    """Make an account, named and kept after the person."""
    now = time.time if clock is None else clock.now
    path = folder / f"{name}.vault"
    return await Client.create(path, relay=url, key=KEY, name=name, knocks=knocks, clock=now)


async def again(folder: Path, name: str, *, clock: MovedClock | None = None) -> Client:
    """Open a person's vault again."""
    now = time.time if clock is None else clock.now
    return await Client.open(folder / f"{name}.vault", key=KEY, clock=now)


def inside(client: Client) -> Running:
    """Give what runs behind a client, for tests that play the thief of a vault."""
    return client._running  # pyright: ignore[reportPrivateUsage]  # no app may, a thief can


def own(client: Client) -> OwnAccount:
    """Give a client's own account row, secrets and all."""
    return inside(client).steps.look(own_account)


async def wait_for(client: Client, kind: type[E], *, seconds: float = 60) -> E:
    """Give the next event of a kind, consumed; others before it are consumed too."""
    async with asyncio.timeout(seconds):
        async for event in client.events():
            if isinstance(event, kind):
                await client.consume(event)
                return event
    raise AssertionError("the events ended")


async def texts(client: Client, count: int, *, seconds: float = 60) -> list[str]:
    """Give the next texts that a client receives."""
    return [(await wait_for(client, MessageReceived, seconds=seconds)).text for _ in range(count)]


async def befriend(one: Client, other: Client) -> tuple[Contact, Contact]:
    """Bring two clients through first contact; gives each one's contact."""
    contact = await one.add_contact(other.address)
    await one.send(contact, "hi")
    knock = (await wait_for(other, KnockReceived)).knock
    back = await other.accept(knock)
    assert await texts(other, 1) == ["hi"]
    await until(lambda: one.contact(other.address).stage == "open")
    await until(lambda: other.contact(one.address).stage == "open")
    return one.contact(other.address), other.contact(back.address)


async def until(condition: Callable[[], bool], *, seconds: float = 60) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  any condition, also without an event
            await asyncio.sleep(0.02)


async def silence(client: Client, kind: type[Event], *, seconds: float = 0.5) -> None:
    """Hold that no event of a kind comes for a while."""
    try:
        event = await wait_for(client, kind, seconds=seconds)
    except TimeoutError:
        return
    raise AssertionError(f"unexpected {event!r}")


class TamperingProxy:
    """Passes WebSocket messages on, the relay's through `tamper`. Counts what it saw."""

    def __init__(self) -> None:
        self.tamper: Tamper = lambda _, message: [message]
        self.target = ""
        self.port = 0
        self.connections: list[str] = []
        self.refuse = False
        self._server: Server | None = None
        self._open: set[ServerConnection] = set()

    @property
    def host(self) -> str:
        """The host that clients dial."""
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await serve(
            self._serve,
            "127.0.0.1",
            self.port,
            subprotocols=[Subprotocol("hushpost.v1")],
            compression=None,
        )
        self.port = next(iter(self._server.sockets)).getsockname()[1]

    async def stop(self) -> None:
        """End the listener and all connections."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    async def cut(self) -> None:
        """Cut every open connection."""
        for connection in list(self._open):
            connection.transport.abort()

    async def _serve(self, client: ServerConnection) -> None:
        path = client.request.path if client.request is not None else ""
        self.connections.append(path)
        self._open.add(client)
        try:
            async with connect(
                self.target + path,
                subprotocols=[Subprotocol("hushpost.v1")],
                compression=None,
                proxy=None,
            ) as upstream:
                await _either(
                    _pump(client.__aiter__(), upstream.send),
                    _pump(upstream.__aiter__(), lambda message: self._back(client, path, message)),
                )
        finally:
            self._open.discard(client)

    async def _back(self, client: ServerConnection, path: str, message: Message) -> None:
        for changed in self.tamper(path, message):
            await client.send(changed)


async def _pump(source: AsyncIterator[Message], send: Callable[[Message], Awaitable[None]]) -> None:
    try:
        async for message in source:
            await send(message)
    except ConnectionClosed:
        return


async def _either(*works: Awaitable[None]) -> None:
    tasks = [asyncio.ensure_future(work) for work in works]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def tampered_relay(
    clock: MovedClock | None = None,
) -> AsyncGenerator[tuple[TamperingProxy, str]]:
    """Serve a relay behind a proxy that may tamper; gives the proxy and the url to use."""
    proxy = TamperingProxy()
    await proxy.start()
    try:
        async with relay(clock, public_host=proxy.host) as server:
            proxy.target = f"ws://127.0.0.1:{server.url.rsplit(':', 1)[1]}"
            yield proxy, f"ws://{proxy.host}"
    finally:
        await proxy.stop()
