"""Both ends of a move for the tests of it: a full SQLite store and connections to a Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from hushpost_store.contents import Exporting, copy_account
from hushpost_store.contents_digest import AccountDigest, digest_account
from hushpost_store.redis.export import RedisExport
from hushpost_store.redis.importing import RedisImport
from hushpost_store.redis.options import RedisOptions
from hushpost_store.redis.shards import Shards
from hushpost_store.redis.url import RedisUrl
from hushpost_store.sqlite.export import SqliteExport, opened

from tests.store.sqlite.full_store import full_store


@asynccontextmanager
async def connections(url: str) -> AsyncGenerator[Shards]:
    """Give open connections, and none to wait for replicas."""
    shards = Shards(RedisUrl.parse(url), RedisOptions(url))
    await shards.open()
    try:
        yield shards
    finally:
        await shards.close()


@cache
def _filled() -> bytes:
    """Return the database of a store in which three people have everything; made once."""

    async def fill(path: Path) -> None:
        async with full_store(path):
            pass

    with TemporaryDirectory() as folder, asyncio.Runner() as runner:
        runner.run(fill(Path(folder) / "relay.db"))
        return (Path(folder) / "relay.db").read_bytes()


async def filled(folder: Path) -> Path:
    """Give a database in which three people have everything, and an envelope each has expired."""
    path = folder / "relay.db"
    path.write_bytes(await asyncio.to_thread(_filled))
    return path


@asynccontextmanager
async def source(folder: Path) -> AsyncGenerator[SqliteExport]:
    """Give an export of a store in which three people have everything."""
    async with opened(await filled(folder)) as export:
        yield export


async def copy_all(export: SqliteExport, shards: Shards) -> None:
    """Copy every account."""
    for account_id in await export.account_ids(b"", 100):
        await copy_account(export, RedisImport(shards), account_id)


async def digests(source_of_ids: SqliteExport, store: Exporting) -> list[AccountDigest | None]:
    """Return the digests of all accounts of one store, as another store has them."""
    return [
        await digest_account(store, account_id)
        for account_id in await source_of_ids.account_ids(b"", 100)
    ]


async def both(export: SqliteExport, shards: Shards) -> tuple[object, object]:
    """Return the digests of both ends."""
    return await digests(export, export), await digests(export, RedisExport(shards))
