"""Why no connection came about: each mistake of an operator has its sentence, on real servers."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hushpost_demo.redis_servers import KEEPS, RedisServer, cli, free_ports
from hushpost_proof.harness.certificates import Files, self_signed
from hushpost_store.errors import StoreFault
from hushpost_store.redis.address import Address
from hushpost_store.redis.options import RedisOptions
from hushpost_store.redis.refusals import refusal
from hushpost_store.redis.store import RedisStore

PASSWORD = "geheim"


async def told(url: str) -> str:
    """Open a store that cannot be opened, and return what is said; never the password."""
    options = RedisOptions(url, connect_seconds_max=1.0, answer_seconds_max=1.0)
    async with asyncio.timeout(20):
        with pytest.raises(StoreFault) as fault:
            await RedisStore(options).open()
    assert PASSWORD not in str(fault.value)
    return str(fault.value)


def url_of(port: int, scheme: str = "redis") -> str:
    """Name a server on loopback, with a user and a password."""
    return f"{scheme}://relay:{PASSWORD}@127.0.0.1:{port}"


@asynccontextmanager
async def saying(answer: bytes) -> AsyncGenerator[int]:
    """Run a server that says one thing to whatever comes, and give its port."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        if answer:
            writer.write(answer)
            writer.write_eof()
        await reader.read()
        writer.close()
        await writer.wait_closed()
        ended.set()

    ended = asyncio.Event()
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    await ended.wait()


async def test_nobody_there_names_the_place() -> None:
    """Host and port, and the system's own reason; a name that is none is told as such."""
    (port,) = free_ports(1)
    assert await told(url_of(port)) == f"cannot reach Redis at 127.0.0.1:{port}: Connection refused"
    text = await told("redis://relay:geheim@redis.invalid")
    assert text == "cannot reach Redis at redis.invalid:6379: no such host"


@pytest.mark.parametrize(
    "scheme_and_user", ["redis://relay:geheim@", "redis://:geheim@", "redis://"]
)
async def test_a_wrong_password_is_told(running_server: RedisServer, scheme_and_user: str) -> None:
    """A wrong one, one without a user, and none at all."""
    port = str(running_server.port)
    await cli("-p", port, "config", "set", "requirepass", "another")
    try:
        text = await told(f"{scheme_and_user}127.0.0.1:{port}")
    finally:
        await cli(
            "-p", port, "--no-auth-warning", "-a", "another", "config", "set", "requirepass", ""
        )
    assert f"127.0.0.1:{port} does not take the user and password of redis_url" in text


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "is a web server and no Redis"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "is no Redis: correct host and port"),
        (b"-LOADING Redis is loading the dataset in memory\r\n", "still reads its data"),
        (b"", "no answer in time"),
    ],
)
async def test_what_is_no_redis_or_not_ready_is_told(answer: bytes, words: str) -> None:
    """A web server, another service, one that starts, and one that is silent."""
    async with saying(answer) as port, asyncio.timeout(4):  # four times the bound of a connection
        text = await told(url_of(port))
        assert words in text
        assert f"127.0.0.1:{port}" in text


@asynccontextmanager
async def with_tls(folder: Path, files: Files) -> AsyncGenerator[tuple[int, int]]:
    """Run a server with a plain port and one for TLS, and give both."""
    plain, secure = free_ports(2)
    settings = {
        **KEEPS,
        "tls-port": str(secure),
        "tls-cert-file": str(files.certificate),
        "tls-key-file": str(files.key),
        "tls-auth-clients": "no",
    }
    server = RedisServer(folder / "redis", plain, settings)
    await server.start()
    try:
        yield plain, secure
    finally:
        server.kill()


async def test_tls_on_the_wrong_side_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """rediss:// at a plain port, redis:// at a TLS port, and a certificate nobody trusts."""
    files = self_signed(tmp_path, "127.0.0.1")
    async with with_tls(tmp_path, files) as (plain, secure):
        text = await told(url_of(plain, "rediss"))
        assert "write redis://" in text or "is redis:// meant?" in text
        assert "rediss://" in await told(url_of(secure))
        assert "is not trusted" in await told(url_of(secure, "rediss"))
        monkeypatch.setenv("SSL_CERT_FILE", str(files.certificate))
        store = RedisStore(RedisOptions(f"rediss://127.0.0.1:{secure}"))
        await store.open()
        await store.close()


async def test_a_certificate_of_another_name_is_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has a certificate of that authority is not thereby this Redis."""
    files = self_signed(tmp_path, "127.0.0.2")
    monkeypatch.setenv("SSL_CERT_FILE", str(files.certificate))
    async with with_tls(tmp_path, files) as (_, secure):
        assert "is not trusted" in await told(url_of(secure, "rediss"))


def test_what_is_not_known_is_named_by_its_class_alone() -> None:
    """Nothing that an exception quotes is repeated."""
    address = Address("10.0.0.5", 6379)
    text = str(refusal(address, ssl.SSLZeroReturnError("secret"), has_tls=True))
    assert "secret" not in text
    assert str(refusal(address, ValueError("secret"), has_tls=False)) == (
        "cannot reach Redis at 10.0.0.5:6379: ValueError"
    )
