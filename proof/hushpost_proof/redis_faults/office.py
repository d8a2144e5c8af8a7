"""Two relays on one Redis, each over a proxy of its own that can be slow or deaf."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hushpost_demo.redis_servers import KEEPS, RedisServer, redis_server

from hushpost_proof.harness.lives import Beginner
from hushpost_proof.redis_faults.crowd import Side
from hushpost_proof.redis_faults.redis_proxy import RedisProxy, Trouble
from hushpost_proof.redis_faults.roving_person import STAYS
from hushpost_proof.redis_faults.service import PUBLIC_HOST, Node, Service, service

NAMES: Final = ("one", "two")


@dataclass(frozen=True, slots=True)
class Office:
    """Two relays on one server, each over a proxy of its own."""

    server: RedisServer
    proxies: tuple[RedisProxy, ...]
    service: Service

    def let_fall(self, trouble: Trouble) -> None:
        """Have both proxies do this from now on."""
        for proxy in self.proxies:
            proxy.let_fall(trouble)

    @property
    def struck(self) -> int:
        """Return how much both proxies have struck."""
        return sum(proxy.struck for proxy in self.proxies)

    @property
    def crossing(self) -> Side:
        """Pairs of whom one is at each relay, and stays."""
        one, two = self.service.urls(*NAMES)
        return Side("crossing", (one,), stay_seconds=STAYS, right_urls=(two,))


@asynccontextmanager
async def office(
    folder: Path,
    begin: Beginner,
    *,
    durability: str = "synced",
    defect: str = "",
    settings: Mapping[str, str] = KEEPS,
    public_host: str = PUBLIC_HOST,
) -> AsyncGenerator[Office]:
    """Run server, proxies and relays for the time of a block."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(redis_server(folder / "redis", settings))
        proxies = [await stack.enter_async_context(RedisProxy(server.port)) for _ in NAMES]
        nodes = [
            Node(name, proxy.url, durability, defect)
            for name, proxy in zip(NAMES, proxies, strict=True)
        ]
        made = await stack.enter_async_context(
            service(folder, nodes, begin, public_host=public_host)
        )
        yield Office(server, tuple(proxies), made)
