"""Health and metrics on their own loopback port: a few lines of HTTP/1.1, GET only.

`/health` answers 200, or 503 when something is wrong or the relay is leaving, with one JSON object;
`/metrics` the Prometheus text. The port is bound
to loopback whatever the configuration says. A request is one read of at most `REQUEST_BYTES_MAX`
bytes; every answer closes the connection; what is asked for and by whom is never logged.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, cast

from hushpost_server.metrics import CONTENT_TYPE, Metrics
from hushpost_server.receive_buffer import ReceiveBuffer

REQUEST_BYTES_MAX = 8192
REQUEST_SECONDS_MAX = 5.0
HOST = "127.0.0.1"
# A scraper and a few monitors; more is somebody's mistake.
CONNECTIONS_MAX = 32


# What `/health` may say, and why: a word, sentences about the relay, figures of the whole relay.
DETAILS: Final = {
    "status": "whether it serves: ok, unhealthy, or draining while it sends its clients away",
    "problems": "what is wrong and what to do, in sentences of the relay's own",
    "connections": "how busy it is",
    "logged_in": "how many devices are connected",
    "queued_envelopes": "how much waits, over all mailboxes",
    "deletion_lag_seconds": "whether the deletion bound is kept",
    "bucket_enforcement": "whether sizes tell messages apart",
    "quiet": "whether the quiet profile is on",
    "third_party_logs_held": "whether libraries may log content",
}


@dataclass(frozen=True, slots=True)
class Health:
    """What the relay says about itself; `problems` empty means ok, `details` are of `DETAILS`.

    `draining`: nothing is wrong, but nobody should be led here any more.
    """

    problems: tuple[str, ...] = ()
    details: dict[str, int | float | str | bool] = field(default_factory=dict)
    draining: bool = False

    @property
    def is_well(self) -> bool:
        """Whether clients should be led here."""
        return not self.problems and not self.draining

    def render(self) -> str:
        """Return the JSON object that `/health` answers."""
        status = "draining" if self.draining else "unhealthy" if self.problems else "ok"
        return (
            json.dumps({"status": status, "problems": list(self.problems), **self.details}) + "\n"
        )


class HealthServer:
    """Serves `/health` and `/metrics`; `start` binds, `close` frees the port."""

    def __init__(
        self,
        metrics: Metrics,
        health: Callable[[], Health],
        *,
        on_end: Callable[[], None] = lambda: None,
    ) -> None:
        self._on_end = on_end
        self._metrics = metrics
        self._health = health
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Transport] = set()
        self.buffer = ReceiveBuffer(REQUEST_BYTES_MAX + 1)

    async def start(self, port: int) -> int:
        """Listen on loopback and return the port; OSError when it is taken."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Exchange(self), HOST, port)
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def close(self) -> None:
        """Stop listening and end what is open."""
        if self._server is not None:
            self._server.close()
            for transport in tuple(self._open):
                transport.abort()
            await self._server.wait_closed()
            self._server = None

    def opened(self, transport: asyncio.Transport) -> bool:
        """Count a connection in; False when there are too many."""
        self._open.add(transport)
        return len(self._open) <= CONNECTIONS_MAX

    def ended(self, transport: asyncio.Transport) -> None:
        """Count a connection out."""
        self._open.discard(transport)
        self._on_end()

    def answer(self, request_line: bytes) -> bytes:
        """Return the whole HTTP answer to a request line."""
        method, _, rest = request_line.partition(b" ")
        path = rest.partition(b" ")[0].partition(b"?")[0]
        if method not in (b"GET", b"HEAD"):
            return _response("405 Method Not Allowed", "text/plain", "only GET here\n")
        if path == b"/metrics":
            return _response("200 OK", CONTENT_TYPE, self._metrics.render())
        if path == b"/health":
            health = self._health()
            status = "200 OK" if health.is_well else "503 Service Unavailable"
            return _response(status, "application/json", health.render())
        return _response("404 Not Found", "text/plain", "there are /health and /metrics\n")


def _response(status: str, content_type: str, text: str) -> bytes:
    body = text.encode()
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
        "Cache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


class _Exchange(asyncio.BufferedProtocol):
    def __init__(self, server: HealthServer) -> None:
        self._server = server
        self._received = b""
        self._transport: asyncio.Transport | None = None
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass of it
        if not self._server.opened(self._transport):
            self._transport.abort()
            return
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(REQUEST_SECONDS_MAX, self._transport.abort)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._server.buffer.memory

    def buffer_updated(self, nbytes: int) -> None:
        assert self._transport is not None
        self._received += self._server.buffer.take(nbytes)
        if len(self._received) > REQUEST_BYTES_MAX:
            self._transport.abort()
        elif b"\r\n\r\n" in self._received:
            self._transport.write(self._server.answer(self._received.partition(b"\r\n")[0]))
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        if self._transport is not None:
            self._server.ended(self._transport)
