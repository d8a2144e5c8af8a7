"""What `fleet` reckons with: every number with its unit, and where it comes from.

Whoever knows better says so on the command line: each assumption is an argument.
"""

import math
from dataclasses import dataclass, field, fields
from typing import Final

from benchmarks.errors import BenchmarkFailure

MEASURED: Final = "measured"
SETTING: Final = "setting"
ASSUMED: Final = "assumed"


class AssumptionUnusable(BenchmarkFailure):
    """An assumption that no fleet can have; the message names it and its bounds."""


def _given(default: float, unit: str, source: str, reason: str, *, most: float = math.inf) -> float:
    """Declare one assumption; `reason` says where the default comes from."""
    told = {"unit": unit, "source": source, "reason": reason, "most": most}
    value: float = field(default=default, metadata=told)
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """All of them. Raises AssumptionUnusable for one that is impossible."""

    # -- people ----------------------------------------------------------------------------------
    devices_per_account: float = _given(
        1.5, "devices", ASSUMED, "a phone each, and every second person a computer too", most=8
    )
    online_share: float = _given(
        0.3, "of devices", ASSUMED, "connected in the busiest minute; phones sleep", most=1
    )
    posting_share: float = _given(
        0.1, "of those", ASSUMED, "have an anonymous connection to post on open as well", most=10
    )
    posting_seconds: float = _given(
        300, "s", ASSUMED, "such a connection lives: it is replaced at random within ten minutes"
    )
    messages_per_account_day: float = _given(
        50, "messages", ASSUMED, "WhatsApp in 2020: 100 billion a day, two billion people"
    )
    receipts_per_message: float = _given(
        1.0, "receipts", ASSUMED, "delivered and read, mostly in one batch", most=10
    )
    peak_factor: float = _given(3.0, "times the mean", ASSUMED, "the busiest minute of a day")
    waiting_hours: float = _given(
        2.0, "hours", ASSUMED, "that mail waits for a device in use that is not connected"
    )
    reconnects_per_device_day: float = _given(
        20, "logins", ASSUMED, "a phone is taken out that often and changes its network"
    )
    away_share: float = _given(
        0.05, "of devices", ASSUMED, "silent for `away_days`: lost, forgotten, on a journey", most=1
    )
    away_days: float = _given(30, "days", ASSUMED, "how long those are silent")
    away_mail_share: float = _given(
        0.3, "of usual mail", ASSUMED, "what people still write to who does not answer", most=1
    )

    redial_seconds: float = _given(
        0.5, "s", SETTING, "over which clients spread their first try after a loss"
    )

    # -- mail ------------------------------------------------------------------------------------
    envelope_bytes: float = _given(4096, "bytes", SETTING, "the bucket that ordinary mail fills")
    ttl_days: float = _given(14, "days", SETTING, "the longest and usual life of an envelope")
    mailbox_envelopes_max: float = _given(
        10_000, "envelopes", SETTING, "default of `mailbox_envelopes_max`"
    )

    # -- a relay: one process, one core ----------------------------------------------------------
    relay_us_per_envelope: float = _given(
        45, "us", MEASURED, "4096 bytes, synced, taken in, delivered and acknowledged"
    )
    relay_us_per_login: float = _given(1100, "us", MEASURED, "`benchmarks.fleet_costs`")
    relay_us_per_connection_second: float = _given(
        3.0, "us", MEASURED, "a mailbox is looked at each second, a hundred with one script"
    )
    relay_kib_per_connection: float = _given(
        10.4, "KiB", MEASURED, "`make bench`, 5,000 logged in, without TLS"
    )
    relay_memory_mib: float = _given(1024, "MiB", ASSUMED, "memory for one relay process")
    relay_connections_max: float = _given(
        10_000, "connections", SETTING, "default of `connections_max`"
    )
    connects_per_second: float = _given(
        400, "handshakes/s", SETTING, "default of `connects_per_second`"
    )
    relays_per_machine: float = _given(4, "processes", ASSUMED, "on eight cores, beside the proxy")
    network_mbit: float = _given(1000, "Mbit/s", ASSUMED, "each way, of a machine", most=1e6)
    wire_overhead: float = _given(
        1.06, "times", ASSUMED, "frames, TLS records, TCP and IP headers, acknowledgements", most=10
    )
    proxy_us_per_handshake: float = _given(
        1000, "us", ASSUMED, "TLS 1.3 with P-256 at a proxy: key exchange, signature, the rest"
    )
    proxy_kib_per_connection: float = _given(
        40, "KiB", ASSUMED, "two sockets and TLS state at a proxy, buffers given back when idle"
    )

    # -- Redis -----------------------------------------------------------------------------------
    redis_us_per_envelope: float = _given(
        43, "us", MEASURED, "4096 bytes, synced: queued and deleted again"
    )
    redis_us_per_login: float = _given(230, "us", MEASURED, "`benchmarks.fleet_costs`")
    redis_us_per_connection_second: float = _given(
        1.6, "us", MEASURED, "`benchmarks.fleet_costs`: the same look"
    )
    redis_bytes_per_envelope: float = _given(
        4_400, "bytes", MEASURED, "`benchmarks.fleet_costs`: in memory, queued"
    )
    redis_bytes_per_device: float = _given(
        139_500,
        "bytes",
        MEASURED,
        "`benchmarks.fleet_costs`: nearly all of it 100 one-time prekeys",
    )
    replicas: float = _given(1, "a primary", ASSUMED, "one copy of everything", most=5)
    primary_gib: float = _given(
        24, "GiB", ASSUMED, "data of one primary, on 64 GiB: room for a rewrite's copies", most=1024
    )
    rewrite_mib_per_second: float = _given(
        200, "MiB/s", ASSUMED, "at which a server writes its log, and writes it anew"
    )
    rewrite_after_seconds: float = _given(600, "s", SETTING, "after the oldest deletion")
    deletion_seconds_max: float = _given(900, "s", SETTING, "the promise: out of the logs by then")
    pages_per_envelope: float = _given(
        6, "pages of 4 KiB", ASSUMED, "that an envelope's coming and going touches"
    )
    connections_per_server: float = _given(
        17, "connections", SETTING, "of each relay to each primary: 16 that ask, one that listens"
    )
    clients_max: float = _given(10_000, "clients", SETTING, "Redis's own default of `maxclients`")
    mailbox_skew: float = _given(
        10, "times", ASSUMED, "mean square by squared mean of mail over mailboxes: the busy ones"
    )

    # -- the plan --------------------------------------------------------------------------------
    utilisation_max: float = _given(
        0.5, "of what is there", ASSUMED, "in the busiest minute, so that half can be lost", most=1
    )
    lost_share: float = _given(
        0.5, "of the relays", ASSUMED, "that are lost with a region", most=0.99
    )

    def __post_init__(self) -> None:
        for item in fields(self):
            value, most = getattr(self, item.name), item.metadata["most"]
            # Nobody may have no replica or no receipts; all else divides something.
            least = 0.0 if item.name in MAY_BE_NONE else math.ulp(0.0)
            if not (math.isfinite(value) and least <= value <= most):
                bounds = "0 or more" if least == 0.0 else "more than 0"
                upper = "" if most == math.inf else f" and at most {most:g}"
                raise AssumptionUnusable(f"{item.name} is {value:g}; it must be {bounds}{upper}")


MAY_BE_NONE: Final = frozenset(
    {"replicas", "receipts_per_message", "away_share", "away_mail_share", "posting_share"}
)
