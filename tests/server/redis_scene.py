"""A Redis in which three people have everything, for the operator's commands."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hushpost_demo.redis_servers import RedisServer, cli, free_ports, is_installed
from hushpost_server.identity import new_identity, save_identity
from hushpost_store import Quotas
from hushpost_store.admission import HOUR_SECONDS
from hushpost_store.conformance.stage import NOW
from hushpost_store.redis.options import RedisOptions
from hushpost_store.redis.store import RedisStore

from tests.conftest import require_or_skip
from tests.store.redis.moving import connections
from tests.store.sqlite.full_store import fill


@dataclass(frozen=True, slots=True)
class RedisScene:
    """A server, and a data folder with an identity; `arguments` name the folder."""

    redis: RedisServer
    folder: Path

    @property
    def arguments(self) -> list[str]:
        """What a command is given."""
        return ["--data-folder", str(self.folder)]

    def redis_cli(self, *arguments: str) -> str:
        """Have redis-cli do something."""
        return asyncio.run(cli("-p", str(self.redis.port), *arguments))

    def ask(self, *arguments: Any) -> Any:
        """Have the server do something that needs bytes."""
        return asyncio.run(_ask(self.redis.url, *arguments))


async def _ask(url: str, key: bytes, *arguments: Any) -> object:
    async with connections(url) as shards:
        return await shards.ask(key, *arguments)


async def _fill(url: str) -> None:
    store = RedisStore(RedisOptions(url), Quotas())
    await store.open()
    try:
        await fill(store)
        await store.sweep(NOW + 2 * HOUR_SECONDS)
    finally:
        await store.close()


@contextmanager
def redis_scene(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[RedisScene]:
    """Run the server, fill it, and name it in the environment."""
    with empty_scene(folder, monkeypatch) as scene:
        asyncio.run(_fill(scene.redis.url))
        yield scene


@contextmanager
def empty_scene(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[RedisScene]:
    """Run the server, and name it in the environment: nobody was here yet."""
    require_or_skip(is_installed(), "Redis is not installed: apt-get install redis-server")
    server = RedisServer(folder / "redis", free_ports(1)[0])
    asyncio.run(server.start())
    try:
        data = folder / "data"
        data.mkdir(mode=0o700)
        save_identity(data, new_identity(lambda count: bytes(range(count))))
        monkeypatch.setenv("HUSHPOST_RELAY_STORE", "redis")
        monkeypatch.setenv("HUSHPOST_RELAY_REDIS_URL", server.url)
        yield RedisScene(server, data)
    finally:
        server.kill()
