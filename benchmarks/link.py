"""One WebSocket connection of the load: a bare asyncio protocol (RFC 6455, the client's side).

Whole frames of one read are handed up one after the other without copying them, then `read_end`
is called once, so that everything they call for can be written together.
"""

import asyncio
import base64
import hashlib
import os
import socket
from collections import deque
from collections.abc import Callable
from typing import Final, cast

from benchmarks.client_frames import FIN_BINARY, FIN_CLOSE, FIN_PONG, FIN_TEXT, client_frame
from benchmarks.errors import LoadFailure

FIN_PING: Final = 0x89
_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

OnBinary = Callable[[bytes, int, int], None]


def _ignore_binary(_data: bytes, _start: int, _stop: int) -> None:
    raise LoadFailure("a binary message came that nothing waited for")


def _ignore_read_end() -> None:
    pass


class Link(asyncio.Protocol):
    """Open with `connect`; then set `on_binary` and `on_read_end`."""

    __slots__ = (
        "_buffer",
        "_key",
        "_open",
        "_path",
        "_subprotocol",
        "_texts",
        "_transport",
        "_waiter",
        "closed",
        "on_binary",
        "on_read_end",
        "write",
    )

    def __init__(self, path: str, subprotocol: str | None) -> None:
        self._path = path
        self._subprotocol = subprotocol
        self._key = base64.b64encode(os.urandom(16))
        self._buffer = b""
        self._open = False
        self._texts: deque[str | bytes] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport | None = None
        self.closed: str | None = None
        """Why the connection ended; None while it stands."""
        self.on_binary: OnBinary = _ignore_binary
        self.on_read_end: Callable[[], None] = _ignore_read_end
        self.write: Callable[[bytes], None] = self._not_open

    @classmethod
    async def connect(
        cls,
        url: str,
        path: str = "/",
        subprotocol: str | None = None,
        *,
        source: str | None = None,
    ) -> "Link":
        """Connect to a ws:// URL, from an address of this machine, and finish the handshake."""
        host, _, port = url.removeprefix("ws://").rpartition(":")
        loop = asyncio.get_running_loop()
        _, link = await loop.create_connection(
            lambda: cls(path, subprotocol),
            host,
            int(port),
            local_addr=None if source is None else (source, 0),
        )
        while not link._open:
            await link._news()
        return link

    async def message(self) -> str | bytes:
        """Wait for a message outside the hot path: text, or binary before `on_binary` is set."""
        while not self._texts:
            await self._news()
        return self._texts.popleft()

    def receive_messages(self) -> None:
        """Let binary messages come through `message` too."""
        self.on_binary = self._keep_binary

    def send_text(self, text: str) -> None:
        """Send one text message."""
        self.write(client_frame(FIN_TEXT, text.encode()))

    async def close(self) -> None:
        """Close in order and wait until the other side has let go."""
        if self.closed is None:
            self.write(client_frame(FIN_CLOSE, (1000).to_bytes(2, "big")))
        while self.closed is None:
            await self._news(ended_is_fine=True)

    def abort(self) -> None:
        """Be gone without a word."""
        if self._transport is not None:
            self._transport.abort()

    def stop_reading(self) -> None:
        """Leave what comes unread: first the buffers between fill, then the server's own."""
        if self._transport is not None:
            self._transport.pause_reading()
            handle = self._transport.get_extra_info("socket")
            handle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)

    def read_again(self) -> None:
        """Go on reading."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    # -- what the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        # uvloop's transports do not descend from asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        self.write = self._transport.write
        lines = [
            f"GET {self._path} HTTP/1.1",
            "Host: localhost",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {self._key.decode()}",
            "Sec-WebSocket-Version: 13",
        ]
        if self._subprotocol is not None:
            lines.append(f"Sec-WebSocket-Protocol: {self._subprotocol}")
        self.write("\r\n".join([*lines, "", ""]).encode())

    def data_received(self, data: bytes) -> None:
        """Hand up every whole frame: the load's hot path."""
        if self._buffer:
            data = self._buffer + data
        if not self._open:
            data = self._handshake(data)
            if not self._open:
                self._buffer = data
                return
        position = 0
        end = len(data)
        on_binary = self.on_binary
        while end - position >= 4:
            length = data[position + 1]
            start = position + 2
            if length == 126:
                length = data[position + 2] << 8 | data[position + 3]
                start = position + 4
            elif length == 127:
                raise LoadFailure("a server sent a frame of more than 64 KiB")
            stop = start + length
            if stop > end:
                break
            if data[position] == FIN_BINARY:
                on_binary(data, start, stop)
            else:
                self._other(data[position], data[start:stop])
                on_binary = self.on_binary
            position = stop
        else:
            # A frame of two bytes (an empty ping) that ends the read.
            if end - position >= 2 and data[position + 1] == 0:
                self._other(data[position], b"")
                position += 2
        self._buffer = data[position:]
        self.on_read_end()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the end."""
        if self.closed is None:
            self.closed = "the connection broke off" if exc is None else str(exc)
        self._wake()

    # -- within

    def _handshake(self, data: bytes) -> bytes:
        head, found, rest = data.partition(b"\r\n\r\n")
        if not found:
            return data
        accept = base64.b64encode(hashlib.sha1(self._key + _GUID).digest())  # the RFC's own hash
        if not head.startswith(b"HTTP/1.1 101 ") or accept not in head:
            # Raised here it would end in the event loop, and whoever waits would never know.
            self.closed = f"refused the upgrade: {head[:200].decode('latin-1')}"
            self._wake()
            if self._transport is not None:
                self._transport.abort()
            return data
        self._open = True
        self._wake()
        return rest

    def _other(self, head: int, payload: bytes) -> None:
        if head == FIN_PING:
            self.write(client_frame(FIN_PONG, payload))
        elif head == FIN_TEXT:
            self._texts.append(payload.decode())
            self._wake()
        elif head == FIN_CLOSE:
            code = int.from_bytes(payload[:2], "big")
            self.closed = f"closed with {code} {payload[2:].decode(errors='replace')}"
            self._wake()
            if self._transport is not None:
                self._transport.close()

    def _keep_binary(self, data: bytes, start: int, stop: int) -> None:
        self._texts.append(data[start:stop])
        self._wake()

    async def _news(self, *, ended_is_fine: bool = False) -> None:
        if self.closed is not None and not ended_is_fine:
            raise LoadFailure(f"the server ended the connection: {self.closed}")
        self._waiter = asyncio.get_running_loop().create_future()
        await self._waiter

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    @staticmethod
    def _not_open(_data: bytes) -> None:
        raise LoadFailure("this connection is not open")
