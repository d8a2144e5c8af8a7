"""Clients that say what they should not: names in paths, headers, JSON, frames and close reasons.

Each connects from an unusual address and sends marks in clear. What the relay answers is kept, to
see that nothing comes back; what it keeps, the other surfaces show.
"""

import asyncio
import base64
import json
import random
import ssl
import struct
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from hushpost_wire.limits import INBOX_PATH, POST_PATH, SUBPROTOCOL

from hushpost_proof.canary.canaries import Canary, Kind, make_mark, sockaddr

# How many connections `misbehave` makes.
CONNECTIONS = 28
_PLACES = (
    *("path", "query", "value", "host", "body", "method", "broken header", "server name"),
    *("account field", "field name", "field value", "signature field", "kind", "text frame"),
    *("escaped", "binary frame", "ping", "broken text", "reserved opcode", "close reason"),
    *("half a frame", "subprotocol", "host header", "user agent", "cookie", "origin", "forwarded"),
    *("bearer", "referer"),
)
_ANSWER_SECONDS_MAX = 3.0
_TEXT, _BINARY, _CLOSE, _PING = 0x81, 0x82, 0x88, 0x89


@dataclass(slots=True)
class BadClients:
    """All bad input, once. `marks` is what was sent, `answers` what came back."""

    address: str
    chance: random.Random
    port: int = 0
    marks: dict[str, str] = field(default_factory=dict[str, str])
    answers: bytearray = field(default_factory=bytearray)
    connections: int = 0
    _first_port: int = 0

    def __post_init__(self) -> None:
        self.marks.update((where, make_mark(self.chance)) for where in _PLACES)
        # From an address that nobody else has every port is free.
        self._first_port = self.chance.randrange(20_000, 60_000)

    def canaries(self) -> list[Canary]:
        """Return what is said in clear, and where it is said from."""
        found = [Canary(f"mark in {where}", Kind.SHOWN, text) for where, text in self.marks.items()]
        found.append(Canary("a bad client's address", Kind.ADDRESS, self.address))
        for number in range(CONNECTIONS):
            data = sockaddr(self.address, self._first_port + number)
            found.append(Canary("a bad client's socket address", Kind.ADDRESS, data=data))
        return found

    async def misbehave(self) -> None:
        """Do everything, one connection after the other; all are closed on return."""
        await self._ask_wrongly()
        await self._greet_by_tls()
        for path in (POST_PATH, INBOX_PATH):
            for name, frame in self._frames():
                async with self._open(path, "" if name else self._mark("subprotocol")) as writer:
                    writer.write(frame)
        async with self._open(POST_PATH, "") as writer:
            # Half a frame, and then nothing: what was gathered must go with the connection.
            writer.write(_frame(_TEXT, self._mark("half a frame").encode() * 20)[:60])

    async def _ask_wrongly(self) -> None:
        mark = self._mark
        for head in (
            f"GET /{mark('path')}?{mark('query')}={mark('value')} HTTP/1.1\r\nHost: {mark('host')}",
            f"POST {POST_PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 30\r\n\r\n{mark('body')}",
            f"{mark('method').upper()} / HTTP/1.1\r\nHost: x",
            f"GET {POST_PATH} HTTP/1.1\r\nHost: x\r\nNot a header {mark('broken header')}",
        ):
            await self._exchange(head.encode() + b"\r\n\r\n")

    async def _greet_by_tls(self) -> None:
        """Send a TLS hello that names a host, to a relay without TLS."""
        context = ssl.create_default_context()
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        name = f"{self._mark('server name')}.example"
        tls = context.wrap_bio(incoming, outgoing, server_hostname=name)
        with suppress(ssl.SSLWantReadError):
            tls.do_handshake()
        await self._exchange(outgoing.read())

    def _frames(self) -> list[tuple[str, bytes]]:
        mark = self._mark
        # No account id: one mark in sixty would be one, and is then looked up in the store.
        account = f"{mark('account field')}!"
        fields = {"type": "take_prekeys", "id": 7, "account": account}
        unknown = {"type": "fetch_device_list", "id": 8, mark("field name"): mark("field value")}
        login = {"type": "login", "id": 1, "account": "AA", "signature": mark("signature field")}
        texts = {
            "JSON": json.dumps(fields),
            "unknown field": json.dumps(unknown),
            "login": json.dumps(login),
            "kind": json.dumps({"type": mark("kind")}),
            "no JSON": mark("text frame"),
            "escaped": '{"type":"' + "".join(f"\\u{ord(c):04x}" for c in mark("escaped")) + '"}',
        }
        frames = [(name, _frame(_TEXT, text.encode())) for name, text in texts.items()]
        frames.append(("binary", _frame(_BINARY, b"\x01" + mark("binary frame").encode() * 9)))
        frames.append(("ping", _frame(_PING, mark("ping").encode())))
        frames.append(("not UTF-8", _frame(_TEXT, b"\xff" + mark("broken text").encode())))
        frames.append(("reserved", _frame(0xF3, mark("reserved opcode").encode())))
        reason = struct.pack(">H", 4999) + mark("close reason").encode()
        frames.append(("close", _frame(_CLOSE, reason)))
        return frames

    @asynccontextmanager
    async def _open(self, path: str, subprotocol: str) -> AsyncGenerator[asyncio.StreamWriter]:
        """Shake hands with marks in every header; on leaving read what is answered, and close."""
        key = base64.b64encode(self.chance.randbytes(16)).decode()
        mark = self._mark
        offered = f"{SUBPROTOCOL}, {subprotocol}" if subprotocol else SUBPROTOCOL
        head = (
            f"GET {path} HTTP/1.1\r\nHost: {mark('host header')}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Protocol: {offered}\r\nUser-Agent: {mark('user agent')}\r\n"
            f"Cookie: id={mark('cookie')}\r\nOrigin: https://{mark('origin')}.example\r\n"
            f"X-Forwarded-For: {mark('forwarded')}\r\nAuthorization: Bearer {mark('bearer')}\r\n"
            f"Referer: {mark('referer')}\r\n\r\n"
        )
        reader, writer = await self._connect()
        try:
            writer.write(head.encode())
            with suppress(asyncio.IncompleteReadError, ConnectionError, TimeoutError):
                async with asyncio.timeout(_ANSWER_SECONDS_MAX):
                    self.answers += await reader.readuntil(b"\r\n\r\n")
            yield writer
            await self._read_rest(reader, writer, 0.1)
        finally:
            writer.close()

    async def _exchange(self, request: bytes) -> None:
        reader, writer = await self._connect()
        writer.write(request)
        await self._read_rest(reader, writer, 0.3)
        writer.close()

    async def _read_rest(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float
    ) -> None:
        with suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(seconds):
                await writer.drain()
                while chunk := await reader.read(1 << 16):
                    self.answers += chunk

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        source = (self.address, self._first_port + self.connections)
        self.connections += 1
        return await asyncio.open_connection("127.0.0.1", self.port, local_addr=source)

    def _mark(self, where: str) -> str:
        return self.marks[where]


def _frame(first: int, payload: bytes) -> bytes:
    """Lay out a WebSocket frame with a mask of zeros, so that the wire shows it as it is."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + struct.pack(">H", size)
    return bytes([first]) + length + bytes(4) + payload
