"""Connections to servers by their address, opened when something is sent there.

Who cannot be reached is tried again at most every tenth of a second, however much is asked of it.
What waits for a connection goes out in its order.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from functools import partial
from typing import Final

from hushpost_store import errors
from hushpost_store.redis.address import Address
from hushpost_store.redis.barrier import Barrier
from hushpost_store.redis.command import Command, ConnectionLost
from hushpost_store.redis.connection import ServerConnection
from hushpost_store.redis.lanes import Lanes
from hushpost_store.redis.node_link import NodeLink
from hushpost_store.redis.options import RedisOptions
from hushpost_store.redis.url import RedisUrl

AWAY_SECONDS: Final = 0.1
# What waits at most for a server that could not be reached when it was tried last: what waits is
# bounded for all servers together, and the others' mail must not be held up.
WAITING_BYTES_MAX: Final = 1 << 20
# Scripts that were flushed are missed by every command on its way, and taught once.
TEACH_PAUSE_SECONDS: Final = 0.05
_CLOSE_AGAIN_SECONDS: Final = 0.5


# Raises StoreFault where a server may not be used.
Check = Callable[[Address, Lanes], Awaitable[None]]


class Links:
    """`on_absent` is told when no connection to a server came about."""

    def __init__(self, url: RedisUrl, options: RedisOptions, on_absent: Callable[[], None]) -> None:
        self._url = url
        self._options = options
        self._on_absent = on_absent
        self._open: dict[Address, Lanes] = {}
        self._opening: dict[Address, asyncio.Task[None]] = {}
        self._before_open: dict[Address, list[Command]] = {}
        self._before_bytes: Counter[Address] = Counter()
        # Servers to which no connection came about, and when one may be tried again.
        self._away: dict[Address, float] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._taught_at = 0.0
        self._is_closed = False
        # Set before links are opened: which barrier they keep, and who looks at a primary before it
        # is given anything.
        self.barrier: Barrier | None = None
        self.check: Check | None = None

    async def open(self, address: Address) -> None:
        """Connect. Raises StoreFault."""
        lanes = Lanes(
            partial(self.link, address),
            self._options.connections_per_server,
            partial(self._lost, address),
        )
        await lanes.open()
        try:
            if self.check is not None and lanes.has_life:
                await self.check(address, lanes)
            await lanes.teach_calmly()
            if not lanes.is_open:  # nobody is told of it that would open others
                raise ConnectionLost("a connection to Redis ended at once")
        except BaseException:
            await lanes.close()
            raise
        self._open[address] = lanes

    async def reopen(self) -> None:
        """Replace every link, for a barrier that was chosen after the first look."""
        for address, lanes in [*self._open.items()]:
            del self._open[address]
            await lanes.close()
            await self.open(address)

    async def close(self) -> None:
        """Close all; what waits for an answer is told that it is lost, and what comes later."""
        self._is_closed = True
        left = {*self._opening.values(), *self._closing}
        while left:
            for task in self._opening.values():
                task.cancel()
            # Again, if need be: connecting may take a cancellation for a failure of its own.
            _, left = await asyncio.wait(left, timeout=_CLOSE_AGAIN_SECONDS)
        await asyncio.gather(*(lanes.close() for lanes in [*self._open.values()]))
        self._open.clear()

    def link(self, address: Address, on_lost: Callable[[NodeLink], None]) -> NodeLink:
        """Return one connection, to be opened."""
        connection = ServerConnection(self._url, address, self._options.connect_seconds_max)
        return NodeLink(connection, self._options.answer_seconds_max, on_lost, self.barrier)

    def send(self, address: Address, command: Command) -> None:
        """Send a command to one server, connecting to it first if need be."""
        lanes = self._open.get(address)
        if lanes is not None and command.takes_life and not lanes.knows_life(command):
            # Connected while it was a replica: what it was called then says nothing now.
            self.drop(address)
            lanes = None
        if lanes is not None:
            lanes.send(command)
        elif self._is_closed:
            command.answer(ConnectionLost("the store is closed"))
        elif address in self._away and self._before_bytes[address] > WAITING_BYTES_MAX:
            command.answer(ConnectionLost("a server is away, and much waits for it already"))
        else:
            self._before_open.setdefault(address, []).append(command)
            self._before_bytes[address] += command.size
            if address not in self._opening:
                self._opening[address] = asyncio.create_task(self._connect(address))

    def drop(self, address: Address | None) -> None:
        """Close the connections to a server, to open others; what waits there is told so."""
        lanes = self._open.pop(address, None) if address is not None else None
        if lanes is not None:
            self._in_background(lanes.close())

    def drop_silent(self, seconds: float) -> None:
        """Leave each server that has answered nothing for so long: what waits there is told so."""
        for address, lanes in [*self._open.items()]:
            if lanes.silent_seconds > seconds:
                self._away[address] = 0.0
                self.drop(address)

    def teach(self) -> None:
        """Give all servers our scripts: flushed by an operator, or a replica that took over.

        Once for all commands that were on their way meanwhile: each would have it done again.
        """
        if time.monotonic() - self._taught_at >= TEACH_PAUSE_SECONDS:
            self._taught_at = time.monotonic()
            for lanes in self._open.values():
                lanes.teach()

    def forget_lives_but(self, primaries: Collection[Address]) -> None:
        """Note that the other servers are no primaries now."""
        for address, lanes in self._open.items():
            if address not in primaries:
                lanes.forget_life()

    def overwrite_buffers(self) -> None:
        """Have every server write over what its buffers of our connections held last."""
        for lanes in self._open.values():
            lanes.overwrite_buffers()

    # -- inner ----------------------------------------------------------------------------------

    async def _connect(self, address: Address) -> None:
        """Connect anew; what was given meanwhile follows, or is told that nobody is there."""
        fault: errors.StoreFault = ConnectionLost("the store is closed")
        try:
            await asyncio.sleep(self._away.get(address, 0.0) - time.monotonic())
            await self.open(address)
        except errors.StoreFault as failed:
            fault = failed
            self._away[address] = time.monotonic() + AWAY_SECONDS
            self._on_absent()
        else:
            self._away.pop(address, None)
        finally:
            del self._opening[address]
            waiting = self._before_open.pop(address, [])
            del self._before_bytes[address]
            lanes = self._open.get(address)
            if lanes is None:
                _fail(waiting, fault)
        if lanes is not None:
            for command in waiting:
                lanes.send(command)

    def _lost(self, address: Address, lanes: Lanes) -> None:
        if self._open.get(address) is lanes:
            del self._open[address]
            self._in_background(lanes.close())

    def _in_background(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


def _fail(commands: Sequence[Command], fault: errors.StoreFault) -> None:
    for command in commands:
        command.answer(fault)
