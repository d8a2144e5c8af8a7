"""Two relays on one Redis, real people, and relays and Redis killed under them."""

import asyncio
import shutil
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hushpost import Client
from hushpost.contacts import Contact
from hushpost.events import MessageReceived
from hushpost_demo.balancer import Balancer
from hushpost_demo.redis_servers import RedisServer, is_installed, redis_server
from hushpost_proof.harness.relay_process import RelayProcess, relay_process

from tests.conftest import require_or_skip
from tests.system.test_deletion import KEYS, meet

COUNT = 10
SECONDS_MAX = 90


@dataclass(slots=True)
class Office:
    """One service of two relays, and what stands behind it."""

    redis: RedisServer
    relays: tuple[RelayProcess, RelayProcess]
    url: str
    got: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    async def read(self, name: str, client: Client) -> None:
        """Note what a person is given, in its order."""
        told = self.got.setdefault(name, [])
        async for event in client.events():
            if isinstance(event, MessageReceived):
                told.append(event.text)


@asynccontextmanager
async def office(folder: Path) -> AsyncGenerator[Office]:
    """Run two relays with one identity behind one name."""
    require_or_skip(is_installed(), "Redis is not installed: apt-get install redis-server")
    async with redis_server(folder / "redis") as redis, Balancer() as balancer:
        environment = {"HUSHPOST_RELAY_STORE": "redis", "HUSHPOST_RELAY_REDIS_URL": redis.url}
        places = [folder / name for name in ("one", "two")]
        for place in places:
            (place / "relay").mkdir(mode=0o700, parents=True)
        async with _relay(places[0], balancer.host, environment) as one:
            shutil.copy(one.data_folder / "identity.json", places[1] / "relay" / "identity.json")
            async with _relay(places[1], balancer.host, environment) as two:
                balancer.targets = (one.port, two.port)
                yield Office(redis, (one, two), f"ws://{balancer.host}")


def _relay(
    folder: Path, host: str, environment: dict[str, str]
) -> AbstractAsyncContextManager[RelayProcess]:
    # Not behind the harness's wall: Redis is the one place that its configuration names.
    return relay_process(
        folder, public_host=host, environment=environment, program="hushpost_server.command"
    )


async def _write(client: Client, contact: Contact, name: str) -> None:
    for number in range(COUNT):
        await client.send(contact, f"{name} {number}")
        await asyncio.sleep(0.05)


@pytest.mark.timeout(240)
async def test_killed_relays_and_a_killed_redis_lose_and_double_nothing(tmp_path: Path) -> None:
    """Each relay dies and comes back, then Redis does: all that was sent arrives once, in order."""
    async with office(tmp_path) as service:
        anna = await Client.create(
            tmp_path / "anna.vault", relay=service.url, key=KEYS["anna"], name="Anna"
        )
        bert = await Client.create(
            tmp_path / "bert.vault", relay=service.url, key=KEYS["bert"], name="Bert"
        )
        async with anna, bert:
            to_bert = await meet(anna, bert)
            to_anna = bert.contacts()[0]
            readers = [
                asyncio.create_task(service.read(name, client))
                for name, client in (("anna", anna), ("bert", bert))
            ]
            writers = [
                asyncio.create_task(_write(anna, to_bert, "from anna")),
                asyncio.create_task(_write(bert, to_anna, "from bert")),
            ]
            for relay in service.relays:
                await asyncio.sleep(0.3)
                await relay.kill()
                await asyncio.sleep(0.3)
                await relay.start()
            service.redis.kill()
            await asyncio.sleep(0.3)
            await service.redis.start()
            await asyncio.gather(*writers)
            expected = {
                "anna": [f"from bert {number}" for number in range(COUNT)],
                "bert": [f"from anna {number}" for number in range(COUNT)],
            }
            async with asyncio.timeout(SECONDS_MAX):
                while any(len(service.got[name]) < COUNT for name in expected):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            await asyncio.sleep(0.5)
            assert service.got == expected
            for reader in readers:
                reader.cancel()
            await asyncio.gather(*readers, return_exceptions=True)
