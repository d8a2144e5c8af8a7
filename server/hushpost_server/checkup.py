"""What a relay says about itself: `/health`, and the gauges beside it.

Problems are sentences for whoever operates the relay; none holds a password, a person or a key.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hushpost_store.interface import Store

from hushpost_server.configuration import Configuration
from hushpost_server.damage_watch import PROBLEM
from hushpost_server.health import Health
from hushpost_server.metrics import Metrics
from hushpost_server.presence import Presence
from hushpost_server.reception import Reception
from hushpost_server.store_watch import StoreWatch
from hushpost_server.sweeper import Sweeper

_COMMIT_FAILED = (
    "the store's last commit failed: is the disk full or broken?",
    "Redis did not take what was last written: is it there, and has it room?",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkup:
    """Looks at the parts of a running relay; from memory, so that asking costs nothing."""

    configuration: Configuration
    store: Store
    reception: Reception
    presence: Presence
    sweeper: Sweeper
    watch: StoreWatch | None
    now: Callable[[], float]

    def look(self, *, draining: bool) -> Health:
        """Say what is wrong, if anything."""
        configuration = self.configuration
        details: dict[str, int | float | str | bool] = {
            "connections": len(self.reception),
            "logged_in": len(self.presence),
            "queued_envelopes": self.store.stats().queued_envelopes,
            "deletion_lag_seconds": round(self.store.deletion_lag(self.now()), 1),
            "quiet": configuration.quiet,
            "bucket_enforcement": not configuration.unsafe_no_bucket_enforcement,
            "third_party_logs_held": not configuration.unsafe_third_party_logs,
        }
        return Health(self._problems(), details, draining=draining)

    def _problems(self) -> tuple[str, ...]:
        stats = self.store.stats()
        problems: list[str] = [*self.watch.problems()] if self.watch is not None else []
        if stats.faulty:
            problems.append(_COMMIT_FAILED[self.configuration.store == "redis"])
        if self.store.deletion_lag(self.now()) > stats.deletion_seconds_max:
            bound = f"{stats.deletion_seconds_max:.0f} seconds"
            problems.append(f"deleted envelopes are still on disk after {bound}")
        if stats.damaged:
            problems.append(PROBLEM)
        if self.sweeper.failing:
            problems.append("expired envelopes could not be deleted")
        return tuple(problems)

    def set_gauges(self, metrics: Metrics, *, draining: bool) -> None:
        """Set what costs something to know, before the metrics are read."""
        stats = self.store.stats()
        get = metrics.get
        get("hushpost_healthy").set(self.look(draining=draining).is_well)
        get("hushpost_logged_in").set(len(self.presence))
        get("hushpost_intake_waiting_bytes").set(stats.pending_bytes)
        get("hushpost_queued_envelopes").set(stats.queued_envelopes)
        get("hushpost_queued_bytes").set(stats.queued_bytes)
        get("hushpost_store_damaged").set(stats.damaged)
        get("hushpost_deletion_lag_seconds").set(self.store.deletion_lag(self.now()))
