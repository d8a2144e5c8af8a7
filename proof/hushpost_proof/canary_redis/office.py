"""Two relays on one Redis, or on a cluster with replicas, every byte of theirs on record.

Between people and relays stands a recording proxy, and another one before each Redis server: a
cluster is told to name those in place of its servers, so that relays and replicas connect to them.
"""

import asyncio
import shutil
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from hushpost_demo.redis_servers import (
    KEEPS,
    OVERWRITES_FREED,
    RedisServer,
    cli,
    free_ports,
    redis_cluster,
)

from hushpost_proof.harness.recording_proxy import RecordingProxy
from hushpost_proof.harness.relay_process import RelayProcess

# Not behind the harness's wall: Redis is the one place that its configuration names.
RELAY_PROGRAM: Final = "hushpost_server.command"
PLANTED_PROGRAM: Final = "hushpost_proof.canary_redis.planted_relay"
# Nothing compressed, so that a base says plainly what it holds.
TALKATIVE: Final = {**KEEPS, "loglevel": "debug", "rdbcompression": "no"}
_KNOWN_SECONDS_MAX: Final = 30.0
_LOOK_AGAIN_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Plan:
    """What stands where. `environment` is the relays', `allocator` that of Redis."""

    is_cluster: bool = False
    addresses: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    program: str = RELAY_PROGRAM
    settings: Mapping[str, str] = field(default_factory=lambda: dict(KEEPS))
    allocator: Mapping[str, str] = field(default_factory=lambda: dict(OVERWRITES_FREED))


@dataclass(frozen=True, slots=True)
class Office:
    """Servers, relays, and the proxies' records: of people in `wire`, of Redis in `redis_wire`."""

    folder: Path
    servers: tuple[RedisServer, ...]
    relays: list[RelayProcess]
    proxy: RecordingProxy

    @property
    def redis_wire(self) -> Path:
        """Where what went between relays and Redis is, a folder for each server."""
        return self.folder / "redis-wire"

    @property
    def wire(self) -> Path:
        """Where what went between people and relays is."""
        return self.proxy.folder

    async def replace_second(self, plan: Plan) -> RelayProcess:
        """Put another relay in the place of the second one."""
        await self.relays[1].kill()
        self.relays[1] = _relay(self.folder / "two", self.proxy.host, plan, self.url)
        await self.relays[1].start()
        self.proxy.lead_to(*(relay.port for relay in self.relays))
        return self.relays[1]

    @property
    def url(self) -> str:
        """Where the relays find Redis."""
        return (self.folder / "redis-url").read_text()


@asynccontextmanager
async def office(folder: Path, plan: Plan) -> AsyncGenerator[Office]:
    """Run all of it; whatever happens, no process is left."""
    async with AsyncExitStack() as stack:
        servers = await _servers(stack, folder / "redis", plan)
        url = await _tapped(stack, folder / "redis-wire", servers, is_cluster=plan.is_cluster)
        (folder / "redis-url").write_text(url)
        proxy = await stack.enter_async_context(
            RecordingProxy(folder / "wire", addresses=plan.addresses)
        )
        relays = [_relay(folder / name, proxy.host, plan, url) for name in ("one", "two")]
        service = Office(folder, servers, relays, proxy)
        stack.push_async_callback(_kill_all, service)
        first, second = relays
        await first.start()
        shutil.copy(first.data_folder / "identity.json", second.data_folder / "identity.json")
        await second.start()
        proxy.lead_to(first.port, second.port)
        yield service


async def is_replica(server: RedisServer) -> bool:
    """Whether a server follows another one now."""
    return "role:slave" in await cli("-p", str(server.port), "info", "replication")


async def _kill_all(service: Office) -> None:
    await asyncio.gather(*(relay.kill() for relay in service.relays))


def _relay(folder: Path, host: str, plan: Plan, url: str) -> RelayProcess:
    (folder / "relay").mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / "tmp").mkdir(exist_ok=True)
    environment = {
        "HUSHPOST_RELAY_STORE": "redis",
        "HUSHPOST_RELAY_REDIS_URL": url,
        "TMPDIR": str(folder / "tmp"),
        **plan.environment,
    }
    return RelayProcess(folder, public_host=host, environment=environment, program=plan.program)


async def _servers(stack: AsyncExitStack, folder: Path, plan: Plan) -> tuple[RedisServer, ...]:
    if plan.is_cluster:
        cluster = await stack.enter_async_context(redis_cluster(folder, settings=plan.settings))
        return cluster.servers
    (port,) = free_ports(1)
    server = RedisServer(folder, port, dict(plan.settings), dict(plan.allocator))
    stack.callback(server.kill)
    await server.start()
    return (server,)


async def _tapped(
    stack: AsyncExitStack, folder: Path, servers: Sequence[RedisServer], *, is_cluster: bool
) -> str:
    """Put a proxy before each server, and return the URL that leads to them."""
    await asyncio.to_thread(folder.mkdir)
    ports: list[int] = []
    for server in servers:
        tap = await stack.enter_async_context(RecordingProxy(folder / str(server.port)))
        tap.lead_to(server.port)
        ports.append(tap.port)
        if is_cluster:
            await cli(
                *("-p", str(server.port), "config", "set", "cluster-announce-port", str(tap.port))
            )
    if is_cluster:
        await _await_known(servers, ports)
    return "redis://" + ",".join(f"127.0.0.1:{port}" for port in ports)


async def _await_known(servers: Sequence[RedisServer], ports: Sequence[int]) -> None:
    """Wait until each server names the proxies in place of the others."""
    async with asyncio.timeout(_KNOWN_SECONDS_MAX):
        for server in servers:
            while True:
                named = await cli("-p", str(server.port), "cluster", "nodes")
                copying = await cli("-p", str(server.port), "info", "replication")
                is_up = "master_link_status:down" not in copying
                if is_up and all(f":{port}@" in named for port in ports):
                    break
                await asyncio.sleep(_LOOK_AGAIN_SECONDS)
