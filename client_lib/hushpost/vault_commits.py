"""Groups of the vault's transactions that become durable together (docs/vault.md, 3).

    begin -> SAVEPOINT, body, RELEASE (keep) or ROLLBACK TO (undo) -> ... -> settle: COMMIT, once

The statements run on the event loop, the COMMIT in the vault's own thread. Whose turn it is,
`vault` decides: nothing here locks, and nothing here knows rows.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from hushpost.errors import VaultError, VaultFull, VaultUncertain
from hushpost.vault_schema import roll_back, vault_error

_Result = TypeVar("_Result")


class Commits:
    """The open group, if there is one. The caller holds the vault's turn around every call.

    ``begun`` is told of each new group and has to see to it that `settle` is called;
    ``settled`` is told when one became durable.
    """

    def __init__(
        self,
        writer: sqlite3.Connection,
        thread: ThreadPoolExecutor,
        *,
        begun: Callable[[], None],
        settled: Callable[[], None],
    ) -> None:
        self._writer = writer
        self._thread = thread
        self._begun = begun
        self._settled = settled
        self._group: asyncio.Future[None] | None = None
        # Why nobody knows what the file holds; until it is opened again nothing may follow.
        self.uncertain: VaultUncertain | None = None

    def begin(self) -> asyncio.Future[None]:
        """Begin a transaction; gives what is done when its group is durable, or failed."""
        try:
            if self._group is None:
                self._writer.execute("BEGIN IMMEDIATE")
                self._group = asyncio.get_running_loop().create_future()
                # A caller may be cancelled before it looks; the failure is then nobody's.
                self._group.add_done_callback(_look_at)
                self._begun()
            self._writer.execute("SAVEPOINT one")
        except sqlite3.Error as error:
            raise vault_error(error) from None
        return self._group

    def keep(self) -> None:
        """End the transaction; it is durable when its group is."""
        try:
            self._writer.execute("RELEASE one")
        except sqlite3.Error as error:
            raise vault_error(error) from None

    def undo(self, group: asyncio.Future[None]) -> None:
        """Undo one transaction; if SQLite has undone them all (disk full), fail the whole group."""
        with suppress(sqlite3.Error):
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK TO one")
                self._writer.execute("RELEASE one")
                return
        roll_back(self._writer)
        self._group = None
        group.set_exception(VaultFull("the disk refused to store a change: free some space"))

    async def settle(self) -> None:
        """Commit the open group, if there is one, and tell its callers."""
        group, self._group = self._group, None
        if group is None:
            return
        try:
            await self.run(self._commit)
        except VaultError as error:
            group.set_exception(error)
        except BaseException as error:
            # The interpreter ends or the thread is gone: nobody may wait for ever.
            group.set_exception(VaultFull(f"a commit was cut off ({type(error).__name__})"))
            raise
        else:
            group.set_result(None)
            self._settled()

    def run(self, function: Callable[[], _Result]) -> asyncio.Future[_Result]:
        """Run ``function`` in the vault's thread."""
        return asyncio.get_running_loop().run_in_executor(self._thread, self._watch, function)

    def _watch(self, function: Callable[[], _Result]) -> _Result:
        """Run ``function``; after a sync that failed, no other change may follow (docs, 4)."""
        try:
            return function()
        except VaultUncertain as error:
            self.uncertain = error
            raise

    def _commit(self) -> None:
        try:
            self._writer.execute("COMMIT")
        except sqlite3.Error as error:
            roll_back(self._writer)
            raise vault_error(error) from None


def _look_at(group: asyncio.Future[None]) -> None:
    if not group.cancelled():
        group.exception()
