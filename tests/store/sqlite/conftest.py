"""Stores for the tests of the SQLite modules: one in memory, one in a file."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hushpost_store import Quotas, SqliteOptions, SqliteStore
from hushpost_store.sqlite import schema
from hushpost_store.sqlite.database import Database

BUCKETS = (4096, 16384)


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    """Give an empty store in memory."""
    opened = sqlite3.connect(":memory:", isolation_level=None)
    schema.migrate(opened, BUCKETS)
    yield opened
    opened.close()


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """Give an open database with the tables of a store."""
    opened = Database(tmp_path / "relay.db", SqliteOptions())
    await opened.open()
    await opened.run(lambda connection: schema.migrate(connection, BUCKETS))
    yield opened
    await opened.close()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """Give an open store in a file."""
    opened = SqliteStore(tmp_path / "relay.db", Quotas())
    await opened.open()
    yield opened
    await opened.close()
