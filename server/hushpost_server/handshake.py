"""The request that opens a connection: its bounds, and which endpoint it asks for.

docs/spec/wire.md section 1. The library judges the rest of the request; here it is cut off from the
frames behind it, bounded, and answered where it asks for what is not served.

Refuses to know: header fields.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from hushpost_wire.control import Role
from hushpost_wire.limits import INBOX_PATH, POST_PATH

# A handshake of a WebSocket client is under 1 KiB; proxies add their headers.
HANDSHAKE_BYTES_MAX: Final = 16 * 1024
# Said to who cannot even wait, before a word of the request was read: all the same bytes.
BUSY: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 60\r\nContent-Length: 0\r\n"
    b"Connection: close\r\n\r\n"
)
# Another relay of the same service takes it at once, or this one when it is back.
LEAVING: Final = BUSY.replace(b"Retry-After: 60", b"Retry-After: 1")
_END_OF_HEAD: Final = b"\r\n\r\n"
_ROLES: Final = {INBOX_PATH: Role.INBOX, POST_PATH: Role.POST}


@dataclass(frozen=True, slots=True)
class Unserved:
    """Why a request opens nothing: a status, a sentence, and what is allowed instead."""

    status: HTTPStatus
    sentence: str
    allow: str = ""


def endpoint_of(method: str, path: str) -> Role | Unserved:
    """Return the endpoint that a request asks for."""
    if method != "GET":
        return Unserved(HTTPStatus.METHOD_NOT_ALLOWED, "only GET is served here\n", allow="GET")
    role = _ROLES.get(path)
    if role is None:
        sentence = f"this relay serves {INBOX_PATH} and {POST_PATH}\n"
        return Unserved(HTTPStatus.NOT_FOUND, sentence)
    return role


class RequestHead:
    """Cuts the head of the request off from what follows it; keeps it until its turn."""

    __slots__ = ("_bytes", "_end", "_kept", "waits")

    def __init__(self) -> None:
        self._bytes = 0
        self._end = b""
        self._kept = b""
        self.waits = False
        """Whether the handshake has to wait for its turn: what comes meanwhile is for `keep`."""

    @property
    def too_long(self) -> bool:
        """Whether more has come than any client sends."""
        return self._bytes > HANDSHAKE_BYTES_MAX

    def keep(self, data: bytes) -> bool:
        """Put away what came before its turn; False when it is more than any client sends."""
        self._kept += data
        return len(self._kept) <= HANDSHAKE_BYTES_MAX

    def release(self) -> bytes:
        """Return what was kept: its turn has come."""
        self.waits = False
        kept, self._kept = self._kept, b""
        return kept

    def cut(self, data: bytes) -> int:
        """Return how much of `data` belongs to the head.

        Frames behind the request wait until it is answered: the library would act on them first.
        """
        self._bytes += len(data)
        seen = self._end + data
        end = seen.find(_END_OF_HEAD)
        cut = len(data) if end < 0 else end + len(_END_OF_HEAD) - len(self._end)
        self._end = seen[1 - len(_END_OF_HEAD) :]
        return cut
