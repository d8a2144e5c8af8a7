"""Why no connection to a Redis came about, in words that say what to change.

The address is named, since an operator wrote it; user and password never are.
"""

from __future__ import annotations

import os
from typing import Final

from hushpost_store.redis.address import Address
from hushpost_store.redis.command import ConnectionLost

# How the library's two parsers say with what an answer began that is none: HTTP, and the alert of a
# TLS port that was greeted in plain.
_HTTP: Final = ('got "H"', "TTP/1")
_TLS_ALERT: Final = ('got "\\x15"', "\\x15\\x03")


def refusal(address: Address, error: BaseException, *, has_tls: bool) -> ConnectionLost:
    """Return what to raise for what the library raised; nothing of an answer is quoted."""
    place = f"{address.host}:{address.port}"
    return ConnectionLost(_sentence(place, error, has_tls=has_tls))


# Kinds of the library's errors by name: `connection` alone imports it.
_SENTENCES: Final = (
    (
        "BusyLoadingError",
        "Redis at {} still reads its data (LOADING): start again when it has",
    ),
    (
        "SSLCertVerificationError",
        "the certificate of Redis at {} is not trusted: name the host as the certificate does, and"
        " give its authority to the system (or SSL_CERT_FILE)",
    ),
    ("SSLError", "what answers at {} speaks no TLS: write redis://, or name its TLS port"),
    ("AuthenticationError", "Redis at {} does not take the user and password of redis_url"),
    (
        "NoPermissionError",
        "Redis at {} lets its user do too little: docs/operating.md says what it needs",
    ),
)


def _sentence(place: str, error: BaseException, *, has_tls: bool) -> str:
    chain = _chain(error)
    for kind, sentence in _SENTENCES:
        if _has(chain, kind):
            return sentence.format(place)
    said = " ".join(str(link) for link in chain)
    if _has(chain, "InvalidResponse"):
        return _no_redis(place, said)
    other = "redis" if has_tls else "rediss"
    if _has(chain, "TimeoutError"):
        # A plain server waits for the end of the line that TLS never sends.
        hint = f"; is {other}:// meant?" if has_tls else ""
        return f"cannot reach Redis at {place}: no answer in time{hint}"
    if any(isinstance(link, ConnectionResetError) for link in chain) or "closed" in said:
        return f"cannot reach Redis at {place}: it hung up; is {other}:// meant?"
    return f"cannot reach Redis at {place}: {_cause(chain)}"


def _no_redis(place: str, said: str) -> str:
    if any(sign in said for sign in _HTTP):
        return f"what answers at {place} is a web server and no Redis: correct the port"
    if any(sign in said for sign in _TLS_ALERT):
        return f"Redis at {place} wants TLS: write rediss://, or name its plain port"
    return f"what answers at {place} is no Redis: correct host and port"


def _has(chain: list[BaseException], kind: str) -> bool:
    return any(base.__name__ == kind for link in chain for base in type(link).__mro__)


def _chain(error: BaseException) -> list[BaseException]:
    """Return the error and what led to it."""
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain:
        chain.append(current)
        current = current.__cause__ or current.__context__
    return chain


def _cause(chain: list[BaseException]) -> str:
    """Return the system's own words, or the name of a class: neither quotes what was sent."""
    for link in chain:
        if isinstance(link, OSError) and link.errno and link.errno > 0:
            return os.strerror(link.errno)
    if any("Name or service" in str(link) or "getaddrinfo" in str(link) for link in chain):
        return "no such host"
    return type(chain[0]).__name__
