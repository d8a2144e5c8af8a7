"""Looking who owns what: at most one look at a time, whoever asks, and not the word of the lost.

A server that lost sight of the others, or its memory of them, tells the owners of a time that is
over, or none at all. So one is believed that is in touch with the majority (`cluster_state:ok`),
and only if there is none the one that knows of most slots.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Final

from hushpost_store import errors
from hushpost_store.redis.address import Address
from hushpost_store.redis.node_link import NodeLink
from hushpost_store.redis.topology import Topology

# Servers that are asked side by side: one that hangs holds up none of them.
_ASKED_AT_ONCE: Final = 8


class Lookout:
    """Asks the seeds, and every server that was named since."""

    def __init__(self, seeds: Sequence[Address], link_to: Callable[[Address], NodeLink]) -> None:
        self._seeds = tuple(seeds)
        self._link_to = link_to
        self._known: tuple[Address, ...] = ()
        # Who answered last and was in touch with the others: asked first, and mostly alone.
        self._reliable: tuple[Address, ...] = ()
        self._look: asyncio.Task[Topology] | None = None
        self._began = 0.0
        self.is_cluster = False

    async def look(self, since: float | None = None) -> Topology:
        """Return who owns what, as a look that began after `since` saw it (None: from now on).

        Seconds of the monotonic clock. Raises StoreFault where nobody answers.
        """
        begun_after = time.monotonic() if since is None else since
        while self._look is None or self._began < begun_after:
            if self._look is not None and not self._look.done():
                await asyncio.wait((self._look,))
                continue
            self._began = time.monotonic()
            self._look = asyncio.create_task(self._ask_around())
            self._look.add_done_callback(_heard)
        return await asyncio.shield(self._look)

    async def close(self) -> None:
        """Look no more."""
        if self._look is not None:
            self._look.cancel()
            await asyncio.gather(self._look, return_exceptions=True)

    async def _ask_around(self) -> Topology:
        best: Topology | None = None
        problem: errors.StoreFault = errors.StoreFault("no server was named")
        for addresses in self._groups():
            told, fault = await self._ask_some(addresses)
            problem = fault or problem
            if told is not None and (best is None or told.reliability > best.reliability):
                best = told
            if best is not None and best.is_whole:
                break
        if best is None:
            raise problem
        self._known = best.servers
        return best

    def _groups(self) -> Iterable[tuple[Address, ...]]:
        if self._reliable:
            yield self._reliable
        others = [a for a in dict.fromkeys((*self._seeds, *self._known)) if a not in self._reliable]
        for first in range(0, len(others), _ASKED_AT_ONCE):
            yield tuple(others[first : first + _ASKED_AT_ONCE])

    async def _ask_some(
        self, addresses: Sequence[Address]
    ) -> tuple[Topology | None, errors.StoreFault | None]:
        """Ask side by side; return the first that is whole, or else the best there is."""
        best: Topology | None = None
        problem: errors.StoreFault | None = None
        left = {asyncio.create_task(self._ask(address)) for address in addresses}
        try:
            while left and not (best is not None and best.is_whole):
                done, left = await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)
                for one in done:
                    try:
                        told = one.result()
                    except errors.StoreFault as fault:
                        problem = fault
                        continue
                    if best is None or told.reliability > best.reliability:
                        best = told
        finally:
            for one in left:
                one.cancel()
            await asyncio.gather(*left, return_exceptions=True)
        return best, problem

    async def _ask(self, address: Address) -> Topology:
        link = self._link_to(address)
        try:
            await link.open()
            info = await link.ask(b"INFO", b"cluster")
            if not (isinstance(info, bytes) and b"cluster_enabled:1" in info):
                self.is_cluster = False
                return Topology.single(address)
            state = await link.ask(b"CLUSTER", b"INFO")
            is_whole = isinstance(state, bytes) and b"cluster_state:ok" in state
            told = Topology.read(await link.ask(b"CLUSTER", b"SLOTS"), address, is_whole=is_whole)
            self.is_cluster = True
            if is_whole:
                self._reliable = (address,)
            return told
        finally:
            with suppress(errors.StoreFault):
                await link.close()


def _heard(look: asyncio.Task[Topology]) -> None:
    """Take note of a failure that nobody waits for any more."""
    if not look.cancelled():
        look.exception()
