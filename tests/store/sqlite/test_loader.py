"""The loader: each mailbox once at a time, in the order of the writer's queue."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator

import pytest
from hushpost_store import Quotas, SqliteOptions, errors
from hushpost_store.admission import MailboxState
from hushpost_store.conformance import NOW, Recorder, account, envelope, route
from hushpost_store.sqlite import accounts
from hushpost_store.sqlite.database import Database
from hushpost_store.sqlite.deletion_clock import DeletionClock
from hushpost_store.sqlite.intake import Intake
from hushpost_store.sqlite.loader import MailboxLoader
from hushpost_store.sqlite.mailbox_cache import UNKNOWN, MailboxCache
from hushpost_store.sqlite.writer import Writer

BUCKETS = (4096, 16384)


class Stand:
    """A loader with everything it works on."""

    def __init__(self, database: Database) -> None:
        self.cache = MailboxCache(1000, 10)
        self.intake = Intake(self.cache, Quotas())
        self.writer = Writer(database, SqliteOptions(), self.intake.finished, DeletionClock())
        self.writer.start()
        self.intake.start(self.writer, BUCKETS)
        self.loader = MailboxLoader(self.writer, self.cache, self.intake)
        self.loader.start(BUCKETS)


@pytest.fixture
async def stand(database: Database) -> AsyncIterator[Stand]:
    """Give a loader over a store in which bob has an account."""
    await database.run(lambda c: accounts.create(c, account("bob")))
    made = Stand(database)
    yield made
    await made.writer.stop()


async def test_a_mailbox_is_loaded_once_for_all_who_wait(stand: Stand) -> None:
    """While it loads, everyone shares the same loading; then it comes from the cache."""
    assert stand.loader.load(route("bob")) is stand.loader.load(route("bob"))
    loaded = await stand.loader.load(route("bob"))
    assert isinstance(loaded, MailboxState)
    assert stand.cache.get(route("bob")) is loaded


async def test_an_unknown_route_is_remembered_as_unknown(stand: Stand) -> None:
    """The second guess of a route does not reach the disk; asking for it is a clear error."""
    assert await stand.loader.load(b"?" * 16) is None
    assert stand.cache.get(b"?" * 16) is UNKNOWN
    commits = stand.writer.figures.commits
    with pytest.raises(errors.MailboxUnknown):
        async with stand.loader.pinned(b"?" * 16):
            pass
    assert stand.writer.figures.commits == commits


async def test_what_is_pinned_stays_until_the_block_ends(stand: Stand) -> None:
    """Within the block the mailbox is never evicted, afterwards it may be."""
    async with stand.loader.pinned(route("bob")) as mailbox:
        assert mailbox.pins == 1
        assert stand.cache.peek(route("bob")) is mailbox
    assert mailbox.pins == 0


async def test_a_cancelled_caller_leaves_the_loading_to_others(stand: Stand) -> None:
    """Whoever goes while it loads does not take the mailbox from those who stay."""

    async def pin() -> int:
        async with stand.loader.pinned(route("bob")) as mailbox:
            return mailbox.next_sequence

    goes, stays = asyncio.create_task(pin()), asyncio.create_task(pin())
    await asyncio.sleep(0)
    goes.cancel()
    assert await stays == 1
    assert goes.cancelled()


async def test_a_failed_loading_answers_what_was_held_and_may_be_tried_again(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Held submissions are told RETRY, the next loading works."""

    def fails(*_: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    held = Recorder()
    with monkeypatch.context() as patched:
        patched.setattr("hushpost_store.sqlite.mailboxes.load", fails)
        assert stand.intake.submit(envelope("alice", 1), held, NOW)
        with pytest.raises(errors.StoreFault):
            await stand.loader.load(route("bob"))
    await asyncio.sleep(0)
    assert held.told == ["refused"]
    assert isinstance(await stand.loader.load(route("bob")), MailboxState)
