"""Several connections to one server, used as one.

A server takes only so much from a connection before it syncs and answers (16 KiB and a little
more): a dozen small envelopes, four large ones. With several connections a sync serves as many
times that, and a group that waits for its replicas stops only its own lane. All commands of a slot
go the same way, so their order holds; between slots there is none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from hushpost_store import errors
from hushpost_store.redis.command import Answer, Command
from hushpost_store.redis.node_link import NodeLink

# More than a server reads at once, and less than what it takes for large and reads aside (32 KiB).
_ZEROS: Final = bytes(30_000)


class Lanes:
    """Open links to one server. When one is lost, all are: `on_lost` is told once."""

    def __init__(
        self,
        make_link: Callable[[Callable[[NodeLink], None]], NodeLink],
        count: int,
        on_lost: Callable[[Lanes], None],
    ) -> None:
        self._links = tuple(make_link(self._one_lost) for _ in range(count))
        self._on_lost = on_lost
        self._is_open = False

    async def open(self) -> None:
        """Connect all. Raises ConnectionLost."""
        opening = [asyncio.ensure_future(link.open()) for link in self._links]
        try:
            opened = await asyncio.gather(*opening, return_exceptions=True)
        except asyncio.CancelledError:
            await asyncio.gather(*opening, return_exceptions=True)
            await self.close()
            raise
        self._is_open = True
        for problem in opened:
            if isinstance(problem, BaseException):
                await self.close()
                raise problem
        if not all(link.is_open for link in self._links):  # lost while another one was opened
            await self.close()
            raise errors.StoreFault("a connection to Redis ended at once")

    @property
    def is_open(self) -> bool:
        """Whether none was lost since they were opened."""
        return self._is_open

    @property
    def has_life(self) -> bool:
        """Whether the server was a primary when these were opened, and since."""
        return all(link.life is not None for link in self._links)

    @property
    def silent_seconds(self) -> float:
        """How long the server has answered nothing on one of them while something waits there."""
        return max(link.silent_seconds for link in self._links)

    def knows_life(self, command: Command) -> bool:
        """Whether the lane of this command can say in which life the server numbers."""
        return self._lane(command).life is not None

    def forget_life(self) -> None:
        """Note that the server is no primary now: if it is one again, it may have forgotten."""
        for link in self._links:
            link.life = None

    async def teach_calmly(self) -> None:
        """Give the server our scripts before anything else. Raises StoreFault; then close these."""
        await asyncio.gather(*(link.teach_calmly() for link in self._links))

    def teach(self) -> None:
        """Give the server our scripts anew, before whatever goes through any lane from now on."""
        for link in self._links:
            link.teach()

    def overwrite_buffers(self) -> None:
        """Send zeros each way: what went last stays in the server's buffers of a connection."""
        for link in self._links:
            link.send(Command((b"ECHO", _ZEROS), None, _no_matter))

    async def ask(self, *arguments: bytes | int) -> Answer:
        """Send a command that concerns no slot. Raises StoreFault."""
        return await self._links[0].ask(*arguments)

    def send(self, command: Command) -> None:
        """See `NodeLink.send`."""
        self._lane(command).send(command)

    async def close(self) -> None:
        """End every connection; what waits for an answer is told that it is lost."""
        self._is_open = False
        await asyncio.gather(*(link.close() for link in self._links))

    def _lane(self, command: Command) -> NodeLink:
        slot = command.slot
        return self._links[0 if slot is None else slot % len(self._links)]

    def _one_lost(self, _link: NodeLink) -> None:
        if self._is_open:
            self._is_open = False
            self._on_lost(self)
            for link in self._links:
                link.lose()


def _no_matter(_answer: object) -> None:
    """Take an answer that nobody waits for."""
