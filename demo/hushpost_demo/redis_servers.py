"""Redis servers of one's own, started for a while: a single one, or a cluster.

For demos and tests on loopback; each has a folder of its own and ends with its context.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import socket
import subprocess
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

# What the relay asks of a server that shall keep mail: docs/spec/store.md, "Redis".
KEEPS = {
    "appendonly": "yes",
    "appendfsync": "always",
    "no-appendfsync-on-rewrite": "no",
    "auto-aof-rewrite-percentage": "0",
    # Sealed mail does not compress: trying makes a rewrite take three times as long.
    "rdbcompression": "no",
    "maxmemory-policy": "noeviction",
    "save": "",
    "slowlog-log-slower-than": "-1",
    "crash-log-enabled": "no",
    "repl-diskless-sync": "yes",
    "repl-diskless-load": "swapdb",
    # Otherwise a primary waits five seconds for more replicas to come.
    "repl-diskless-sync-delay": "0",
}
# Has the server overwrite what it frees (docs/operating.md): jemalloc under its own name, as Debian
# links it, jemalloc as Redis builds it in, and the system's own allocator.
OVERWRITES_FREED = {
    "MALLOC_CONF": "junk:free",
    "JE_MALLOC_CONF": "junk:free",
    "MALLOC_PERTURB_": "165",
}
START_SECONDS_MAX = 30.0
INSTALL = (
    "redis-server and redis-cli are not installed: apt-get install redis-server, as root, on"
    " Debian and Ubuntu; brew install redis on macOS"
)
_PAUSE_SECONDS = 0.02
# Below the range from which systems take ports for outgoing connections; the cluster's own port
# lies above by so much.
_PORTS = range(20_000, 26_000)
_BUS_PORT_STEP = 6_000


class RedisAbsent(Exception):
    """No redis-server is installed."""


class RedisDidNotStart(Exception):
    """A server ended, or did not answer in time; the message shows the end of its log."""


def is_installed() -> bool:
    """Whether redis-server and redis-cli are there."""
    return shutil.which("redis-server") is not None and shutil.which("redis-cli") is not None


@dataclass(slots=True)
class RedisServer:
    """One server process. `settings` are lines of redis.conf, `environment` adds to ours.

    `host` is where we reach it; `before` stands before the command, as what enters a namespace.
    """

    folder: Path
    port: int
    settings: Mapping[str, str] = field(default_factory=lambda: dict(KEEPS))
    environment: Mapping[str, str] = field(default_factory=lambda: dict(OVERWRITES_FREED))
    process: subprocess.Popen[bytes] | None = None
    host: str = "127.0.0.1"
    before: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        """Where the server listens."""
        return f"redis://{self.place}"

    @property
    def place(self) -> str:
        """Host and port, as they stand in a URL."""
        return f"{self.host}:{self.port}"

    @property
    def is_running(self) -> bool:
        """Whether the process is there."""
        return self.process is not None and self.process.poll() is None

    async def start(self) -> None:
        """Start, on what an earlier life left, and wait until it answers."""
        if not is_installed():
            raise RedisAbsent(INSTALL)
        self.folder.mkdir(parents=True, exist_ok=True)
        delete_leftovers(self.folder)
        lines = {
            "port": str(self.port),
            "bind": self.host,
            "dir": str(self.folder),
            "logfile": "redis.log",
            "daemonize": "no",
            **self.settings,
        }
        configuration = self.folder / "redis.conf"
        text = "".join(f'{name} "{value}"\n' for name, value in lines.items())
        configuration.write_text(text)
        # Not asyncio's: a server may outlive the event loop that started it.
        self.process = subprocess.Popen(  # noqa: S603, ASYNC220 - what we wrote; returns at once
            [*self.before, "redis-server", str(configuration)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, **self.environment},
        )
        await self._wait_for_answer()

    def kill(self) -> None:
        """End the process with signal 9."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End the process in good order."""
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        if self.process is not None and self.is_running:
            self.process.send_signal(number)
            self.process.wait()

    async def _wait_for_answer(self) -> None:
        try:
            async with asyncio.timeout(START_SECONDS_MAX):
                while not await self._answers():
                    if not self.is_running:
                        raise RedisDidNotStart(self._log())
                    await asyncio.sleep(_PAUSE_SECONDS)
        except TimeoutError:
            self.kill()
            raise RedisDidNotStart(self._log()) from None

    async def _answers(self) -> bool:
        try:
            reader, writer = await asyncio.open_connection(self.host, self.port)
        except OSError:
            return False
        writer.write(b"PING\r\n")
        answer = await reader.readline()
        writer.close()
        # A server that reads its log answers LOADING.
        return answer.startswith(b"+PONG")

    def _log(self) -> str:
        log = self.folder / "redis.log"
        return log.read_text(errors="replace")[-2_000:] if log.exists() else "it wrote no log"


def delete_leftovers(folder: Path) -> None:
    """Delete what a server left that was killed while it rewrote its log; it never does itself.

    The server must not run. docs/operating.md has the line that does this for an operator's.
    """
    for path in folder.rglob("temp-*"):
        if path.is_file():
            path.unlink(missing_ok=True)


@asynccontextmanager
async def redis_server(
    folder: Path, settings: Mapping[str, str] = KEEPS
) -> AsyncGenerator[RedisServer]:
    """Run a single server. Raises RedisAbsent, RedisDidNotStart."""
    (port,) = free_ports(1)
    # The port that it takes beside its own is free, too, and not one of the system's.
    in_one = settings.get("cluster-enabled") == "yes"
    server = RedisServer(folder, port, in_cluster(settings, port) if in_one else dict(settings))
    try:
        await server.start()
        yield server
    finally:
        server.kill()


@dataclass(frozen=True, slots=True)
class RedisCluster:
    """Servers of one cluster, primaries first as it began."""

    servers: tuple[RedisServer, ...]

    @property
    def url(self) -> str:
        """Name every server as a seed."""
        return "redis://" + ",".join(server.place for server in self.servers)


@asynccontextmanager
async def redis_cluster(
    folder: Path,
    *,
    primaries: int = 3,
    replicas: int = 1,
    settings: Mapping[str, str] = KEEPS,
    before: tuple[str, ...] = (),
) -> AsyncGenerator[RedisCluster]:
    """Run a cluster with so many replicas for each primary, and wait until it is whole.

    `before` stands before the command of each.
    """
    count = primaries * (1 + replicas)
    servers = [
        RedisServer(folder / str(port), port, in_cluster(settings, port), before=before)
        for port in free_ports(count)
    ]
    with ExitStack() as stack:
        for server in servers:
            stack.callback(server.kill)
        await asyncio.gather(*(server.start() for server in servers))
        await form_cluster(servers, primaries=primaries)
        yield RedisCluster(tuple(servers))


async def form_cluster(servers: Sequence[RedisServer], *, primaries: int) -> None:
    """Make one cluster of servers that run, the first ones primaries; wait until it is whole."""
    replicas = len(servers) // primaries - 1
    await cli(
        *("--cluster", "create", *(server.place for server in servers)),
        *("--cluster-replicas", str(replicas), "--cluster-yes"),
    )
    async with asyncio.timeout(START_SECONDS_MAX):
        for server in servers:
            while not await _is_whole(server, primaries, len(servers)):  # noqa: ASYNC110 - no event of ours
                await asyncio.sleep(_PAUSE_SECONDS)


async def cli(*arguments: str) -> str:
    """Run redis-cli and return what it printed. Raises RedisDidNotStart where it failed."""
    process = await asyncio.create_subprocess_exec(
        "redis-cli",
        "-e",  # fails where the server answers with an error
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:  # nobody waits any more
            process.kill()
            await process.wait()
    if process.returncode:
        raise RedisDidNotStart(output.decode(errors="replace")[-2_000:])
    return output.decode()


def free_ports(count: int) -> Sequence[int]:
    """Return ports on which nothing listens, nor on those that a cluster takes beside them."""
    found: list[int] = []
    for port in random.sample(_PORTS, len(_PORTS)):
        if _is_free(port) and _is_free(port + _BUS_PORT_STEP):
            found.append(port)
        if len(found) == count:
            return found
    raise RedisDidNotStart("no free ports on loopback")


def in_cluster(settings: Mapping[str, str], port: int) -> dict[str, str]:
    """Return the settings of a server of a cluster; what is given stands before what is usual."""
    return {
        "cluster-enabled": "yes",
        "cluster-config-file": "nodes.conf",
        "cluster-port": str(port + _BUS_PORT_STEP),
        # Short for demos and tests: after it a server that is silent is taken for dead.
        "cluster-node-timeout": "2000",
        **settings,
    }


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


async def _is_whole(server: RedisServer, primaries: int, count: int) -> bool:
    """Whether this server sees every other one and has, as a replica, all of its primary."""
    here = ("-h", server.host, "-p", str(server.port))
    nodes = (await cli(*here, "cluster", "nodes")).splitlines()
    state = await cli(*here, "cluster", "info")
    copying = await cli(*here, "info", "replication")
    return (
        "cluster_state:ok" in state
        and len(nodes) == count
        and sum("slave" in line for line in nodes) == count - primaries
        and not any("fail" in line or "handshake" in line for line in nodes)
        and ("role:master" in copying or "master_link_status:up" in copying)
    )
