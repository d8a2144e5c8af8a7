"""Tells the operator when the store finds that the disk returned other bytes than it was given.

docs/spec/store.md, "Damage". What is damaged is not served; here it is said, once for each rise.
"""

from __future__ import annotations

from hushpost_store.interface import Store

from hushpost_server.logging import EventLog

PROBLEM = "the database is damaged: run `hushpost-relay check`, it says what to do"


class DamageWatch:
    """The relay calls `look` at its interval; it costs the store's figures."""

    def __init__(self, store: Store, log: EventLog) -> None:
        self._store = store
        self._log = log
        self._told = 0
        if store.stats().log_was_cut:
            log.write("log_cut")

    def look(self) -> int:
        """Return how much is damaged, having logged a rise."""
        damaged = self._store.stats().damaged
        if damaged > self._told:
            self._log.write("store_damaged", damaged=damaged)
        self._told = damaged
        return damaged
