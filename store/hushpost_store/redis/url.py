"""A Redis URL as an operator writes it.

    redis://[[user]:password@]host[:port][,host[:port]...][/0]    rediss:// for TLS

Several hosts are seeds of one cluster: whichever answers names the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from hushpost_store import errors
from hushpost_store.redis.address import Address

_DEFAULT_PORT = 6379


class UrlUnusable(errors.StoreMisuse):
    """The URL does not name a Redis server; the message says how one is written."""


@dataclass(frozen=True, slots=True, repr=False)
class RedisUrl:
    """What a URL says. Its repr shows no password."""

    seeds: tuple[Address, ...]
    user: str | None
    password: str | None
    has_tls: bool

    def __repr__(self) -> str:
        places = ", ".join(f"{seed.host}:{seed.port}" for seed in self.seeds)
        return f"RedisUrl({places}{', TLS' if self.has_tls else ''})"

    @classmethod
    def parse(cls, text: str) -> RedisUrl:
        """Read a URL. Raises UrlUnusable, which quotes nothing of it: it may hold a password."""
        parts = urlsplit(text)
        if parts.scheme not in ("redis", "rediss"):
            raise UrlUnusable("write the Redis URL as redis://host:port or rediss://host:port")
        if parts.path not in ("", "/", "/0") or parts.query or parts.fragment:
            raise UrlUnusable("the Redis URL ends after host and port: only database 0 is used")
        credentials, _, places = parts.netloc.rpartition("@")
        user, _, password = credentials.partition(":")
        return cls(
            tuple(_seed(place) for place in places.split(",")),
            unquote(user) or None,
            unquote(password) or None,
            parts.scheme == "rediss",
        )


def _seed(place: str) -> Address:
    host, colon, port = place.rpartition(":")
    if not colon or place.endswith("]"):
        host, port = place, str(_DEFAULT_PORT)
    if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise UrlUnusable("write each Redis server as host:port")
    return Address(host.strip("[]"), int(port))
