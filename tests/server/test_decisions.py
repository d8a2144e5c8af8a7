"""Tests of hushpost_server.decisions on a real store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from functools import partial
from pathlib import Path
from typing import cast

import pytest
from hushpost_server.decisions import Decisions
from hushpost_store import Quotas
from hushpost_store.interface import Store
from hushpost_store.sqlite.store import SqliteStore


@pytest.fixture
async def store(tmp_path: Path) -> AsyncGenerator[SqliteStore]:
    """Open a store that can hold commits, in which each decision has its turn."""
    opened = SqliteStore(tmp_path / "relay.db", Quotas())
    await opened.open()
    yield opened
    await opened.close()


async def test_what_was_asked_is_told_before_the_end(store: SqliteStore) -> None:
    """Not at once, since the store has its turn first, but all of it, and no task is left."""
    before = asyncio.all_tasks()
    decisions = Decisions(store)
    told: list[int] = []
    for number in range(3):
        decisions.when_made(partial(told.append, number))
    assert told == []
    await decisions.end()
    assert sorted(told) == [0, 1, 2]
    assert asyncio.all_tasks() == before


async def test_a_store_that_is_closed_has_decided(store: SqliteStore) -> None:
    """It refuses what it cannot look up."""
    decisions = Decisions(store)
    await store.close()
    told: list[bool] = []
    decisions.when_made(lambda: told.append(True))
    await decisions.end()
    assert told == [True]


async def test_a_tick_after_the_end_leaves_no_task(store: SqliteStore) -> None:
    """Refusals go on ticking for a moment; the loop may end in it, and a task with it."""
    decisions = Decisions(store)
    await decisions.end()
    before = asyncio.all_tasks()
    told: list[bool] = []
    decisions.when_made(lambda: told.append(True))
    assert told == [True]
    assert asyncio.all_tasks() == before


async def test_a_store_without_holding_has_decided_already() -> None:
    """Each decision of it goes the same way, known or not."""
    decisions = Decisions(cast("Store", object()))
    told: list[bool] = []
    decisions.when_made(lambda: told.append(True))
    assert told == [True]
    await decisions.end()
