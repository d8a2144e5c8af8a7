"""Looking at many mailboxes at once: one script a server answers only for what has changed.

A relay looks once a second at each mailbox that is logged in on it (docs/spec/store.md, "Many
relays"). Asked one by one that took 19 us of the relay's processor a mailbox, and takes 3 like
this: nearly all of them are as they were.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from hushpost_store import errors
from hushpost_store.redis import answers
from hushpost_store.redis.address import Address
from hushpost_store.redis.command import Answer, Redirected
from hushpost_store.redis.keys import mailbox_keys
from hushpost_store.redis.scripts import all_scripts
from hushpost_store.redis.shards import Shards

# Mailboxes that one script looks at: a server is busy with it for half a millisecond.
LOOKS_AT_ONCE: Final = 100


class Standing(NamedTuple):
    """How a mailbox stands, as the server wrote it; None for what it does not have.

    `held` is the epoch of the login when it was asked: one that began meanwhile is not judged by
    this, since it may have been carried out after the look.
    """

    route: bytes
    held: int
    epoch: Answer
    last: Answer
    node: Answer


class Look:
    """Remembers the last sequences that it told of, and tells what is otherwise now."""

    def __init__(self, shards: Shards, node: str) -> None:
        self._shards = shards
        self._node = node.encode()
        self._last: dict[bytes, bytes] = {}
        # Servers that owe the answer to an earlier look.
        self._owing: set[Address | None] = set()

    async def look(self, logins: Mapping[bytes, int], tell: Callable[[Standing], None]) -> None:
        """Tell what does not stand as `logins` and the look before say; returns when all answered.

        Each server's is told when it answers, and looks may overlap: one that hangs is passed over
        and keeps nobody else's mailboxes from being looked at in time.
        """
        held = dict(logins)
        self._last = {route: last for route, last in self._last.items() if route in held}
        asked = (
            self._look_at(server, routes, held, tell)
            for server, routes in self._by_server(held).items()
            if server not in self._owing
        )
        for failed in await asyncio.gather(*asked, return_exceptions=True):
            if isinstance(failed, BaseException):
                raise failed

    async def _look_at(
        self,
        server: Address | None,
        routes: Sequence[bytes],
        held: Mapping[bytes, int],
        tell: Callable[[Standing], None],
    ) -> None:
        self._owing.add(server)
        try:
            groups = range(0, len(routes), LOOKS_AT_ONCE)
            found = await asyncio.gather(
                *(self._at(server, routes[at : at + LOOKS_AT_ONCE], held) for at in groups)
            )
        finally:
            self._owing.discard(server)
        for standing in (one for some in found for one in some):
            if isinstance(standing.last, bytes):
                self._last[standing.route] = standing.last
            tell(standing)

    async def one(self, route: bytes, held: int) -> Standing:
        """Return how one mailbox stands, wherever it is now. Raises StoreFault."""
        key = mailbox_keys(route)[0]
        answer = await self._shards.ask(key, b"HMGET", key, b"epoch", b"last", b"node")
        return Standing(route, held, *answers.items(answer))

    def _by_server(self, logins: Mapping[bytes, int]) -> dict[Address | None, list[bytes]]:
        owned: defaultdict[Address | None, list[bytes]] = defaultdict(list)
        for route in logins:
            owned[self._owner(route)].append(route)
        return owned

    def _owner(self, route: bytes) -> Address | None:
        try:
            return self._shards.owner_of(mailbox_keys(route)[0])
        except errors.StoreFault:
            return None

    async def _at(
        self, server: Address | None, routes: Sequence[bytes], held: Mapping[bytes, int]
    ) -> list[Standing]:
        if server is None:
            return []
        given: list[bytes | int] = [self._node]
        for route in routes:
            given += (mailbox_keys(route)[0], held[route], self._last.get(route, b""))
        sha = all_scripts()["look"].sha
        try:
            answer = await self._shards.ask_server(server, b"EVALSHA", sha, 0, *given)
        except Redirected:  # it was not taught, or is no primary any more
            return await self._one_by_one(routes, held)
        except errors.StoreFault:
            return []
        here: list[Standing] = []
        elsewhere: list[bytes] = []
        for row in answers.items(answer):
            place, *stands = answers.items(row)
            route = routes[answers.number(place)]
            if stands:
                here.append(Standing(route, held[route], *stands))
            else:
                elsewhere.append(route)
        return here + await self._one_by_one(elsewhere, held)

    async def _one_by_one(
        self, routes: Sequence[bytes], held: Mapping[bytes, int]
    ) -> list[Standing]:
        asked = (self.one(route, held[route]) for route in routes)
        found = await asyncio.gather(*asked, return_exceptions=True)
        return [standing for standing in found if isinstance(standing, Standing)]
