"""Relays and forwarder side by side, each with its own store, all loaded in turn."""

import shutil
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.comparison import BUCKET_BYTES, PAIRS, Comparison, Effort, scratch
from benchmarks.orders import FORWARDER, RELAY, ClosedLoop, Connect, Disconnect, OpenLoop
from benchmarks.processes import Load, Server, forwarder, relay
from benchmarks.redis_relays.servers import FORGETS, Redis, cluster, single, with_replica
from benchmarks.sync_cost import probe

SQLITE: Final = "relay on SQLite"
MEMORY, SYNCED, REPLICATED = "memory", "synced", "replicated"
CLUSTER_SYNCED, CLUSTER_REPLICATED = "cluster, synced", "cluster, replicated"


@dataclass(frozen=True, slots=True)
class Contestant:
    """A server under test, and the Redis behind it, if there is one."""

    name: str
    server: Server
    redis: Redis | None = None

    def connect(self, envelope_bytes: int, post_url: str = "") -> Connect:
        """Return the order that connects the load."""
        return Connect(
            target=self.name,
            kind=FORWARDER if self.name == FORWARDER else RELAY,
            url=self.server.url,
            pid=self.server.pid,
            pairs=PAIRS,
            envelope_bytes=envelope_bytes,
            post_url=post_url,
            store_pids=() if self.redis is None else self.redis.pids,
        )


class Field:
    """A load that is connected to every contestant."""

    def __init__(
        self, load: Load, contestants: tuple[Contestant, ...], envelope_bytes: int
    ) -> None:
        self._load = load
        self.contestants = contestants
        for contestant in contestants:
            load.ask(contestant.connect(envelope_bytes))

    def close(self) -> None:
        """Disconnect."""
        for contestant in self.contestants:
            self._load.ask(Disconnect(target=contestant.name))

    def throughput(self, into: Comparison, phase: str, effort: Effort, window: int) -> None:
        """Run closed loops in turn; every envelope is committed, and then deleted."""
        for _ in range(effort.runs):
            for one in self.contestants:
                order = ClosedLoop(
                    target=one.name,
                    pairs=PAIRS,
                    window=window,
                    seconds=effort.seconds,
                    hold_tags=True,
                )
                into.note(phase, one.name, self._load.ask(order))

    def latency(self, into: Comparison, phase: str, effort: Effort, per_second: int) -> None:
        """Run open loops in turn; the load leaves its core to Redis between messages."""
        for _ in range(effort.runs):
            for one in self.contestants:
                order = OpenLoop(
                    target=one.name,
                    pairs=PAIRS,
                    per_second=per_second,
                    seconds=effort.latency_seconds,
                    hold_tags=True,
                    rests=True,
                )
                into.note(phase, one.name, self._load.ask(order))


@contextmanager
def field(
    load: Load, envelope_bytes: int, names: tuple[str, ...]
) -> Generator[tuple[Field, Comparison]]:
    """Start the servers that were named, connect the load to all, and stop them."""
    with scratch() as folder, ExitStack() as stack:
        contestants: list[Contestant] = []
        clustered: Redis | None = None
        for name in names:
            place = folder / name.replace(", ", "-").replace(" ", "-")
            place.mkdir()
            match name:
                case "forwarder":
                    contestants.append(Contestant(name, stack.enter_context(forwarder())))
                    continue
                case "relay on SQLite":
                    redis = None
                case "memory":
                    redis = stack.enter_context(single(place / "redis", FORGETS))
                case "synced":
                    redis = stack.enter_context(single(place / "redis"))
                case "replicated":
                    redis = stack.enter_context(with_replica(place / "redis"))
                case _:
                    clustered = clustered or stack.enter_context(cluster(place / "redis"))
                    redis = clustered
            if clustered is not None:
                _known_as(folder, place)
            contestants.append(_relay(stack, name, place, redis, envelope_bytes))
        running = Field(load, tuple(contestants), envelope_bytes)
        yield running, Comparison(envelope_bytes, probe(folder))
        running.close()


def redis_environment(redis: Redis, durability: str) -> dict[str, str]:
    """Return the settings of a relay on this Redis."""
    return {
        # All relays of one Redis, and all lives of one relay, are known by one name.
        "HUSHPOST_RELAY_PUBLIC_HOST": "relay.example",
        "HUSHPOST_RELAY_STORE": "redis",
        "HUSHPOST_RELAY_REDIS_URL": redis.url,
        "HUSHPOST_RELAY_REDIS_DURABILITY": durability,
    }


def _relay(
    stack: ExitStack, name: str, folder: Path, redis: Redis | None, envelope_bytes: int
) -> Contestant:
    durability = name.removeprefix("cluster, ")
    settings = {} if redis is None else redis_environment(redis, durability)
    running = relay(
        folder / "relay", enforce_buckets=envelope_bytes == BUCKET_BYTES, environment=settings
    )
    return Contestant(name, stack.enter_context(running), redis)


def _known_as(folder: Path, place: Path) -> None:
    """Give a relay the identity of one that serves on the same Redis: they are one service."""
    clustered = folder.glob("cluster-*/relay/identity.json")
    for identity in clustered:
        (place / "relay").mkdir(mode=0o700)
        shutil.copy(identity, place / "relay")
        return
