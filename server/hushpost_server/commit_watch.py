"""Says in the log that the store did not take what it was given: at once, then every ten seconds.

Each failed commit is answered to its sender (RETRY); a line for each would fill a disk that may be
full already.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from hushpost_store.interface import Store

from hushpost_server.logging import EventLog

LINES_APART_SECONDS: Final = 10.0


class CommitWatch:
    """`failed` notes a request that failed; the relay calls `look` at its interval."""

    def __init__(self, store: Store, log: EventLog, loop_time: Callable[[], float]) -> None:
        self._store = store
        self._log = log
        self._loop_time = loop_time
        self._told_at = float("-inf")
        self._counted = store.stats().failed_envelopes
        self._untold = 0
        self.is_failing = False
        """Whether commits fail at present."""

    def failed(self, error: Exception) -> None:
        """Note a control request that the store failed."""
        self._untold += 1
        self._tell(error)  # and not kept: its traceback would hold what was asked

    def look(self) -> None:
        """Note the submissions that failed since the last look, and the end of it."""
        stats = self._store.stats()
        self._untold += stats.failed_envelopes - self._counted
        self._counted = stats.failed_envelopes
        self._tell(None)
        quiet = self._loop_time() - self._told_at > LINES_APART_SECONDS
        if self.is_failing and quiet and not stats.faulty:
            self.is_failing = False
            self._log.write("commits_resumed")

    def _tell(self, error: Exception | None) -> None:
        now = self._loop_time()
        if not self._untold or now - self._told_at < LINES_APART_SECONDS:
            return
        self._log.write("commit_failed", failed=self._untold, error=error)
        self._untold, self._told_at = 0, now
        self.is_failing = True
