"""A cluster of one server, up in a moment: it owns every slot, and answers as a large one does."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from hushpost_demo.balancer import Balancer
from hushpost_demo.cluster_service import ClusterService
from hushpost_demo.redis_servers import KEEPS, RedisCluster, RedisServer, cli, free_ports
from hushpost_demo.relay_process import RelayProcess

SECONDS_MAX = 20.0


@asynccontextmanager
async def small_cluster(folder: Path, **_: object) -> AsyncGenerator[RedisCluster]:
    """Run one server that is a whole cluster."""
    (port,) = free_ports(1)
    settings = {
        **KEEPS,
        "cluster-enabled": "yes",
        "cluster-port": str(port + 6_000),
    }
    server = RedisServer(folder / str(port), port, settings)
    try:
        await server.start()
        await cli("-p", str(port), "cluster", "addslotsrange", "0", "16383")
        async with asyncio.timeout(SECONDS_MAX):
            while "cluster_state:ok" not in await cli("-p", str(port), "cluster", "info"):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        yield RedisCluster((server,))
    finally:
        server.kill()


@asynccontextmanager
async def small_service(folder: Path) -> AsyncGenerator[ClusterService]:
    """Run one relay on it, behind a balancer."""
    async with small_cluster(folder / "redis") as cluster, Balancer() as front:
        settings = {"STORE": "redis", "REDIS_URL": cluster.url, "PUBLIC_HOST": front.host}
        async with RelayProcess(folder / "relays" / "A", settings) as relay:
            service = ClusterService(folder, cluster, {"A": relay}, front)
            service.lead_to("A")
            yield service
