"""Overhears what relays on one Redis tell each other (docs/spec/store.md, "Many relays").

A relay listens on a channel of its own, on the server that owns the channel's slot; so does this.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from struct import Struct
from typing import Final

from hushpost_demo.errors import RedisSilent
from hushpost_demo.redis_look import home_of
from hushpost_demo.redis_questions import asking, blob, items
from hushpost_demo.redis_servers import RedisCluster

# Nothing is said for so long only when nobody says anything.
SILENCE_SECONDS_MAX: Final = 60.0
# A letter, a mailbox, and the number up to which mail waits in it.
_HINT: Final = Struct(">c16sQ")


@dataclass(slots=True)
class Overheard:
    """The hints that came by, whole."""

    payloads: list[bytes] = field(default_factory=list[bytes])

    def mailboxes(self) -> list[bytes]:
        """Give the mailboxes of which it was said that mail waits, in order."""
        return [
            route
            for payload in self.payloads
            if payload[:1] == b"m" and len(payload) % _HINT.size == 0
            for _, route, _ in _HINT.iter_unpack(payload)
        ]

    @property
    def bytes_max(self) -> int:
        """The size of the longest."""
        return max(map(len, self.payloads), default=0)


@asynccontextmanager
async def overhearing(cluster: RedisCluster, node: bytes) -> AsyncGenerator[Overheard]:
    """Listen to what is said to a relay by its name, from the moment the block begins."""
    channel = b"{" + node + b"}:wake"
    overheard = Overheard()
    async with asking((await home_of(cluster, channel)).primary) as server:
        await server.ask(b"SSUBSCRIBE", channel)

        async def listen() -> None:
            with suppress(RedisSilent):
                while True:
                    kind, _, payload = items(await server.hear(SILENCE_SECONDS_MAX))
                    if kind == b"smessage":
                        overheard.payloads.append(blob(payload))

        listening = asyncio.create_task(listen())
        try:
            yield overheard
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
