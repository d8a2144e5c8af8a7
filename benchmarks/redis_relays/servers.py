"""Redis servers for a run: on the load's core, so that a relay has one of its own.

    core 0: relays, forwarder        core 1: the load, every Redis process

With real-time priority (see `benchmarks.real_time`) a server keeps it for its threads but not for
the process that rewrites its log: that one would then take turns of a tenth of a second.
"""

import asyncio
import os
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hushpost_demo.redis_servers import (
    KEEPS,
    RedisCluster,
    RedisServer,
    cli,
    free_ports,
    is_installed,
    redis_cluster,
)

from benchmarks import real_time
from benchmarks.errors import MachineUnfit
from benchmarks.processes import LOAD_CORE
from benchmarks.processor_time import PROC

# Nothing is written to a disk.
FORGETS: Final = {**KEEPS, "appendonly": "no"}
FOLLOW_SECONDS_MAX: Final = 20.0
_PAUSE_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Redis:
    """Servers that are one store; the first `primaries` of them own the mailboxes."""

    url: str
    servers: tuple[RedisServer, ...]
    primaries: int = 1

    @property
    def pids(self) -> tuple[int, ...]:
        """Return the processes."""
        return tuple(_pid(server) for server in self.servers)

    def figure(self, section: str, name: str) -> float:
        """Return a figure of INFO, summed over the primaries."""
        owners = self.servers[: self.primaries]
        return sum(float(told(server, section)[name]) for server in owners)

    def ask(self, *command: str) -> None:
        """Give a command to every primary."""
        for server in self.servers[: self.primaries]:
            asyncio.run(cli("-p", str(server.port), *command))


def told(server: RedisServer, section: str) -> dict[str, str]:
    """Return what a server tells of itself in a section of INFO."""
    lines = asyncio.run(cli("-p", str(server.port), "info", section)).splitlines()
    return dict(line.strip().split(":", 1) for line in lines if ":" in line)


@contextmanager
def single(folder: Path, settings: Mapping[str, str] = KEEPS) -> Generator[Redis]:
    """Run one server."""
    with _running(folder, [settings]) as servers:
        yield Redis(servers[0].url, servers)


@contextmanager
def with_replica(folder: Path) -> Generator[Redis]:
    """Run one server and a replica that syncs as well."""
    with _running(folder, [KEEPS]) as primary:
        follows = {**KEEPS, "replicaof": f"127.0.0.1 {primary[0].port}"}
        with _running(folder / "replica", [follows]) as replica:
            asyncio.run(_until_followed(primary[0]))
            yield Redis(primary[0].url, primary + replica)


@contextmanager
def cluster(folder: Path) -> Generator[Redis]:
    """Run three primaries with a replica each."""
    _require()
    with asyncio.Runner() as runner:
        context = redis_cluster(folder)
        running: RedisCluster = runner.run(context.__aenter__())
        try:
            for server in running.servers:
                _place(_pid(server))
            yield Redis(running.url, running.servers, primaries=3)
        finally:
            runner.run(context.__aexit__(None, None, None))


@contextmanager
def _running(
    folder: Path, settings: Sequence[Mapping[str, str]]
) -> Generator[tuple[RedisServer, ...]]:
    _require()
    ports = free_ports(len(settings))
    servers = tuple(
        RedisServer(folder / str(port), port, dict(lines))
        for port, lines in zip(ports, settings, strict=True)
    )
    with ExitStack() as stack:
        for server in servers:
            stack.callback(server.kill)
            asyncio.run(server.start())
            _place(_pid(server))
        yield servers


def _require() -> None:
    if not is_installed():
        raise MachineUnfit("redis-server is not installed: apt-get install redis-server")


def _pid(server: RedisServer) -> int:
    assert server.process is not None
    return server.process.pid


def _place(pid: int) -> None:
    """Put a server and its threads on their core."""
    for task in (PROC / str(pid) / "task").iterdir():
        thread = int(task.name)
        os.sched_setaffinity(thread, {LOAD_CORE})
        if real_time.entered():
            policy = os.SCHED_RR | os.SCHED_RESET_ON_FORK
            os.sched_setscheduler(thread, policy, os.sched_param(real_time.PRIORITY))


async def _until_followed(primary: RedisServer) -> None:
    async with asyncio.timeout(FOLLOW_SECONDS_MAX):
        while "state=online" not in await cli("-p", str(primary.port), "info", "replication"):  # noqa: ASYNC110 - no event of ours
            await asyncio.sleep(_PAUSE_SECONDS)
