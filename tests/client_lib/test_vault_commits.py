"""Transactions of a vault that commit together: all, none, and one that fails (docs/vault.md)."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hushpost.errors import VaultError, VaultFull, VaultUncertain
from hushpost.vault import Table, Vault
from hushpost.vault_commits import Commits

from tests.client_lib.vault_rows_put import KEY, fail_after_writing, put


@pytest.fixture
async def vault(tmp_path: Path) -> AsyncIterator[Vault]:
    """Open an empty vault."""
    async with await Vault.create(tmp_path / "a.vault", KEY) as opened:
        yield opened


async def test_an_exception_undoes_its_transaction_only(vault: Vault) -> None:
    """A body that raises leaves nothing behind; those before and after it stand."""
    await put(vault, Table.SETTINGS, b"a", b"1")
    with pytest.raises(ZeroDivisionError):
        await fail_after_writing(vault)
    await put(vault, Table.SETTINGS, b"c", b"3")
    found = [vault.get(Table.SETTINGS, key) for key in (b"a", b"b", b"c")]
    assert found == [b"1", None, b"3"]


async def test_waiting_transactions_share_a_commit(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fifty transactions begun together, each counting on, need far fewer than fifty commits."""
    commits: list[int] = []
    group = vault._commits  # pyright: ignore[reportPrivateUsage]  # counts what it commits
    commit = group._commit  # pyright: ignore[reportPrivateUsage]  # then does the same

    def counted() -> None:
        commits.append(1)
        commit()

    monkeypatch.setattr(group, "_commit", counted)

    async def add_one() -> None:
        async with vault.transaction() as transaction:
            old = transaction.get(Table.SETTINGS, b"n") or b"\0"
            transaction.put(Table.SETTINGS, b"n", bytes([old[0] + 1]))

    await asyncio.gather(*(add_one() for _ in range(50)))
    assert vault.get(Table.SETTINGS, b"n") == b"\x32"
    assert 1 <= len(commits) <= 5


async def test_a_cancelled_caller_does_not_undo_or_block(vault: Vault) -> None:
    """Cancelling a task that waits for its commit leaves the commit whole and the vault usable."""
    task = asyncio.ensure_future(put(vault, Table.SETTINGS, b"a", b"1"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await put(vault, Table.SETTINGS, b"b", b"2")
    assert vault.get(Table.SETTINGS, b"b") == b"2"
    assert vault.get(Table.SETTINGS, b"a") in (None, b"1")


async def test_sqlite_refusing_to_grow_is_full_and_recovers(vault: Vault) -> None:
    """At the page limit of SQLite itself a write is VaultFull and undone; with room it works."""
    writer = vault._writer  # pyright: ignore[reportPrivateUsage]  # sets a real limit of SQLite
    await put(vault, Table.SETTINGS, b"a", b"1")
    (pages,) = writer.execute("PRAGMA page_count").fetchone()
    writer.execute(f"PRAGMA max_page_count={pages + 3}")
    with pytest.raises(VaultFull):
        await put(vault, Table.MESSAGES, b"large", bytes(200_000))
    assert vault.get(Table.SETTINGS, b"a") == b"1"
    assert vault.count(Table.MESSAGES) == 0
    writer.execute("PRAGMA max_page_count=1000000")
    await put(vault, Table.MESSAGES, b"large", bytes(200_000))
    assert vault.get(Table.MESSAGES, b"large") == bytes(200_000)


async def test_a_full_disk_fails_all_that_waited_and_loses_nothing(vault: Vault) -> None:
    """Whoever was in the group with a refused write hears of it; nobody is told a false success."""
    writer = vault._writer  # pyright: ignore[reportPrivateUsage]  # sets a real limit of SQLite
    (pages,) = writer.execute("PRAGMA page_count").fetchone()
    writer.execute(f"PRAGMA max_page_count={pages + 40}")
    sizes = {b"%d" % number: 300 if number % 2 else 60_000 for number in range(10)}
    outcomes = await asyncio.gather(
        *(put(vault, Table.MESSAGES, key, bytes(size)) for key, size in sizes.items()),
        return_exceptions=True,
    )
    writer.execute("PRAGMA max_page_count=1000000")
    assert any(isinstance(outcome, VaultFull) for outcome in outcomes)
    for key, outcome in zip(sizes, outcomes, strict=True):
        there = vault.get(Table.MESSAGES, key) is not None
        assert there == (outcome is None)
    await put(vault, Table.MESSAGES, b"later", b"1")


@pytest.fixture
def commits() -> Iterator[tuple[sqlite3.Connection, Commits]]:
    """Make a group over a database in memory."""
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    connection.execute("CREATE TABLE t (n)")
    with ThreadPoolExecutor(1) as thread:
        yield connection, Commits(connection, thread, begun=lambda: None, settled=lambda: None)
    connection.close()


async def test_a_group_that_is_cut_off_tells_who_waits(
    commits: tuple[sqlite3.Connection, Commits],
) -> None:
    """If the thread is gone when a group is to be committed, nobody waits for ever."""
    _, open_group = commits
    group = open_group.begin()
    open_group.keep()
    open_group._thread.shutdown()  # pyright: ignore[reportPrivateUsage]  # plays the interpreter's end
    with pytest.raises(RuntimeError):
        await open_group.settle()
    with pytest.raises(VaultFull, match="cut off"):
        await group


async def test_a_database_that_refuses_is_an_error_of_the_vault(
    commits: tuple[sqlite3.Connection, Commits],
) -> None:
    """Begin, keep and commit on a database that does not work raise the vault's own errors."""
    connection, open_group = commits
    with pytest.raises(VaultError):
        open_group.keep()
    group = open_group.begin()
    connection.execute("ROLLBACK")
    await open_group.settle()
    with pytest.raises(VaultError):
        await group
    connection.close()
    with pytest.raises(VaultError):
        open_group.begin()


async def test_what_is_uncertain_is_remembered(
    commits: tuple[sqlite3.Connection, Commits],
) -> None:
    """After a sync that failed, the group knows that nothing may follow."""
    _, open_group = commits

    def fail() -> None:
        raise VaultUncertain("a sync failed")

    with pytest.raises(VaultUncertain):
        await open_group.run(fail)
    assert open_group.uncertain is not None
