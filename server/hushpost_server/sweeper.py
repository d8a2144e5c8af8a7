"""Deletes what has expired, on the relay's clock, and tells connected owners of it.

docs/spec/delivery.md section 6. A sweep that fails is logged and tried again at the next interval;
expired rows are never delivered in the meantime, since the store does not return them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from hushpost_store.errors import StoreError
from hushpost_store.interface import Store
from hushpost_store.rows import SweepReport

from hushpost_server.logging import EventLog
from hushpost_server.metrics import Counter


class Sweeper:
    """Runs one sweep at a time; the relay calls `sweep` at its interval."""

    def __init__(
        self,
        store: Store,
        *,
        now: Callable[[], float],
        expired: Counter,
        log: EventLog,
        notify: Callable[[SweepReport], Awaitable[None]],
    ) -> None:
        self._store = store
        self._now = now
        self._expired = expired
        self._log = log
        self._notify = notify
        self.failing = False
        """Whether the last sweep failed; health says so."""

    async def sweep(self) -> SweepReport | None:
        """Sweep once; None when the store could not."""
        try:
            report = await self._store.sweep(self._now())
            await self._notify(report)
        except StoreError as error:
            self.failing = True
            self._log.write("sweep_failed", error=error)
            return None
        except Exception:
            # A defect of ours, which the timer logs; health says that nothing is swept.
            self.failing = True
            raise
        self.failing = False
        self._expired.add(report.envelopes)
        if report.envelopes:
            self._log.write("sweep_done", expired=report.envelopes)
        lag = self._store.deletion_lag(self._now())
        if lag > self._store.stats().deletion_seconds_max:
            self._log.write("deletion_late", seconds=int(lag))
        return report
