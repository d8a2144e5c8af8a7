"""The harness end to end, on real processes: that it counts right, never how fast it is."""

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.errors import BenchmarkFailure, MachineUnfit
from benchmarks.orders import FORWARDER, RELAY, ClosedLoop, Connect, Idle, Offline, OpenLoop
from benchmarks.processes import Load, Server, check_cores, forwarder, load, relay
from benchmarks.sync_cost import probe, slow_sync_environment

Require = Callable[[bool, str], None]
pytestmark = pytest.mark.serial


def need_cores(require: Require) -> None:
    """Go on only where servers and load can have a core each."""
    try:
        check_cores()
    except MachineUnfit as unfit:
        require(False, str(unfit))


def connect(loader: Load, kind: str, server: Server, *, pairs: int = 2) -> None:
    """Connect pairs with envelopes of the small bucket."""
    order = Connect(
        target=kind, kind=kind, url=server.url, pid=server.pid, pairs=pairs, envelope_bytes=4096
    )
    assert loader.ask(order) == {}


@pytest.mark.parametrize("sansio", [False, True])
def test_both_forwarders_carry_what_the_load_sends(require: Require, sansio: bool) -> None:
    """Every message of a closed and an open loop comes once, in order, with its latency noted."""
    need_cores(require)
    with load() as loader, forwarder(sansio=sansio) as server:
        connect(loader, FORWARDER, server)
        figures = loader.ask(ClosedLoop(target=FORWARDER, pairs=2, window=4, seconds=0.1))
        assert figures["messages_per_second"] > 0
        assert 0 < figures["server_processor_share"] < 1.5
        assert "accepted_p50_ms" not in figures
        figures = loader.ask(OpenLoop(target=FORWARDER, pairs=2, per_second=200, seconds=0.1))
        assert 0 < figures["deliver_p50_ms"] <= figures["deliver_p99_ms"]


def test_the_relay_is_loaded_through_real_logins(require: Require, tmp_path: Path) -> None:
    """Online with prompt and held acknowledgements, then offline, then more devices that idle."""
    need_cores(require)
    with load() as loader, relay(tmp_path / "relay", enforce_buckets=True) as server:
        connect(loader, RELAY, server)
        for hold in (False, True):
            order = ClosedLoop(target=RELAY, pairs=2, window=4, seconds=0.1, hold_tags=hold)
            figures = loader.ask(order)
            assert figures["messages_per_second"] > 0
            assert figures["accepted_p50_ms"] > 0
        figures = loader.ask(Offline(target=RELAY, pairs=2, messages=100, window=8))
        assert figures["intake_per_second"] > 0
        assert figures["drain_per_second"] > 0
        figures = loader.ask(ClosedLoop(target=RELAY, pairs=2, window=4, seconds=0.1))
        assert figures["messages_per_second"] > 0
        idle = Idle(kind=RELAY, url=server.url, pid=server.pid, connections=20)
        assert "bytes_per_connection" in loader.ask(idle)


def test_a_refusing_relay_stops_the_run(require: Require, tmp_path: Path) -> None:
    """With the relay's usual limits the load is refused, and says so instead of a figure."""
    need_cores(require)
    slow = {
        "HUSHPOST_RELAY_CONNECTION_SUBMITS_PER_SECOND": "1",
        "HUSHPOST_RELAY_CONNECTION_SUBMITS_BURST": "1",
    }
    folder = tmp_path / "relay"
    with load() as loader, relay(folder, enforce_buckets=True, environment=slow) as server:
        connect(loader, RELAY, server)
        with pytest.raises(BenchmarkFailure, match="refused a message for reason 6"):
            loader.ask(ClosedLoop(target=RELAY, pairs=2, window=4, seconds=0.1))


def test_the_slow_disk_is_slow(require: Require, tmp_path: Path) -> None:
    """A process started with the emulation waits 2 ms longer for a sync."""
    try:
        environment = slow_sync_environment(tmp_path, 2_000)
    except MachineUnfit as unfit:
        require(False, str(unfit))
        return
    assert probe(tmp_path, environment) >= 2.0
