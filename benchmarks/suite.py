"""The parts of a run, each from phases to rows of the table."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from benchmarks import pairwise
from benchmarks.comparison import (
    OFFLINE_MESSAGES,
    PAIRS,
    Comparison,
    Effort,
    contest,
    idle_bytes,
    scratch,
)
from benchmarks.errors import MachineUnfit
from benchmarks.orders import FORWARDER, RELAY
from benchmarks.processes import load
from benchmarks.redis_relays.depth import redis_depth
from benchmarks.redis_relays.parts import redis, redis_cluster, redis_wake_up
from benchmarks.report import RATE, Report
from benchmarks.sync_cost import slow_sync_environment
from benchmarks.targets import at_least, at_most

SLOW_SYNC_US: Final = 2_000
SANSIO: Final = "sansio"
KIB: Final = 1024


@dataclass(frozen=True, slots=True)
class Promises:
    """What issue 2 promises for one size of envelope, as ratios to the bare forwarder."""

    online: float
    intake: float
    drain: float


PROMISES: Final = {1024: Promises(0.45, 0.5, 0.45), 4096: Promises(0.35, 0.28, 0.4)}
# Latency at 2,000 messages a second, as multiples of the forwarder's.
P50_MAX: Final = 1.6
P99_MAX: Final = 1.4
# "No worse" when a sync takes 2 ms, with what two runs of one and the same thing differ by.
SLOW_DELIVERY_MAX: Final = 1.1
IDLE_KIB_MAX: Final = 24.0


Part = Callable[[Report, Effort], None]


def online(report: Report, effort: Effort) -> None:
    """Throughput of 1 and 50 pairs, online.

    A recipient that acknowledges at once spares the relay the commits that had not begun; one that
    acknowledges only what is ACCEPTED makes it commit every envelope, and delete it again.
    """
    for size, promises in PROMISES.items():
        with load() as loader, contest(loader, size, sansio=True) as (running, measured):
            running.throughput(measured, "one", effort, 1)
            running.throughput(measured, "many", effort, PAIRS)
            running.throughput_committed(measured, "committed", effort)
        title = f"online {size} B"
        report.keep(title, measured)
        promise = at_least(promises.online)
        many = f"{title}, {PAIRS} pairs"
        plain = measured.of("many", FORWARDER)[RATE]
        one = measured.of("one", FORWARDER)[RATE]
        ours = measured.of("many", RELAY)[RATE]
        report.row(f"{title}, 1 pair", measured.of("one", RELAY)[RATE], "/s", one)
        report.row(many, ours, "/s", plain, promise)
        committed = measured.of("committed", RELAY)[RATE]
        beside = measured.of("committed", FORWARDER)[RATE]
        report.row(f"{many}, every one committed", committed, "/s", beside, promise)
        lean = measured.of("many", SANSIO)[RATE]
        report.row(f"{many}, beside the Sans-I/O forwarder", ours, "/s", lean)
        _processor(report, measured, "many", many)
        _processor(report, measured, "committed", f"{many}, every one committed")


def _processor(report: Report, measured: Comparison, phase: str, name: str) -> None:
    ours, plain = measured.of(phase, RELAY), measured.of(phase, FORWARDER)
    key = "server_us_per_message"
    report.row(f"{name}, server processor", ours[key], "us", plain[key])
    key = "deliver_p99_ms"
    report.row(f"{name}, deliver p99", ours[key], "ms", plain[key])
    for who, figures in ((RELAY, ours), (FORWARDER, plain)):
        report.doubt(f"{name}, {who}", figures["server_processor_share"])
    busiest = max(ours["load_processor_share"], plain["load_processor_share"])
    report.row(f"{name}, the load's share of its core", busiest * 100, "%")


def latency(report: Report, effort: Effort) -> None:
    """Latency at a fixed rate, on this disk and on one whose syncs take 2 ms more."""
    for size in PROMISES:
        fast = _latency(report, effort, size, None)
        try:
            with scratch() as folder:
                slow_environment = slow_sync_environment(folder, SLOW_SYNC_US)
                slow = _latency(report, effort, size, slow_environment)
        except MachineUnfit as unfit:
            print(f"left out: {unfit}", file=sys.stderr)
            continue
        # Both beside the forwarder of their own run: "no worse" then survives a noisy machine.
        name = f"2,000/s {size} B, deliver p50 of slow sync beside fast"
        report.row(name, slow, "x forwarder", fast, at_most(SLOW_DELIVERY_MAX))


def _latency(
    report: Report, effort: Effort, size: int, environment: dict[str, str] | None
) -> float:
    title = f"2,000/s {size} B" + (", slow sync" if environment else "")
    with load() as loader, contest(loader, size, relay_environment=environment) as pair:
        running, measured = pair
        running.latency(measured, "open", effort, hold_tags=True)
        running.latency_prompt(measured, "prompt", effort)
    report.keep(title, measured)
    ours, plain = measured.of("open", RELAY), measured.of("open", FORWARDER)
    p50, p99, p999 = "deliver_p50_ms", "deliver_p99_ms", "deliver_p999_ms"
    report.row(f"{title}, deliver p50", ours[p50], "ms", plain[p50], at_most(P50_MAX))
    report.row(f"{title}, deliver p99", ours[p99], "ms", plain[p99], at_most(P99_MAX))
    report.row(f"{title}, deliver p99.9", ours[p999], "ms", plain[p999])
    report.row(f"{title}, one sync", measured.sync_ms, "ms")
    promise = at_most(2 * measured.sync_ms + 1)
    accepted = "accepted_p50_ms"
    report.row(f"{title}, ACCEPTED p50, every one committed", ours[accepted], "ms", target=promise)
    prompt = measured.of("prompt", RELAY)[accepted]
    report.row(f"{title}, ACCEPTED p50, acknowledged at once", prompt, "ms", target=promise)
    late = max(ours["load_late_p99_ms"], plain["load_late_p99_ms"])
    report.row(f"{title}, the load late at p99", late, "ms")
    report.doubt_lateness(title, late)
    return ours[p50] / plain[p50]


def offline(report: Report, effort: Effort) -> None:
    """Store and forward while the recipients are away."""
    for size, promises in PROMISES.items():
        with load() as loader, contest(loader, size) as (running, measured):
            running.throughput(measured, "many", effort, PAIRS)
            running.offline(measured, "offline", effort)
        title = f"offline {size} B, {OFFLINE_MESSAGES:,}"
        report.keep(title, measured)
        ours = measured.of("offline", RELAY)
        plain = measured.of("many", FORWARDER)[RATE]
        share = measured.of("many", FORWARDER)["server_processor_share"]
        report.doubt(f"{title}, {FORWARDER}", share)
        wide = measured.of("offline", FORWARDER)[RATE]
        intake, drain = ours["intake_per_second"], ours["drain_per_second"]
        report.row(f"{title} in", intake, "/s", plain, at_least(promises.intake))
        report.row(f"{title} drained", drain, "/s", plain, at_least(promises.drain))
        report.row(f"{title} in, forwarder with the same window", intake, "/s", wide)
        report.row(f"{title} drained, forwarder with the same window", drain, "/s", wide)


def idle(report: Report, effort: Effort) -> None:
    """Memory of an idle connection."""
    with load() as loader:
        ours, plain = idle_bytes(loader, effort)
    name = f"idle connection, {effort.idle_connections:,} logged in"
    report.row(name, ours / KIB, "KiB", target=at_most(IDLE_KIB_MAX))
    report.row("idle connection of the forwarder", plain / KIB, "KiB")


def cryptography(report: Report, _effort: Effort) -> None:
    """Pairwise sessions, beside one X25519."""
    figures = pairwise.run()
    unit = figures.pop("x25519_us")
    for name, ratio in figures.items():
        bound = pairwise.TARGETS.get(name)
        target = None if bound is None else at_most(bound)
        report.row(f"pairwise {name}, beside X25519", ratio * unit, "us", unit, target)


PARTS: Final[dict[str, Part]] = {
    "cryptography": cryptography,
    "online": online,
    "latency": latency,
    "offline": offline,
    "idle": idle,
    "redis": redis,
    "redis-cluster": redis_cluster,
    "redis-wake-up": redis_wake_up,
    "redis-depth": redis_depth,
}
# Where none are named: what needs no Redis.
USUAL: Final = ("cryptography", "online", "latency", "offline", "idle")
