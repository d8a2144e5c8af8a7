"""Relay and forwarder beside each other, for one size of envelope.

Both run at once on the servers' core, and the phases alternate (forwarder, relay, forwarder, ...),
so that what else the machine does falls on both. Each figure is the median of its runs.
"""

import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.orders import (
    FORWARDER,
    RELAY,
    ClosedLoop,
    Connect,
    Disconnect,
    Idle,
    Offline,
    OpenLoop,
    Order,
)
from benchmarks.processes import Load, Server, forwarder, relay
from benchmarks.recording import Figures, medians
from benchmarks.sync_cost import probe

PAIRS: Final = 50
WINDOW: Final = 4
PER_SECOND: Final = 2_000
OFFLINE_MESSAGES: Final = 10_000
# Wide enough that the writer always has a group waiting; the relay allows 256.
OFFLINE_WINDOW: Final = 32
IDLE_CONNECTIONS: Final = 5_000
BUCKET_BYTES: Final = 4096


@dataclass(frozen=True, slots=True)
class Effort:
    """How long and how often."""

    runs: int = 3
    seconds: float = 1.5
    latency_seconds: float = 2.5
    idle_connections: int = IDLE_CONNECTIONS
    mailboxes: int = 50_000


QUICK: Final = Effort(runs=2, seconds=0.7, latency_seconds=1.0, idle_connections=300, mailboxes=500)


@dataclass(slots=True)
class Comparison:
    """Figures by phase and server; `runs` holds what each of the runs gave."""

    envelope_bytes: int
    sync_ms: float = 0.0
    runs: dict[str, list[Figures]] = field(default_factory=dict[str, list[Figures]])

    def of(self, phase: str, server: str) -> Figures:
        """Return the medians of a phase."""
        return medians(self.runs[f"{phase} {server}"])

    def note(self, phase: str, server: str, figures: Figures) -> None:
        """Keep the figures of one run."""
        self.runs.setdefault(f"{phase} {server}", []).append(figures)


class Contest:
    """A load that is connected to a forwarder and a relay."""

    def __init__(self, load: Load, servers: Mapping[str, Server], envelope_bytes: int) -> None:
        self._load = load
        self._servers = servers
        for name, server in servers.items():
            order = Connect(
                target=name,
                kind=RELAY if name == RELAY else FORWARDER,
                url=server.url,
                pid=server.pid,
                pairs=PAIRS,
                envelope_bytes=envelope_bytes,
            )
            load.ask(order)

    def close(self) -> None:
        """Disconnect."""
        for name in self._servers:
            self._load.ask(Disconnect(target=name))

    def throughput(self, into: Comparison, phase: str, effort: Effort, pairs: int) -> None:
        """Run closed loops in turn."""
        for _ in range(effort.runs):
            for name in self._servers:
                order = ClosedLoop(target=name, pairs=pairs, window=WINDOW, seconds=effort.seconds)
                into.note(phase, name, self._load.ask(order))

    def throughput_committed(self, into: Comparison, phase: str, effort: Effort) -> None:
        """Run closed loops in turn, on the relay each acknowledgement held back until ACCEPTED."""
        for _ in range(effort.runs):
            for name in (FORWARDER, RELAY):
                order = ClosedLoop(
                    target=name, pairs=PAIRS, window=WINDOW, seconds=effort.seconds, hold_tags=True
                )
                into.note(phase, name, self._load.ask(order))

    def latency(
        self, into: Comparison, phase: str, effort: Effort, *, hold_tags: bool = False
    ) -> None:
        """Run open loops in turn, on the relay perhaps with acknowledgements held back."""
        for _ in range(effort.runs):
            for name in self._servers:
                order = OpenLoop(
                    target=name,
                    pairs=PAIRS,
                    per_second=PER_SECOND,
                    seconds=effort.latency_seconds,
                    hold_tags=hold_tags,
                )
                into.note(phase, name, self._load.ask(order))

    def latency_prompt(self, into: Comparison, phase: str, effort: Effort) -> None:
        """Run the open loop on the relay, each delivery acknowledged at once."""
        order = OpenLoop(
            target=RELAY, pairs=PAIRS, per_second=PER_SECOND, seconds=effort.latency_seconds
        )
        for _ in range(effort.runs):
            into.note(phase, RELAY, self._load.ask(order))

    def offline(self, into: Comparison, phase: str, effort: Effort) -> None:
        """Run intake and drain on the relay; the forwarder runs online, with the same window."""
        for _ in range(effort.runs):
            wide: list[tuple[str, Order]] = [
                (
                    RELAY,
                    Offline(
                        target=RELAY,
                        pairs=PAIRS,
                        messages=OFFLINE_MESSAGES,
                        window=OFFLINE_WINDOW,
                    ),
                ),
                (
                    FORWARDER,
                    ClosedLoop(
                        target=FORWARDER,
                        pairs=PAIRS,
                        window=OFFLINE_WINDOW,
                        seconds=effort.seconds / 2,
                    ),
                ),
            ]
            for name, order in wide:
                into.note(phase, name, self._load.ask(order))


@contextmanager
def contest(
    load: Load,
    envelope_bytes: int,
    *,
    relay_environment: Mapping[str, str] | None = None,
    sansio: bool = False,
) -> Generator[tuple[Contest, Comparison]]:
    """Start forwarder and relay, connect the load to both, and stop them."""
    enforce = envelope_bytes == BUCKET_BYTES
    with (
        scratch() as folder,
        forwarder() as plain,
        forwarder(sansio=True) as lean,
        relay(folder / "relay", enforce_buckets=enforce, environment=relay_environment) as ours,
    ):
        comparison = Comparison(envelope_bytes, probe(folder, relay_environment))
        servers = {FORWARDER: plain, RELAY: ours}
        if sansio:
            servers["sansio"] = lean
        running = Contest(load, servers, envelope_bytes)
        yield running, comparison
        running.close()


def idle_bytes(load: Load, effort: Effort) -> tuple[float, float]:
    """Return the memory of an idle connection: (relay, forwarder), in bytes."""
    with scratch() as folder, relay(folder / "relay", enforce_buckets=True) as ours:
        relay_bytes = _idle(load, RELAY, ours, effort)
    with forwarder() as plain:
        return relay_bytes, _idle(load, FORWARDER, plain, effort)


def _idle(load: Load, kind: str, server: Server, effort: Effort) -> float:
    order = Idle(kind=kind, url=server.url, pid=server.pid, connections=effort.idle_connections)
    return load.ask(order)["bytes_per_connection"]


@contextmanager
def scratch() -> Generator[Path]:
    """Give a folder for the time of a contest, on the disk that temporary files are on."""
    with tempfile.TemporaryDirectory(prefix="hushpost-bench-") as folder:
        yield Path(folder)
