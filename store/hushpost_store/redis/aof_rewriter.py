"""Deleted envelopes leave the append-only files too (docs/spec/store.md, "Deletion", of Redis).

Redis appends what was deleted as a deletion and keeps the envelope in its log until the log is
rewritten from what is in memory. Here that is asked for when the oldest deletion is old enough, or
when enough was deleted, of every server that has a copy: primaries, then replicas, one at a time,
so that no two of them are busy with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from hushpost_store import errors
from hushpost_store.redis import answers
from hushpost_store.redis.address import Address
from hushpost_store.redis.command import ServerError
from hushpost_store.redis.keys import STORE_KEY
from hushpost_store.redis.options import RedisOptions
from hushpost_store.redis.replication import replicas_of
from hushpost_store.redis.shards import Shards

LOOK_SECONDS: Final = 1.0
# A rewrite copies what is in memory; a server that is not done after this long is stuck.
REWRITE_SECONDS_MAX: Final = 300.0
REWRITE_LOOK_SECONDS: Final = 0.1
# How far the clocks of two relays may differ when one relies on a rewrite that the other asked for.
CLOCKS_APART_SECONDS: Final = 10.0
_REWRITTEN: Final = b"rewritten"


class AofRewriter:
    """Knows since when deleted bytes may be in a log. `clock` is the relay's."""

    def __init__(self, shards: Shards, options: RedisOptions, clock: Callable[[], float]) -> None:
        self._shards = shards
        self._options = options
        self._clock = clock
        self._since: float | None = None
        self._bytes = 0
        self._rewriting_since: float | None = None
        self._task: asyncio.Task[None] | None = None
        self.rewrites = 0

    def start(self) -> None:
        """Begin to look whether a rewrite is due."""
        self._task = asyncio.create_task(self._look())

    async def stop(self) -> None:
        """Stop looking; what is not rewritten yet is owed by the next relay that starts."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def deleted(self, deleted_bytes: int = 0) -> None:
        """Note that something was deleted now."""
        if self._since is None:
            self._since = self._clock()
        self._bytes += deleted_bytes

    def lag(self, now: float) -> float:
        """Return the seconds since the oldest deletion that may still be in a log."""
        oldest = _earlier(self._since, self._rewriting_since)
        return 0.0 if oldest is None else max(0.0, now - oldest)

    def is_due(self) -> bool:
        """Whether the oldest deletion is old enough, or enough was deleted."""
        options = self._options
        return self._since is not None and (
            self._clock() - self._since >= options.rewrite_after_seconds
            or self._bytes >= options.rewrite_after_bytes
        )

    async def rewrite(self) -> None:
        """Have every server rewrite its log, unless another relay just did. Raises StoreFault."""
        await self._rely_on_others()
        if self._since is None:
            return
        begun = self._clock()
        self._rewriting_since, self._since, self._bytes = self._since, None, 0
        try:
            for server in await self._servers():
                await self._rewrite_at(server)
            await self._shards.ask(STORE_KEY, b"HSET", STORE_KEY, _REWRITTEN, int(begun))
        except BaseException:
            self._since = _earlier(self._rewriting_since, self._since)
            raise
        finally:
            self._rewriting_since = None
        self.rewrites += 1

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if self.is_due():
                # Tried again at the next look; the lag tells the operator meanwhile.
                with suppress(errors.StoreFault):
                    await self.rewrite()

    async def _rely_on_others(self) -> None:
        """Forget deletions that a rewrite of another relay, begun after them, has taken out."""
        found = await self._shards.ask(STORE_KEY, b"HGET", STORE_KEY, _REWRITTEN)
        if found is None or self._since is None:
            return
        rewritten = int(answers.blob(found)) - CLOCKS_APART_SECONDS
        if self._since < rewritten:
            # Some may be younger than that rewrite: they count as if they were as old as it.
            self._since = rewritten
            if not self.is_due():
                self._bytes = 0

    async def _servers(self) -> list[Address]:
        servers = [*self._shards.primaries]
        for primary in self._shards.primaries:
            servers += await replicas_of(self._shards, primary)
        return servers

    async def _rewrite_at(self, server: Address) -> None:
        async with asyncio.timeout(REWRITE_SECONDS_MAX):
            state = await self._idle(server)
            if state["aof_enabled"] != "1":
                return
            await self._shards.ask_server(server, b"BGREWRITEAOF")
            state = await self._idle(server)
        if state["aof_last_bgrewrite_status"] != "ok":
            raise ServerError("a server could not rewrite its log: look at its disk")

    async def _idle(self, server: Address) -> dict[str, str]:
        """Wait until the server rewrites nothing, and return what it says of its log."""
        while True:
            answer = await self._shards.ask_server(server, b"INFO", b"persistence")
            pairs = (line.split(":", 1) for line in answers.blob(answer).decode().splitlines())
            state = {pair[0]: pair[1] for pair in pairs if len(pair) == 2}
            if state["aof_rewrite_in_progress"] == state["aof_rewrite_scheduled"] == "0":
                return state
            await asyncio.sleep(REWRITE_LOOK_SECONDS)


def _earlier(one: float | None, other: float | None) -> float | None:
    return min((moment for moment in (one, other) if moment is not None), default=None)
