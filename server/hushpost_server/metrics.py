"""Counters and gauges of the relay, in the Prometheus text format (version 0.0.4).

A registry of our own instead of prometheus_client: every series is declared below with labels from
closed sets, so that a label can never carry an account or an address; an increment is one list
index on the hot path; and a dependency less is served. What is lacking (histograms with exemplars,
multi-process mode) is not wanted here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from hushpost_store.policy_clauses import Clause

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# The same for all: sums over the whole relay.
CLAUSE: Final = Clause.MONITORING
RETENTION: Final = "in memory until the relay stops; whoever scrapes it keeps what they read"


@dataclass(frozen=True, slots=True)
class Series:
    """One declared metric; `values` is the closed set its label may take."""

    name: str
    kind: str
    help: str
    label: str = ""
    values: tuple[str, ...] = ()


ROLES = ("inbox", "post")
REFUSALS = ("no_drop", "full", "retry", "bad_envelope", "bad_ttl", "slow_down")
CLOSES = (
    "normal",
    "protocol_error",
    "unknown_version",
    "login_failed",
    "displaced",
    "slow_reader",
    "timeout",
    "rate_limited",
    "at_capacity",
    "account_gone",
    "drain",
    "lost",
    "other",
)

DECLARED = (
    Series("hushpost_connections", "gauge", "Connections open now.", "role", ROLES),
    Series("hushpost_logged_in", "gauge", "Devices logged in now."),
    Series("hushpost_connections_total", "counter", "Handshakes finished.", "role", ROLES),
    Series("hushpost_closes_total", "counter", "Connections ended.", "reason", CLOSES),
    Series("hushpost_rejected_total", "counter", "Connections turned away before a handshake."),
    Series("hushpost_submitted_total", "counter", "Envelopes submitted."),
    Series("hushpost_accepted_total", "counter", "Envelopes accepted."),
    Series("hushpost_refused_total", "counter", "Envelopes refused.", "reason", REFUSALS),
    Series("hushpost_delivered_live_total", "counter", "Envelopes pushed at once."),
    Series("hushpost_delivered_backlog_total", "counter", "Envelopes delivered from the queue."),
    Series("hushpost_acknowledged_total", "counter", "Deliveries acknowledged."),
    Series("hushpost_expired_total", "counter", "Envelopes that expired unread."),
    Series("hushpost_control_total", "counter", "Control requests served."),
    Series("hushpost_intake_pauses_total", "counter", "Times that reading stopped for the store."),
    Series("hushpost_intake_waiting_bytes", "gauge", "Envelope bytes waiting for their commit."),
    Series("hushpost_quiet_waiting_bytes", "gauge", "Quiet profile: bytes held for the tick."),
    Series("hushpost_quiet_late_ticks_total", "counter", "Quiet profile: ticks that had to wait."),
    Series("hushpost_quiet_stops_total", "counter", "Quiet profile: times its memory was full."),
    Series("hushpost_queued_envelopes", "gauge", "Envelopes queued, over all mailboxes."),
    Series("hushpost_queued_bytes", "gauge", "Bytes of queued envelopes, over all mailboxes."),
    Series("hushpost_deletion_lag_seconds", "gauge", "Age of the oldest deletion not yet erased."),
    Series("hushpost_store_damaged", "gauge", "Damaged rows and faults found in the database."),
    Series("hushpost_healthy", "gauge", "1 when /health says ok."),
)


class Counter:
    """One series without label, or one value of a labelled series."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: float = 0

    def add(self, amount: float = 1) -> None:
        """Count up (or down, for a gauge)."""
        self.value += amount

    def set(self, value: float) -> None:
        """Set a gauge."""
        self.value = value


class Metrics:
    """All declared series; an undeclared name or label value is a KeyError."""

    __slots__ = ("_collectors", "_counters")

    def __init__(self) -> None:
        self._collectors: list[Callable[[], None]] = []
        self._counters: dict[tuple[str, str], Counter] = {}
        for series in DECLARED:
            for value in series.values or ("",):
                self._counters[series.name, value] = Counter()

    def get(self, name: str, label_value: str = "") -> Counter:
        """Return the counter of a declared series; keep it, to save the lookup."""
        return self._counters[name, label_value]

    def on_collect(self, collect: Callable[[], None]) -> None:
        """Call `collect` before each rendering, to set gauges that cost something to know."""
        self._collectors.append(collect)

    def render(self) -> str:
        """Return the Prometheus text of all series."""
        for collect in self._collectors:
            collect()
        lines: list[str] = []
        for series in DECLARED:
            lines.append(f"# HELP {series.name} {series.help}")
            lines.append(f"# TYPE {series.name} {series.kind}")
            for value in series.values or ("",):
                label = f'{{{series.label}="{value}"}}' if series.label else ""
                lines.append(
                    f"{series.name}{label} {self._counters[series.name, value].value:.12g}"
                )
        return "\n".join(lines) + "\n"
