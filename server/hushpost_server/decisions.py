"""When the store has decided about everything that was submitted so far: what a tick asks it.

Refuses to know: what was submitted, and how it was decided.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from hushpost_store.errors import StoreFault
from hushpost_store.interface import Holding, Store


class Decisions:
    """Asks one store. `end` it when every connection has ended, before the store is closed."""

    def __init__(self, store: Store) -> None:
        # Of a store without holding each decision goes the same way, known or not.
        self._store = store if isinstance(store, Holding) else None
        self._asking: set[asyncio.Task[None]] = set()

    def when_made(self, tell: Callable[[], None]) -> None:
        """Call `tell` when all is decided that was submitted before this."""
        if self._store is None:
            tell()
            return
        task = asyncio.get_running_loop().create_task(_tell_then(self._store, tell))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def end(self) -> None:
        """Wait for what was asked, and ask nothing more: a last tick may outlive all who wait."""
        store, self._store = self._store, None
        if store is not None:
            await asyncio.gather(*self._asking, return_exceptions=True)


async def _tell_then(store: Holding, tell: Callable[[], None]) -> None:
    # A store that fails, or closes, has decided too: it refuses what it cannot look up.
    with contextlib.suppress(StoreFault):
        await store.commit_hold.decided()
    tell()
