"""A Redis URL as an operator writes it.

    redis://[[user]:password@]host[:port][,host[:port]...][/0]    rediss:// for TLS

Several hosts are seeds of one cluster: whichever answers names the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Final
from urllib.parse import unquote

from hushpost_store import errors
from hushpost_store.redis.address import Address

_DEFAULT_PORT: Final = 6379
# Of the system of names (RFC 1035, section 2.3.4).
_LABEL_CHARACTERS_MAX: Final = 63


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
        """Read a URL. Raises UrlUnusable, which quotes nothing of it: it may hold a password.

        Not by the library's reader: it raises an error that quotes the password where one holds a
        bracket, and lets others pass in pieces.
        """
        scheme, mark, rest = text.strip().partition("://")
        if not mark or scheme.lower() not in ("redis", "rediss"):
            raise UrlUnusable("write the Redis URL as redis://host:port or rediss://host:port")
        if not rest.isascii() or not rest.isprintable() or " " in rest:
            raise UrlUnusable(
                "the Redis URL holds a space, a line end or what is not ASCII: write that as"
                " percent and two hexadecimal digits, a space as %20"
            )
        credentials, at, places = rest.rpartition("@")
        user, password = _credentials(credentials) if at else (None, None)
        places, _, path = places.partition("/")
        if path not in ("", "0") or set("?#") & set(places):
            raise UrlUnusable("the Redis URL ends after host and port: only database 0 is used")
        seeds = tuple(_seed(place) for place in places.split(","))
        return cls(seeds, user, password, scheme.lower() == "rediss")


def _credentials(text: str) -> tuple[str | None, str | None]:
    if set("/?#[]") & set(text):
        raise UrlUnusable(
            "user and password in the Redis URL hold one of / ? # [ ]: write those with percent,"
            " as %2F %3F %23 %5B %5D"
        )
    user, colon, password = text.partition(":")
    if user and not colon:
        raise UrlUnusable(
            "the Redis URL names a user without a password: write redis://user:password@host, or"
            " redis://:password@host"
        )
    return unquote(user) or None, unquote(password) or None


def _seed(place: str) -> Address:
    host, colon, port = place.rpartition(":")
    if not colon or place.endswith("]"):
        host, port = place, str(_DEFAULT_PORT)
    if not host or not port.isdecimal() or not 0 < int(port[:6]) < 65_536:
        raise UrlUnusable("write each Redis server as host:port")
    return Address(_host(host), int(port))


def _host(text: str) -> str:
    if not set("[]:") & set(text):
        if not all(
            0 < len(label) <= _LABEL_CHARACTERS_MAX for label in text.removesuffix(".").split(".")
        ):
            raise UrlUnusable("the host in the Redis URL is no name of a host: host:port")
        return text
    try:
        if not (text.startswith("[") and text.endswith("]")):
            raise ValueError
        return str(IPv6Address(text[1:-1]))
    except ValueError:
        raise UrlUnusable(
            "write an IPv6 address in the Redis URL in brackets: redis://[::1]:6379"
        ) from None
