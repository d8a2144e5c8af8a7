"""What the cluster demo runs: six Redis servers, two relays on them, and one address in front.

All that they write lies under one folder: ``redis`` holds a folder for each server, ``relays`` one
for each relay.
"""

import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hushpost_demo.balancer import Balancer
from hushpost_demo.bound_processes import bound
from hushpost_demo.errors import RedisMissing
from hushpost_demo.redis_servers import (
    RedisAbsent,
    RedisCluster,
    RedisDidNotStart,
    redis_cluster,
)
from hushpost_demo.relay_process import RelayProcess

NODES: Final = ("A", "B")
DURABILITY: Final = "replicated"
_IDENTITY: Final = "identity.json"


@dataclass(frozen=True, slots=True)
class ClusterService:
    """One service. `relays` by the name of the node."""

    folder: Path
    cluster: RedisCluster
    relays: dict[str, RelayProcess]
    balancer: Balancer

    @property
    def url(self) -> str:
        """The one address that people's apps know."""
        return f"ws://{self.balancer.host}"

    @property
    def relay_files(self) -> Path:
        """Everything that the relays wrote."""
        return self.folder / "relays"

    @property
    def redis_files(self) -> Path:
        """Everything that the Redis servers wrote."""
        return self.folder / "redis"

    def lead_to(self, *nodes: str) -> None:
        """Have the balancer lead new connections to these relays, in turn."""
        self.balancer.targets = tuple(self.relays[node].address.port for node in nodes)


@asynccontextmanager
async def cluster_service(folder: Path) -> AsyncGenerator[ClusterService]:
    """Start everything, and end it with the block. Raises RedisMissing, RelayNotStarted."""
    try:
        async with (
            redis_cluster(folder / "redis", before=bound()) as cluster,
            Balancer() as front,
        ):
            settings = {
                "STORE": "redis",
                "REDIS_URL": cluster.url,
                "REDIS_DURABILITY": DURABILITY,
                "PUBLIC_HOST": front.host,
            }
            places = {node: folder / "relays" / node for node in NODES}
            relays = {node: RelayProcess(place, settings) for node, place in places.items()}
            first, second = relays.values()
            async with first:
                # All relays of one service have one identity, which clients know it by.
                second.data_folder.mkdir(mode=0o700, parents=True)
                shutil.copy(first.data_folder / _IDENTITY, second.data_folder / _IDENTITY)
                async with second:
                    service = ClusterService(folder, cluster, relays, front)
                    service.lead_to(*NODES)
                    yield service
    except RedisAbsent as error:
        raise RedisMissing(str(error)) from None
    except RedisDidNotStart as error:
        raise RedisMissing(f"a Redis server did not start: {error}") from None
