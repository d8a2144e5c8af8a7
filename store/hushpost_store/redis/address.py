"""Where a server listens."""

from __future__ import annotations

from typing import NamedTuple


class Address(NamedTuple):
    """Host and port of one server."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str, default_host: str) -> Address:
        """Read `host:port` as a cluster writes it; an empty host is the one that said it."""
        host, _, port = text.rpartition(":")
        return cls(host or default_host, int(port))
