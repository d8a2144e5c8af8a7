"""Redis's part of the harness end to end, on real processes: that it counts right."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hushpost_demo.redis_servers import is_installed

from benchmarks.comparison import Effort
from benchmarks.errors import MachineUnfit
from benchmarks.orders import FORWARDER, ClosedLoop, OpenLoop
from benchmarks.processes import check_cores, load
from benchmarks.redis_relays import depth, parts
from benchmarks.redis_relays import field as field_module
from benchmarks.redis_relays.field import SYNCED, field
from benchmarks.redis_relays.parts import redis_wake_up
from benchmarks.redis_relays.servers import FORGETS, single
from benchmarks.report import Report

Require = Callable[[bool, str], None]
pytestmark = pytest.mark.serial

TINY = Effort(runs=1, seconds=0.5, latency_seconds=0.1, mailboxes=100)


@pytest.fixture(autouse=True)
def machine(require: Require, monkeypatch: pytest.MonkeyPatch) -> None:
    """Go on only where servers and load can have a core each, and Redis is there; a few people."""
    monkeypatch.setattr(parts, "PAIRS", 2)
    monkeypatch.setattr(field_module, "PAIRS", 2)
    try:
        check_cores()
    except MachineUnfit as unfit:
        require(False, str(unfit))
    require(is_installed(), "Redis is not installed: apt-get install redis-server")


def test_a_relay_on_redis_is_measured_beside_the_forwarder() -> None:
    """The store's own processor time is told, and only where there is a store of its own."""
    with load() as loader, field(loader, 4096, (FORWARDER, SYNCED)) as (running, measured):
        running.throughput(measured, "many", TINY, window=2)
        running.latency(measured, "open", TINY, per_second=200)
        before = running.contestants[1].redis
        assert before is not None
        assert before.figure("persistence", "aof_current_size") > 0
        loop = ClosedLoop(target=SYNCED, pairs=2, window=2, seconds=0.5, hold_tags=True)
        assert loader.ask(loop)["store_us_per_message"] > 0
        order = OpenLoop(target=SYNCED, pairs=2, per_second=100, seconds=0.1, rests=True)
        assert loader.ask(order)["accepted_p50_ms"] > 0
    assert measured.of("many", SYNCED)["store_us_per_message"] > 0
    assert measured.of("many", FORWARDER)["store_us_per_message"] == 0
    assert measured.of("open", SYNCED)["deliver_p99_ms"] > 0


def test_wake_ups_are_measured_across_two_relays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows for each rate, beside one relay alone."""
    monkeypatch.setattr(parts, "WAKE_UP_RATES", (200,))
    report = Report()
    redis_wake_up(report, TINY)
    names = [row.name for row in report.results]
    assert sum("across relays, deliver p99" in name for name in names) == 1
    assert all(row.value > 0 for row in report.results)


def test_a_full_redis_is_weighed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory and log an envelope, and latency before, during and after a rewrite."""
    monkeypatch.setattr(depth, "PAIRS", 2)
    monkeypatch.setattr(depth, "SIZES", (4096,))
    monkeypatch.setattr(depth, "PHASE_SECONDS", 0.1)
    monkeypatch.setattr(depth, "PER_SECOND", 100)
    monkeypatch.setattr(depth, "_SETTLE_SECONDS", 0.3)
    report = Report()
    depth.redis_depth(report, TINY)
    rows = {row.name.split(", ", 2)[-1]: row.value for row in report.results}
    assert 4096 < rows["memory an envelope beside its size"] < 12_000
    assert 4096 < rows["log an envelope"] < 12_000
    phases = ("before", "rewrite", "after", "sweep")
    assert all(rows[f"100/s, {phase}, ACCEPTED p99"] > 0 for phase in phases)


def test_a_server_without_a_log_has_none(tmp_path: Path) -> None:
    """For `memory` nothing reaches a disk."""
    with single(tmp_path / "redis", FORGETS) as store:
        assert store.figure("persistence", "aof_enabled") == 0
