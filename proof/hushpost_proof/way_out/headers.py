"""What a relay's HTTP answers say beside what was asked: no cookie, nothing that marks or names.

The headers that may stand in an answer are a closed list; one more is found whatever its name.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

# Headers of the upgrade, of the form of an answer, and against caching. No Date either: by its
# drift a relay would be known under any other name, and an hour is the finest time that it tells.
ALLOWED = frozenset(
    {
        "allow",
        "cache-control",
        "connection",
        "content-length",
        "content-type",
        "sec-websocket-accept",
        "sec-websocket-protocol",
        "sec-websocket-version",
        "upgrade",
    }
)
_ANSWER_SECONDS_MAX = 10.0
_UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Protocol": "hushpost.v1",
}
# Who asks brings all that might make a server answer with more.
_BAGGAGE = {
    "Host": "localhost",
    "Cookie": "session=planted; theme=dark",
    "User-Agent": "hunter/1.0",
    "Accept-Language": "fi",
    "If-None-Match": '"planted"',
    "Accept-Encoding": "gzip",
    "Origin": "https://example.org",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, and what it is about."""

    what: str
    request: bytes


@dataclass(frozen=True, slots=True)
class Answered:
    """The head of an answer; no headers and status 0 where the connection was cut."""

    what: str
    status: int
    headers: tuple[tuple[str, str], ...]

    @property
    def undeclared(self) -> tuple[str, ...]:
        """The headers that should not be there, with their values."""
        return tuple(
            f"{name}: {value}" for name, value in self.headers if name.lower() not in ALLOWED
        )


def _request(
    method: str, path: str, headers: Mapping[str, str] = MappingProxyType({}), version: str = "1.1"
) -> bytes:
    lines = [f"{method} {path} HTTP/{version}"]
    lines += [f"{name}: {value}" for name, value in {**_BAGGAGE, **headers}.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def _without(name: str) -> dict[str, str]:
    return {key: value for key, value in _UPGRADE.items() if key != name}


def relay_requests() -> Sequence[Asked]:
    """Give one request for every kind of answer of the public port."""
    asked = [
        Asked("inbox", _request("GET", "/v1/inbox", _UPGRADE)),
        Asked("post", _request("GET", "/v1/post", _UPGRADE)),
        Asked("a query", _request("GET", "/v1/post?id=7", _UPGRADE)),
        Asked("no upgrade", _request("GET", "/v1/inbox")),
        Asked("unknown path", _request("GET", "/favicon.ico")),
        Asked("unknown path, upgrade", _request("GET", "/v2/inbox", _UPGRADE)),
        Asked(
            "version 12", _request("GET", "/v1/post", {**_UPGRADE, "Sec-WebSocket-Version": "12"})
        ),
        Asked("HTTP/1.0", _request("GET", "/v1/post", _UPGRADE, version="1.0")),
        Asked("two keys", _request("GET", "/v1/post", {**_UPGRADE, "sec-websocket-key": "x"})),
        Asked("no HTTP", b"\x16\x03\x01 what is this\r\n\r\n"),
        Asked("a body", _request("GET", "/v1/post", {**_UPGRADE, "Content-Length": "3"}) + b"abc"),
        Asked("too long", _request("GET", "/v1/post", {"X-Long": "x" * 40_000})),
    ]
    asked += [Asked(f"no {name}", _request("GET", "/v1/post", _without(name))) for name in _UPGRADE]
    methods = ("POST", "PUT", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT", "PATCH", "BREW")
    return [*asked, *(Asked(method, _request(method, "/v1/inbox")) for method in methods)]


def health_requests() -> Sequence[Asked]:
    """Give one request for every kind of answer of the operator's port."""
    paths = ("/health", "/metrics", "/", "/../etc/passwd", "/health?x=1")
    asked = [Asked(f"operator's {path}", _request("GET", path)) for path in paths]
    methods = ("POST", "HEAD", "OPTIONS", "DELETE")
    asked += [Asked(f"operator's {method}", _request(method, "/health")) for method in methods]
    return [*asked, Asked("operator's noise", b"\x00\x01\r\n\r\n")]


async def ask(port: int, asked: Asked) -> Answered:
    """Send one request and read the head of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(asked.request)
        async with asyncio.timeout(_ANSWER_SECONDS_MAX):
            head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return Answered(asked.what, 0, ())
    finally:
        writer.close()
    return read_head(asked.what, head)


def read_head(what: str, head: bytes) -> Answered:
    """Take an answer's head apart."""
    status, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    headers = tuple((name, value.strip()) for name, _, value in (x.partition(":") for x in lines))
    return Answered(what, int(status.split(" ")[1]), headers)


async def ask_everything(relay_port: int, health_port: int) -> list[Answered]:
    """Ask for every kind of answer that there is."""
    answers = [await ask(relay_port, asked) for asked in relay_requests()]
    return answers + [await ask(health_port, asked) for asked in health_requests()]
