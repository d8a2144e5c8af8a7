"""Tests of hushpost_server.health on real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from hushpost_server.health import CONNECTIONS_MAX, REQUEST_BYTES_MAX, Health, HealthServer
from hushpost_server.metrics import Metrics


@asynccontextmanager
async def serving(health: Health) -> AsyncGenerator[int, None]:
    """Serve on a free port."""
    server = HealthServer(Metrics(), lambda: health)
    port = await server.start(0)
    try:
        yield port
    finally:
        await server.close()


async def get(port: int, request: bytes) -> bytes:
    """Send a request and return the whole answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    try:
        return await asyncio.wait_for(reader.read(), 60)
    finally:
        writer.close()


async def answered(port: int) -> bool:
    """Say whether a connection is served rather than cut."""
    try:
        return b"200" in await get(port, b"GET /health HTTP/1.1\r\n\r\n")
    except ConnectionResetError:  # cut before it was read
        return False


async def test_health_is_200_when_well_and_503_with_problems() -> None:
    """A monitor needs the status alone; a person finds the reason in the body."""
    async with serving(Health(details={"connections": 3})) as port:
        answer = await get(port, b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200 ")
        body = json.loads(answer.partition(b"\r\n\r\n")[2])
        assert body == {"status": "ok", "problems": [], "connections": 3}
    async with serving(Health(("the disk is full",))) as port:
        answer = await get(port, b"GET /health HTTP/1.1\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"the disk is full" in answer


async def test_metrics_are_prometheus_text() -> None:
    """The content type names the format's version."""
    async with serving(Health()) as port:
        answer = await get(port, b"GET /metrics?x=1 HTTP/1.1\r\n\r\n")
        assert b"text/plain; version=0.0.4" in answer
        assert b"hushpost_logged_in 0\n" in answer


@pytest.mark.parametrize(
    ("request_line", "status"), [(b"GET /", b"404"), (b"POST /health", b"405"), (b"\x00", b"405")]
)
async def test_anything_else_is_refused(request_line: bytes, status: bytes) -> None:
    """There are two pages, and reading is all one can do."""
    async with serving(Health()) as port:
        answer = await get(port, request_line + b" HTTP/1.1\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 " + status)


async def test_an_endless_request_is_cut() -> None:
    """More than any scraper sends ends the connection, and the next one is served."""
    async with serving(Health()) as port:
        with contextlib.suppress(ConnectionResetError):  # cut while it was being sent
            assert await get(port, b"GET /" + b"a" * (REQUEST_BYTES_MAX * 4)) == b""
        assert b"200" in await get(port, b"GET /health HTTP/1.1\r\n\r\n")


async def test_only_so_many_connections_are_held() -> None:
    """Connections beyond the bound are cut; when they are gone the page is served again."""
    async with serving(Health()) as port:
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(CONNECTIONS_MAX)]
        while await answered(port):
            pass  # the kernel took them all; the relay takes them one by one
        for _, writer in held:
            writer.close()
        while not await answered(port):
            pass  # and one by one they are counted out
