"""Holding commits back: nothing is written until told, and nothing else changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hushpost_store import SqliteOptions, SqliteStore
from hushpost_store.conformance import CASES, QUOTAS, Recorder, envelope
from hushpost_store.conformance.stage import NOW, account, backlog, post, route, with_drops
from hushpost_store.interface import CommitHold, Holding
from hushpost_store.memory import MemoryStore


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """Give an open store that holds, with bob's mailbox and alice's drop."""
    opened = SqliteStore(tmp_path / "relay.db", QUOTAS)
    await opened.open()
    await with_drops(opened, "alice")
    opened.commit_hold.begin()
    yield opened
    await opened.close()


def submitted(store: SqliteStore, number: int) -> Recorder:
    """Submit one envelope of alice's."""
    recorder = Recorder()
    store.submit(envelope("alice", number), recorder, NOW)
    return recorder


async def commit(store: SqliteStore) -> None:
    """Commit all that is held."""
    await store.commit_hold.decided()
    store.commit_hold.cut()
    await store.commit_hold.commit()


def files(folder: Path) -> bytes:
    """Return every byte in a folder's files."""
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))


async def test_nothing_is_told_committed_before_the_commit(
    store: SqliteStore, tmp_path: Path
) -> None:
    """An envelope is admitted at once, in no file until `commit`, and told committed by then."""
    recorder = submitted(store, 1)
    await store.commit_hold.decided()
    assert recorder.told == ["admitted"]
    body = envelope("alice", 1).envelope
    assert body not in files(tmp_path)
    await commit(store)
    assert recorder.told == ["admitted", "committed"]
    # A row's first bytes are in its leaf, the rest in an overflow page.
    assert body[1000:2000] in files(tmp_path)


async def test_what_is_acknowledged_while_held_reaches_no_file(
    store: SqliteStore, tmp_path: Path
) -> None:
    """An acknowledgement withdraws what is held: it is told committed, and never written."""
    recorder = submitted(store, 1)
    await store.commit_hold.decided()
    opened = await store.open_mailbox(route("bob"), NOW)
    assert recorder.place is not None
    store.acknowledge(route("bob"), opened.epoch, [recorder.place.sequence], NOW)
    assert recorder.told == ["admitted", "committed"]
    await commit(store)
    assert envelope("alice", 1).envelope[1000:2000] not in files(tmp_path)
    assert await backlog(store) == []


async def test_a_read_finds_what_is_held_behind_what_is_stored(store: SqliteStore) -> None:
    """A login in between sees the whole backlog in order, page by page, each envelope once."""
    submitted(store, 1)
    submitted(store, 2)
    await commit(store)
    submitted(store, 3)
    submitted(store, 4)
    await store.commit_hold.decided()
    opened = await store.open_mailbox(route("bob"), NOW)
    read: list[bytes] = []
    last = 0
    while True:
        page = await store.read_backlog(
            route("bob"), opened.epoch, after_sequence=last, limit=3, now=NOW
        )
        if not page:
            break
        read += [row.envelope for row in page]
        last = page[-1].sequence
    assert read == [envelope("alice", number).envelope for number in (1, 2, 3, 4)]


async def test_a_commit_between_asking_and_reading_doubles_nothing(store: SqliteStore) -> None:
    """What is committed while a read is under way is in its page once."""
    submitted(store, 1)
    await store.commit_hold.decided()
    opened = await store.open_mailbox(route("bob"), NOW)
    reading = asyncio.ensure_future(
        store.read_backlog(route("bob"), opened.epoch, after_sequence=0, limit=9, now=NOW)
    )
    await asyncio.sleep(0)
    await commit(store)
    assert [row.sequence for row in await reading] == [1]


async def test_a_held_deletion_is_as_good_as_done(store: SqliteStore) -> None:
    """What was acknowledged is not read again, also before its deletion is written."""
    recorder = submitted(store, 1)
    await commit(store)
    opened = await store.open_mailbox(route("bob"), NOW)
    assert recorder.place is not None
    store.acknowledge(route("bob"), opened.epoch, [recorder.place.sequence], NOW)
    store.close_mailbox(route("bob"), opened.epoch)
    assert await backlog(store) == []
    assert store.deletion_lag(NOW + 5) == 5
    await commit(store)
    assert await backlog(store) == []


async def test_a_mailbox_stays_loaded_until_its_deletions_are_written(tmp_path: Path) -> None:
    """Evicted and loaded anew it would find on the disk what its owner has acknowledged."""
    options = SqliteOptions(cache_entries_max=1)
    store = SqliteStore(tmp_path / "relay.db", QUOTAS, options)
    await store.open()
    await with_drops(store, "alice")
    await store.create_account(account("carol"))
    store.commit_hold.begin()
    recorder = submitted(store, 1)
    await commit(store)
    opened = await store.open_mailbox(route("bob"), NOW)
    assert recorder.place is not None
    store.acknowledge(route("bob"), opened.epoch, [recorder.place.sequence], NOW)
    store.close_mailbox(route("bob"), opened.epoch)
    await store.open_mailbox(route("carol"), NOW)  # would push bob's mailbox out of the cache
    assert await backlog(store) == []
    await store.close()


async def test_a_deleted_account_leaves_nothing_that_was_held(
    store: SqliteStore, tmp_path: Path
) -> None:
    """What is held for a mailbox that goes away does not come after its deletion."""
    recorder = submitted(store, 1)
    await store.commit_hold.decided()
    assert await store.delete_account(account("bob").account_id)
    await commit(store)
    assert "committed" in recorder.told
    await store.close()
    assert envelope("alice", 1).envelope[1000:2000] not in files(tmp_path)
    await store.open()
    assert store.stats().queued_envelopes == 0


async def test_what_comes_after_the_cut_waits_for_the_next_commit(store: SqliteStore) -> None:
    """A commit takes what was cut and no more; a read finds both parts in order."""
    first = submitted(store, 1)
    await store.commit_hold.decided()
    assert not store.commit_hold.is_empty
    store.commit_hold.cut()
    second = submitted(store, 2)
    assert len(await backlog(store)) == 2
    await store.commit_hold.commit()
    assert (first.told, second.told) == (["admitted", "committed"], ["admitted"])
    read = await backlog(store)
    assert [s.envelope for s in read] == [envelope("alice", n).envelope for n in (1, 2)]
    await commit(store)
    assert second.told == ["admitted", "committed"]
    assert store.commit_hold.is_empty


async def test_closing_commits_what_is_held(store: SqliteStore) -> None:
    """A store that is closed keeps what was admitted."""
    recorder = submitted(store, 1)
    await store.commit_hold.decided()
    await store.close()
    assert recorder.told == ["admitted", "committed"]
    await store.open()
    assert len(await backlog(store)) == 1


async def test_a_commit_syncs_whether_anything_is_held_or_not(
    store: SqliteStore, tmp_path: Path
) -> None:
    """An empty commit writes a page to the log too, so that it takes as long as any other."""
    log = tmp_path / "relay.db-wal"
    sizes: list[int] = []
    for _ in range(3):
        sizes.append(log.stat().st_size)
        await commit(store)
    assert sizes[0] < sizes[1] < sizes[2]


@pytest.mark.parametrize("name", sorted(set(CASES) - {"knocks", "once_drops"}))
async def test_the_contract_stands_while_commits_are_held(name: str, tmp_path: Path) -> None:
    """Each case of conformance holds with commits every few milliseconds."""
    store = SqliteStore(tmp_path / "relay.db", QUOTAS)
    await store.open()
    store.commit_hold.begin()

    async def commit_often() -> None:
        while True:
            await asyncio.sleep(0.005)
            await commit(store)

    committing = asyncio.create_task(commit_often())
    try:
        await CASES[name](store)
    finally:
        committing.cancel()
        await asyncio.gather(committing, return_exceptions=True)
        await store.close()


async def test_a_store_in_memory_has_nothing_to_hold() -> None:
    """The memory store holds by committing at once; both stores offer the switch."""
    store = MemoryStore(QUOTAS)
    assert isinstance(store, Holding)
    hold: CommitHold = store.commit_hold
    hold.begin()
    assert hold.is_empty
    hold.cut()
    await with_drops(store, "alice")
    recorder = await post(store, envelope("alice", 1))
    await hold.decided()
    await hold.commit()
    assert recorder.told == ["admitted", "committed"]
