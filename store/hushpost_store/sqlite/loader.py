"""Bringing mailboxes into the cache, each once at a time (docs/spec/store.md, "Interface").

What is submitted to a mailbox while it loads is held by the intake and decided, in order, in the
moment in which the mailbox is there.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator

from hushpost_store import errors
from hushpost_store.admission import MailboxState
from hushpost_store.sqlite import mailboxes
from hushpost_store.sqlite.intake import Intake
from hushpost_store.sqlite.mailbox_cache import NOT_LOADED, MailboxCache
from hushpost_store.sqlite.writer import Writer


class MailboxLoader:
    """Loads through the writer's queue, so that what was queued before is in what is loaded."""

    def __init__(self, writer: Writer, cache: MailboxCache, intake: Intake) -> None:
        self._writer = writer
        self._cache = cache
        self._intake = intake
        self._buckets: tuple[int, ...] = ()
        self._loads: dict[bytes, asyncio.Future[MailboxState | None]] = {}

    def start(self, buckets: tuple[int, ...]) -> None:
        """Begin to load from the tables that exist."""
        self._buckets = buckets

    def load(self, route: bytes) -> asyncio.Future[MailboxState | None]:
        """Have a mailbox loaded; what is held for it is decided as soon as it is there."""
        loading = self._loads.get(route)
        if loading is not None:
            return loading

        def loaded(mailbox: MailboxState | None) -> None:
            self._cache.put(route, mailbox)
            self._intake.release(route)

        def ended(_: asyncio.Future[MailboxState | None]) -> None:
            self._loads.pop(route, None)
            # Nothing is held any more, but where loading failed: then it is to come again.
            self._intake.release(route)

        loading = self._writer.post(
            lambda connection: mailboxes.load(connection, route, self._buckets), loaded
        )
        self._loads[route] = loading
        loading.add_done_callback(ended)
        return loading

    @contextlib.asynccontextmanager
    async def pinned(self, route: bytes) -> AsyncGenerator[MailboxState]:
        """Give the mailbox, loaded, and keep it loaded meanwhile. Raises MailboxUnknown."""
        while (mailbox := self._cache.get(route)) is NOT_LOADED:
            await asyncio.shield(self.load(route))
        if not isinstance(mailbox, MailboxState):
            raise errors.MailboxUnknown("no mailbox has this route")
        mailbox.pins += 1
        try:
            yield mailbox
        finally:
            mailbox.pins -= 1
