"""The yardstick: a bare WebSocket forwarder, on the high-level API of websockets under uvloop.

No store, no acknowledgements, no accounts, no limits. A connection's first message names the route
that it receives for (empty: it only sends). Every later message carries the route of its recipient
in its header, where a hushpost SUBMIT has it, and is handed on whole and at once.

    python -m benchmarks.forwarder      prints {"url": ...}, serves until it is told to stop
"""

import asyncio
import json
import signal
from contextlib import suppress

import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.exceptions import ConnectionClosed

from benchmarks.layout import ROUTE_END, ROUTE_START

Routes = dict[bytes, ServerConnection]


async def forward(routes: Routes, connection: ServerConnection) -> None:
    """Serve one connection until it ends."""
    route = await connection.recv(decode=False)
    if route:
        routes[route] = connection
    await connection.send(b"ready")
    # A load that was ended leaves its connections as they are.
    with suppress(ConnectionClosed):
        async for message in connection:
            assert isinstance(message, bytes)
            # Not `await send`: broadcast was measured 1.2 times as fast for one recipient.
            broadcast((routes[message[ROUTE_START:ROUTE_END]],), message)


async def main() -> None:
    """Serve on a free port of loopback until SIGTERM."""
    routes: Routes = {}

    async def handler(connection: ServerConnection) -> None:
        await forward(routes, connection)

    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    async with serve(handler, "127.0.0.1", 0, compression=None, backlog=4096) as server:
        port = server.sockets[0].getsockname()[1]
        print(json.dumps({"url": f"ws://127.0.0.1:{port}"}), flush=True)
        await told.wait()


if __name__ == "__main__":
    uvloop.run(main())
