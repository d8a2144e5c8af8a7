"""What an opening finds that no reader would miss: lost entries, lost parts, a damaged log."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hushpost.errors import VaultDamaged
from hushpost.vault import Table, Vault
from hushpost.vault_header import KeychainKey

KEY = KeychainKey(bytes(range(32)))
COMMITS = 6


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """Give a closed vault with a short and a long record, one of them with a lookup value."""
    vault = await Vault.create(tmp_path / "vault", KEY)
    async with vault.transaction() as transaction:
        transaction.put(Table.SETTINGS, b"short", b"x", lookup=b"found by this")
        transaction.put(Table.MESSAGES, b"long", bytes(40_000))
    await vault.close()
    return tmp_path / "vault"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE directory SET shelf = zeroblob(16) WHERE tag = (SELECT min(tag) FROM directory)",
        "DELETE FROM directory WHERE tag = (SELECT min(tag) FROM directory)",
        "DELETE FROM body_17320 WHERE part = (SELECT max(part) FROM body_17320)",
        "DELETE FROM body_256",
        "INSERT INTO body_960 VALUES (zeroblob(34), zeroblob(960))",
        "UPDATE directory SET form = x'00000000'",
    ],
)
async def test_an_entry_or_part_that_is_gone_is_reported(path: Path, statement: str) -> None:
    """A row that no list would show any more makes the vault refuse to open, unchanged."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute(statement)
    with pytest.raises(VaultDamaged, match="backup"):
        await Vault.open(path, KEY)


async def test_a_damaged_index_is_reported(path: Path) -> None:
    """An index that leads elsewhere would hide a record: SQLite's own check is asked."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_master SET rootpage = (SELECT rootpage FROM sqlite_master"
            " WHERE name = 'directory_lookup') WHERE name = 'directory_order'"
        )
    with pytest.raises(VaultDamaged):
        await Vault.open(path, KEY)


def read(path: Path) -> bytes:
    """Give the log of a vault."""
    return path.with_name(f"{path.name}-wal").read_bytes()


def write(path: Path, log: bytes | bytearray) -> None:
    """Put a log beside a vault."""
    path.with_name(f"{path.name}-wal").write_bytes(log)


async def _crashed(path: Path, copy: Path) -> bytes:
    """Copy the files of a vault that is open, with some commits in its log; give the log."""
    vault = await Vault.open(path, KEY)
    for number in range(COMMITS):
        async with vault.transaction() as transaction:
            transaction.put(Table.SETTINGS, b"number", bytes([number]))
    for suffix in ("", "-wal"):
        shutil.copy(f"{path}{suffix}", f"{copy}{suffix}")
    await vault.close()
    return read(copy)


@pytest.mark.parametrize("place", [2, 18, 22, 32 + 9, 32 + 17, 32 + 24 + 1000])
async def test_commits_behind_a_damaged_log_are_missed(path: Path, place: int) -> None:
    """A flip in the log's header or first frame loses six commits: reported, files unchanged."""
    copy = path.with_name("copy")
    log = bytearray(await _crashed(path, copy))
    log[place] ^= 4
    write(copy, log)
    with pytest.raises(VaultDamaged, match=r"log.*backup"):
        await Vault.open(copy, KEY)
    assert read(copy) == log


async def test_a_log_that_power_loss_cut_opens(path: Path) -> None:
    """A last commit that is not whole was told to nobody: the vault opens as it was before it."""
    copy = path.with_name("copy")
    log = bytearray(await _crashed(path, copy))
    log[-500:] = bytes(500)
    write(copy, log)
    async with await Vault.open(copy, KEY) as vault:
        assert vault.get(Table.SETTINGS, b"number") == bytes([COMMITS - 2])


async def test_an_undamaged_log_is_read_to_its_end(path: Path) -> None:
    """After a crash all commits are there."""
    copy = path.with_name("copy")
    await _crashed(path, copy)
    async with await Vault.open(copy, KEY) as vault:
        assert vault.get(Table.SETTINGS, b"number") == bytes([COMMITS - 1])
