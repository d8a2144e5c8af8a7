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


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure that was measured: by its name in a file of `benchmarks/results`.

    `times` makes it what is reckoned with, such as microseconds for one of what took seconds.
    """

    file: str
    name: str
    times: float = 1.0


def _given(
    default: float,
    unit: str,
    source: str,
    reason: str,
    *,
    most: float = math.inf,
    figure: Figure | None = None,
) -> float:
    """Declare one assumption; `reason` says where the default comes from."""
    told = {"unit": unit, "source": source, "reason": reason, "most": most, "figure": figure}
    value: float = field(default=default, metadata=told)
    return value


def _measured(default: float, unit: str, figure: Figure, reason: str) -> float:
    """Declare one whose default is a figure, with three digits; a test holds it equal."""
    told = f"`{figure.file}.json`: {reason}"
    return _given(default, unit, MEASURED, told, figure=figure)


def _cost(default: float, unit: str, name: str, reason: str) -> float:
    """Declare one that `benchmarks.fleet_costs` measures."""
    return _measured(default, unit, Figure("fleet_costs", name), reason)


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

    new_contacts_per_account_day: float = _given(
        1, "contacts", ASSUMED, "whom one writes to for the first time, from each device"
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
    relay_us_per_envelope: float = _measured(
        40.1,
        "us",
        Figure("redis", "redis 4096 B, synced, 4 under way a pair, the relay's processor"),
        "4096 bytes, synced, taken in, delivered and acknowledged",
    )
    relay_us_per_login: float = _cost(866, "us", "relay_us_per_login", "handshake and login")
    relay_us_per_take: float = _cost(
        306, "us", "relay_us_per_take", "a stranger takes the prekeys of an account"
    )
    relay_us_per_connection_second: float = _cost(
        6.25,
        "us",
        "relay_us_per_connection_second",
        "each mailbox is looked at once a second, a hundred with one script",
    )
    relay_us_per_look_script: float = _cost(
        95.4, "us", "relay_us_per_look_script", "each script of these, beside its mailboxes"
    )
    relay_us_per_server_look: float = _cost(
        1_210, "us", "relay_us_per_server_look", "a relay looks whether a server's log is due"
    )
    relay_kib_per_connection: float = _measured(
        11.1,
        "KiB",
        Figure("reference", "idle connection, 5,000 logged in"),
        "5,000 logged in, without TLS",
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
    ports_per_relay: float = _given(
        28_232, "ports", SETTING, "from which one proxy reaches one relay: Linux's own default"
    )
    proxy_us_per_handshake: float = _given(
        1000, "us", ASSUMED, "TLS 1.3 with P-256 at a proxy: key exchange, signature, the rest"
    )
    proxy_kib_per_connection: float = _given(
        40, "KiB", ASSUMED, "two sockets and TLS state at a proxy, buffers given back when idle"
    )

    # -- Redis -----------------------------------------------------------------------------------
    redis_us_per_envelope: float = _measured(
        34.1,
        "us",
        Figure("redis", "redis 4096 B, synced, 4 under way a pair, Redis's processor"),
        "4096 bytes, synced: queued and deleted again",
    )
    redis_us_per_login: float = _cost(228, "us", "redis_us_per_login", "a login")
    redis_us_per_take: float = _cost(226, "us", "redis_us_per_take", "a take of prekeys")
    redis_us_per_connection_second: float = _cost(
        3.76, "us", "redis_us_per_connection_second", "the same look at a mailbox"
    )
    redis_us_per_look_script: float = _cost(
        58.4, "us", "redis_us_per_look_script", "each script of these, beside its mailboxes"
    )
    redis_us_per_server_look: float = _cost(
        209, "us", "redis_us_per_server_look", "the same look at its log"
    )
    redis_us_per_tally: float = _cost(
        47.4, "us", "redis_us_per_tally", "a relay tells and asks the shared sums, once a second"
    )
    redis_bytes_per_envelope: float = _measured(
        4_430,
        "bytes",
        Figure(
            "redis-depth",
            "redis depth 4096 B, 200,000 in 50,000, memory an envelope beside its size",
        ),
        "in memory, queued",
    )
    redis_bytes_per_device: float = _cost(
        145_000, "bytes", "redis_bytes_per_device", "nearly all of it 100 one-time prekeys"
    )
    log_bytes_per_envelope: float = _cost(
        5_060, "bytes", "log_bytes_per_envelope", "in the log: queued, and deleted again"
    )
    sweep_us_per_device: float = _measured(
        161,
        "us",
        Figure("redis-depth", "redis depth 4096 B, 200,000 in 50,000, a sweep takes", 1e6 / 50_000),
        "by the clock: one relay sweeps, mailbox and account",
    )
    replicas: float = _given(1, "a primary", ASSUMED, "one copy of everything", most=5)
    primary_gib: float = _given(
        24, "GiB", ASSUMED, "data of one primary, on 32 GiB: room for a rewrite's copies", most=1024
    )
    rewrite_mib_per_second: float = _cost(
        282,
        "MiB/s",
        "rewrite_mib_per_second",
        "of memory, that a server writes anew with `rdbcompression no`",
    )
    disk_mib_per_second: float = _given(
        200, "MiB/s", ASSUMED, "that its disk takes; a rewrite is as fast as the slower of both"
    )
    fork_ms_per_gib: float = _cost(
        36.2, "ms", "fork_ms_per_gib", "the server stands still while the rewriting one is forked"
    )
    rewrite_after_seconds: float = _given(600, "s", SETTING, "after the oldest deletion")
    rewrite_after_mib: float = _given(256, "MiB", SETTING, "or when a log has grown by so much")
    deletion_seconds_max: float = _given(900, "s", SETTING, "the promise: out of the logs by then")
    server_look_seconds: float = _given(
        5, "s", SETTING, "how often each relay looks at each server's log"
    )
    sweep_interval_seconds: float = _given(60, "s", SETTING, "default of `sweep_interval_seconds`")
    pages_per_envelope: float = _given(
        6, "pages of 4 KiB", ASSUMED, "that an envelope's coming and going touches"
    )
    connections_per_server: float = _given(
        17, "connections", SETTING, "of each relay to each primary: 16 that ask, one that listens"
    )
    clients_max: float = _given(10_000, "clients", SETTING, "Redis's own default of `maxclients`")
    cluster_nodes_max: float = _given(
        1000, "nodes", SETTING, "up to which Redis's authors say that a cluster scales"
    )
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
    {
        "replicas",
        "receipts_per_message",
        "away_share",
        "away_mail_share",
        "posting_share",
        "new_contacts_per_account_day",
    }
)
