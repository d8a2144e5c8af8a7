"""The parts of a run that concern Redis, each from phases to rows of the table."""

import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.comparison import PAIRS, Comparison, Effort, scratch
from benchmarks.orders import FORWARDER, Connect, Disconnect, OpenLoop
from benchmarks.processes import Load, load, relay
from benchmarks.redis_relays.field import (
    CLUSTER_REPLICATED,
    CLUSTER_SYNCED,
    MEMORY,
    REPLICATED,
    SQLITE,
    SYNCED,
    Field,
    field,
    redis_environment,
)
from benchmarks.redis_relays.servers import single
from benchmarks.report import LATE_MS_MAX, RATE, Report
from benchmarks.sync_cost import probe
from benchmarks.targets import Target, at_least, at_most

SIZES: Final = (1024, 4096)
# What issue 4 promises for one relay process at `synced` on a single server.
RATE_MIN: Final = 10_000
P99_MS_MAX: Final = 15
WAKE_UP_P99_MS_MAX: Final = 20
HALF_RATE: Final = 5_000
# Messages under way with each of the pairs: as elsewhere, and enough to fill a sync.
WINDOWS: Final = {"4 under way a pair": 4, "16 under way a pair": 16}
WAKE_UP_RATES: Final = (500, 2_000)


def redis(report: Report, effort: Effort) -> None:
    """Throughput and latency at each durability, beside SQLite and the forwarder."""
    for size in SIZES:
        names = (FORWARDER, SQLITE, MEMORY, SYNCED, REPLICATED)
        with load() as loader, field(loader, size, names) as (running, measured):
            _measure(report, f"redis {size} B", running, measured, effort, SYNCED)


def redis_cluster(report: Report, effort: Effort) -> None:
    """Throughput and latency on three primaries and three replicas, which share one core here."""
    for size in SIZES:
        names = (FORWARDER, CLUSTER_SYNCED, CLUSTER_REPLICATED)
        with load() as loader, field(loader, size, names) as (running, measured):
            _measure(report, f"redis {size} B", running, measured, effort, None)


def _measure(
    report: Report,
    title: str,
    running: Field,
    measured: Comparison,
    effort: Effort,
    promised: str | None,
) -> None:
    for phase, window in WINDOWS.items():
        running.throughput(measured, phase, effort, window)
    running.latency(measured, "open", effort, HALF_RATE)
    report.keep(title, measured)
    names = [one.name for one in running.contestants if one.name != FORWARDER]
    for name in names:
        for phase in WINDOWS:
            target = at_least(RATE_MIN) if name == promised else None
            _throughput(report, f"{title}, {name}, {phase}", measured, phase, name, target)
    report.row(f"{title}, one sync", measured.sync_ms, "ms")
    for name in names:
        target = at_most(P99_MS_MAX) if name == promised else None
        _latency(report, f"{title}, {name}, {HALF_RATE:,}/s", measured, name, target)


def _throughput(
    report: Report, title: str, measured: Comparison, phase: str, name: str, target: Target | None
) -> None:
    ours, plain = measured.of(phase, name), measured.of(phase, FORWARDER)
    if target is not None:
        report.row(title, ours[RATE], "/s", target=target)
    report.row(f"{title}, beside the forwarder", ours[RATE], "/s", plain[RATE])
    key = "server_us_per_message"
    report.row(f"{title}, the relay's processor", ours[key], "us", plain[key])
    report.row(f"{title}, Redis's processor", ours["store_us_per_message"], "us")
    report.row(f"{title}, ACCEPTED p99", ours["accepted_p99_ms"], "ms")


def _latency(
    report: Report, title: str, measured: Comparison, name: str, target: Target | None
) -> None:
    ours, plain = measured.of("open", name), measured.of("open", FORWARDER)
    for what in ("deliver_p50_ms", "deliver_p99_ms"):
        promise = target if what == "deliver_p99_ms" else None
        said = what.removesuffix("_ms").replace("_", " ")
        report.row(f"{title}, {said}", ours[what], "ms", target=promise)
        report.row(f"{title}, {said} beside the forwarder", ours[what], "ms", plain[what])
    report.row(f"{title}, ACCEPTED p50", ours["accepted_p50_ms"], "ms")
    report.row(f"{title}, ACCEPTED p99", ours["accepted_p99_ms"], "ms", target=target)
    report.row(f"{title}, the load late at p99", ours["load_late_p99_ms"], "ms")
    report.doubt_lateness(title, ours["load_late_p99_ms"], LATE_MS_MAX * 10)


def redis_wake_up(report: Report, effort: Effort) -> None:
    """Latency of what is posted at one relay and delivered by another one."""
    size = SIZES[-1]
    with scratch() as folder, single(folder / "redis") as store:
        settings = redis_environment(store, SYNCED)
        here = relay(folder / "a", enforce_buckets=True, environment=settings)
        there = relay(folder / "b", enforce_buckets=True, environment=settings)
        with load() as loader, here as one, _known_as(folder / "a", folder / "b"), there as other:
            measured = Comparison(size, probe(folder))
            for name, post_url in (("same relay", one.url), ("other relay", other.url)):
                order = Connect(
                    target=name,
                    kind="relay",
                    url=one.url,
                    pid=one.pid,
                    pairs=PAIRS,
                    envelope_bytes=size,
                    post_url=post_url,
                )
                loader.ask(order)
            _wake_ups(report, measured, loader, effort)


@contextmanager
def _known_as(one: Path, other: Path) -> Generator[None]:
    """Give a relay that is to start the identity of one that runs: they are one service."""
    other.mkdir(mode=0o700)
    shutil.copy(one / "identity.json", other)
    yield


def _wake_ups(report: Report, measured: Comparison, loader: Load, effort: Effort) -> None:
    for per_second in WAKE_UP_RATES:
        for _ in range(effort.runs):
            for name in ("same relay", "other relay"):
                order = OpenLoop(
                    target=name,
                    pairs=PAIRS,
                    per_second=per_second,
                    seconds=effort.latency_seconds,
                    hold_tags=True,
                    rests=True,
                )
                measured.note(str(per_second), name, loader.ask(order))
        across = measured.of(str(per_second), "other relay")
        within = measured.of(str(per_second), "same relay")
        title = f"redis wake-up, {per_second:,}/s"
        for what in ("deliver_p50_ms", "deliver_p99_ms"):
            said = what.removesuffix("_ms").replace("_", " ")
            target = at_most(WAKE_UP_P99_MS_MAX) if "p99" in what else None
            report.row(f"{title}, across relays, {said}", across[what], "ms", target=target)
            report.row(f"{title}, {said} beside one relay", across[what], "ms", within[what])
    report.keep("redis wake-up", measured)
    for name in ("same relay", "other relay"):
        loader.ask(Disconnect(target=name))
