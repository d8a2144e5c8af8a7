"""The memory store: the whole contract, told at once, and forgotten at the end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hushpost_store import MemoryStore, Quotas, Store, errors
from hushpost_store.conformance import (
    NOW,
    Recorder,
    account,
    backlog,
    digest,
    envelope,
    route,
    run_conformance,
    with_drops,
)


@pytest.fixture
async def store() -> AsyncIterator[MemoryStore]:
    """Give bob a mailbox in memory that alice may post to."""
    made = MemoryStore()
    await made.open()
    await with_drops(made, "alice")
    yield made
    await made.close()


async def test_it_keeps_the_contract() -> None:
    """Every case of the suite passes."""

    async def make(quotas: Quotas) -> Store:
        return MemoryStore(quotas)

    results = await run_conformance(make)
    assert [result for result in results if not result.passed] == []
    assert len(results) >= 17


async def test_the_end_is_told_from_within_submit(store: MemoryStore) -> None:
    """Nothing waits: when `submit` returns the listener has heard all of it."""
    told = Recorder()
    store.submit(envelope("alice", 1), told, NOW)
    assert told.told == ["admitted", "committed"]
    assert not store.under_pressure()
    await store.pressure_relieved()


async def test_figures_are_sums_over_all_mailboxes(store: MemoryStore) -> None:
    """Accounts, envelopes and bytes are counted, and nothing deleted is ever waiting."""
    for number in range(3):
        store.submit(envelope("alice", number), Recorder(), NOW)
    stats = store.stats()
    assert (stats.accounts, stats.queued_envelopes, stats.queued_bytes) == (1, 3, 3 * 4096)
    assert (stats.committed_envelopes, stats.cached_mailboxes) == (3, 1)
    assert len(stats.generation) == 16
    assert store.deletion_lag(NOW) == 0.0


async def test_closing_forgets_everything(store: MemoryStore) -> None:
    """After a close nothing of anyone is there, and the store can be used anew."""
    store.submit(envelope("alice", 1), Recorder(), NOW)
    await store.close()
    await store.open()
    assert await store.load_account(digest("bob")) is None
    await with_drops(store, "alice")
    assert await backlog(store) == []


async def test_what_names_no_mailbox_is_harmless(store: MemoryStore) -> None:
    """Acknowledging, reading and confirming for a mailbox that went change and raise nothing."""
    opened = await store.open_mailbox(route("bob"), NOW)
    assert await store.delete_account(account("bob").account_id)
    store.acknowledge(route("bob"), opened.epoch, [1], NOW)
    store.close_mailbox(route("bob"), opened.epoch)
    await store.expired_seen(route("bob"), 1)
    assert await store.expired_notices(route("bob")) == ()
    with pytest.raises(errors.MailboxUnknown):
        await store.revoke_drop(route("bob"), digest("alice"))


async def test_there_is_no_backup(store: MemoryStore, tmp_path: Path) -> None:
    """Asking for one is a clear error that says what to do."""
    with pytest.raises(errors.BackupUnsupported, match="use SQLite"):
        await store.backup(tmp_path / "backup")
