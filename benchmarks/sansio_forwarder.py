"""A second yardstick: the same forwarding on the Sans-I/O state machine of websockets.

No task and no queue a connection: an `asyncio.Protocol` feeds `ServerProtocol` and writes what it
gives. The relay's listener is built this way, so this shows what of a difference to the forwarder
is owed to that choice and not to anything that hushpost does.
"""

import asyncio
import json
import signal
from typing import Final, cast

import uvloop
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from benchmarks.layout import ROUTE_END, ROUTE_START

ROUTES: Final[dict[bytes, "Forwarding"]] = {}


class Forwarding(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self._machine = ServerProtocol()
        self._transport: asyncio.Transport | None = None
        self._known = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        # uvloop's transports do not descend from asyncio's.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Forward every message that is whole now."""
        machine = self._machine
        machine.receive_data(data)
        touched: dict[Forwarding, None] = {self: None}
        for event in machine.events_received():
            if isinstance(event, Request):
                machine.send_response(machine.accept(event))
            elif isinstance(event, Frame) and event.opcode is Opcode.BINARY:
                touched[self._take(bytes(event.data))] = None
        for connection in touched:
            connection.flush()

    def flush(self) -> None:
        """Write what the state machine has to say."""
        data = b"".join(self._machine.data_to_send())
        if data and self._transport is not None:
            self._transport.write(data)

    def _take(self, message: bytes) -> "Forwarding":
        if not self._known:
            self._known = True
            if message:
                ROUTES[message] = self
            self._machine.send_binary(b"ready")
            return self
        recipient = ROUTES[message[ROUTE_START:ROUTE_END]]
        recipient._machine.send_binary(message)
        return recipient


async def main() -> None:
    """Serve on a free port of loopback until SIGTERM."""
    loop = asyncio.get_running_loop()
    told = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, told.set)
    server = await loop.create_server(Forwarding, "127.0.0.1", 0, backlog=4096)
    port = server.sockets[0].getsockname()[1]
    print(json.dumps({"url": f"ws://127.0.0.1:{port}"}), flush=True)
    await told.wait()
    server.close()


if __name__ == "__main__":
    uvloop.run(main())
