"""The vault: durable transactions, group commit, erasure, crashes, full disks."""

# ruff: noqa: ASYNC110, ASYNC220, ASYNC240 - these tests watch files and kill child processes
import asyncio
import os
import random
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hushpost import vault as vault_module
from hushpost.errors import (
    MisuseError,
    VaultDamaged,
    VaultExists,
    VaultInUse,
    VaultLocked,
    VaultMissing,
)
from hushpost.vault import Table, Vault
from hushpost.vault_header import KeychainKey, Passphrase

from tests.client_lib.vault_rows_put import KEY, put

WRITER = Path(__file__).with_name("vault_writer.py")
KILLS = 20


@pytest.fixture
async def vault(tmp_path: Path) -> AsyncIterator[Vault]:
    """Open an empty vault."""
    async with await Vault.create(tmp_path / "a.vault", KEY) as opened:
        yield opened


async def test_what_was_put_is_there_after_reopening(tmp_path: Path) -> None:
    """A record survives close and open."""
    async with await Vault.create(tmp_path / "v", KEY) as vault:
        await put(vault, Table.CONTACTS, b"k", b"value")
    async with await Vault.open(tmp_path / "v", KEY) as vault:
        assert vault.get(Table.CONTACTS, b"k") == b"value"


async def test_reads_outside_see_only_what_is_durable(vault: Vault) -> None:
    """Inside a transaction its writes are seen at once; outside only after its end."""
    async with vault.transaction() as transaction:
        transaction.put(Table.SETTINGS, b"a", b"1")
        assert transaction.get(Table.SETTINGS, b"a") == b"1"
        assert vault.get(Table.SETTINGS, b"a") is None
    assert vault.get(Table.SETTINGS, b"a") == b"1"


async def test_a_nested_transaction_is_refused(vault: Vault) -> None:
    """A second transaction in the same task is a clear error and no deadlock."""
    async with vault.transaction() as transaction:
        with pytest.raises(MisuseError, match="leave its block"):
            async with vault.transaction():
                pass
        transaction.put(Table.SETTINGS, b"a", b"1")
    assert vault.get(Table.SETTINGS, b"a") == b"1"


async def test_a_writer_kept_beyond_its_block_is_refused(vault: Vault) -> None:
    """A transaction that ended can neither read nor write any more."""
    async with vault.transaction() as transaction:
        pass
    with pytest.raises(MisuseError, match="begin another"):
        transaction.put(Table.SETTINGS, b"a", b"1")
    with pytest.raises(MisuseError, match="begin another"):
        transaction.get(Table.SETTINGS, b"a")


async def test_a_closed_vault_says_so(tmp_path: Path) -> None:
    """Every use after close is a clear error; closing twice is none."""
    vault = await Vault.create(tmp_path / "v", KEY)
    await vault.close()
    await vault.close()
    with pytest.raises(MisuseError, match="closed"):
        await put(vault, Table.SETTINGS, b"a", b"1")
    with pytest.raises(MisuseError, match="closed"):
        vault.get(Table.SETTINGS, b"a")


async def test_a_vault_of_schema_1_still_opens(tmp_path: Path) -> None:
    """A file written by the first release opens, and every size of record in it is whole."""
    copy = tmp_path / "v"
    copy.write_bytes(Path(__file__).with_name("data").joinpath("schema_1.vault").read_bytes())
    async with await Vault.open(copy, KEY) as vault:
        rows = vault.find(Table.MESSAGES, b"thread")
        assert [(row.key, row.position) for row in rows] == [
            (b"message %d" % number, number) for number in range(5)
        ]
        sizes = (10, 800, 4300, 16_600, 40_000)
        assert [row.value for row in rows] == [bytes([n]) * size for n, size in enumerate(sizes)]


async def test_opened_twice_is_refused(vault: Vault) -> None:
    """A vault that is open is refused to a second opener, and goes on undisturbed."""
    with pytest.raises(VaultInUse):
        await Vault.open(vault.path, KEY)
    with pytest.raises(VaultInUse):
        await Vault.create(vault.path, KEY)
    await put(vault, Table.SETTINGS, b"a", b"1")
    assert vault.get(Table.SETTINGS, b"a") == b"1"


async def test_wrong_passphrase_changes_nothing(tmp_path: Path) -> None:
    """A wrong passphrase is told as such; the file keeps every byte; the right one still opens."""
    path = tmp_path / "v"
    await (await Vault.create(path, Passphrase("right"))).close()
    before = path.read_bytes()
    with pytest.raises(VaultLocked):
        await Vault.open(path, Passphrase("wrong"))
    assert path.read_bytes() == before
    await (await Vault.open(path, Passphrase("right"))).close()


async def test_change_secret_rewraps_only(tmp_path: Path) -> None:
    """After a change the new passphrase opens, the old does not; the rows are the same bytes."""
    path = tmp_path / "v"
    async with await Vault.create(path, Passphrase("old")) as vault:
        await put(vault, Table.CONTACTS, b"k", b"value")
        rows = sealed_rows(path)
        await vault.change_secret(Passphrase("old"), Passphrase("new"))
        assert sealed_rows(path) == rows
        with pytest.raises(VaultLocked):
            await vault.change_secret(Passphrase("old"), Passphrase("newer"))
    with pytest.raises(VaultLocked):
        await Vault.open(path, Passphrase("old"))
    async with await Vault.open(path, Passphrase("new")) as vault:
        assert vault.get(Table.CONTACTS, b"k") == b"value"


async def test_the_old_wrap_is_gone_from_the_disk(tmp_path: Path) -> None:
    """After a change of passphrase no file beside the vault holds the old header any more."""
    path = tmp_path / "v"
    async with await Vault.create(path, KEY) as vault:
        with sqlite3.connect(path) as reader:
            (old,) = reader.execute("SELECT record FROM header").fetchone()
        reader.close()
        assert pieces_left(tmp_path, [old]) > 0
        await vault.change_secret(KEY, KeychainKey(b"n" * 32))
        assert pieces_left(tmp_path, [old[27:]]) == 0


def sealed_rows(path: Path) -> list[bytes]:
    """Read every sealed row as it lies in the file, by a connection of its own."""
    reader = sqlite3.connect(path)
    try:
        tables = reader.execute("SELECT name FROM sqlite_master WHERE name LIKE 'body%'")
        names = [name for (name,) in tables.fetchall()]
        return [row for name in names for (row,) in reader.execute(f"SELECT sealed FROM {name}")]
    finally:
        reader.close()


def pieces_left(folder: Path, rows: list[bytes]) -> int:
    """Count the 16-byte pieces of ``rows`` that any file of the folder still holds."""
    disk = b"\n".join(file.read_bytes() for file in folder.iterdir())
    pieces = {row[at : at + 16] for row in rows for at in range(0, len(row) - 15, 16)}
    return len(pieces.intersection(disk[at : at + 16] for at in range(len(disk) - 15)))


async def test_deleted_and_overwritten_rows_leave_the_disk(tmp_path: Path) -> None:
    """Of 80 deleted and 80 overwritten rows of all sizes no piece is left in any file."""
    draw = random.Random(7)
    sizes = [draw.choice((20, 700, 4300, 16_600)) for _ in range(160)]
    async with await Vault.create(tmp_path / "v", KEY) as vault:
        for start in range(0, 160, 40):
            async with vault.transaction() as transaction:
                for number in range(start, start + 40):
                    transaction.put(Table.MESSAGES, b"%d" % number, bytes(sizes[number]))
        old = sealed_rows(tmp_path / "v")
        order = list(range(160))
        draw.shuffle(order)
        for number in order[:80]:
            async with vault.transaction() as transaction:
                transaction.delete(Table.MESSAGES, b"%d" % number)
        for number in order[80:]:
            await put(vault, Table.MESSAGES, b"%d" % number, bytes(draw.choice(sizes)))
        assert pieces_left(tmp_path, old) > 100, "the hunt finds nothing even before erasure"
        await vault.erase()
        assert pieces_left(tmp_path, old) == 0
        assert pieces_left(tmp_path, sealed_rows(tmp_path / "v")) > 1000
        assert vault.count(Table.MESSAGES) == 80


async def test_erasure_comes_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without being asked the vault erases a deleted row within its promised time."""
    monkeypatch.setattr(vault_module, "ERASE_SECONDS", 0.1)
    async with await Vault.create(tmp_path / "v", KEY) as vault:
        await put(vault, Table.OUTBOX, b"k", bytes(4200))
        old = sealed_rows(tmp_path / "v")
        async with vault.transaction() as transaction:
            transaction.delete(Table.OUTBOX, b"k")
        async with asyncio.timeout(60):
            while pieces_left(tmp_path, old):
                await asyncio.sleep(0.02)
        assert vault.count(Table.OUTBOX) == 0


async def test_nothing_on_disk_is_readable(tmp_path: Path) -> None:
    """Neither a key, a value, a lookup nor a table's name appears in any file of the vault."""
    said = [b"a-key-of-a-contact", b"the quick brown fox", b"lookup-value-of-it"]
    async with await Vault.create(tmp_path / "v", KEY) as vault:
        async with vault.transaction() as transaction:
            transaction.put(Table.CONTACTS, said[0], said[1] * 9, lookup=said[2])
        disk = b"".join(file.read_bytes() for file in tmp_path.iterdir())
        assert not [word for word in (*said, b"contacts") if word in disk]
        assert vault.find(Table.CONTACTS, said[2])[0].value == said[1] * 9


async def test_files_belong_to_their_owner_alone(vault: Vault) -> None:
    """No other user of the machine may read any file of the vault."""
    await put(vault, Table.SETTINGS, b"a", b"1")
    modes = {file.name: file.stat().st_mode & 0o077 for file in vault.path.parent.iterdir()}
    assert len(modes) == 4
    assert set(modes.values()) == {0}


async def test_a_changed_row_is_reported_and_others_are_served(tmp_path: Path) -> None:
    """A byte flipped on disk makes that record damaged; the records beside it are served."""
    path = tmp_path / "v"
    async with await Vault.create(path, KEY) as vault:
        await put(vault, Table.SETTINGS, b"a", b"1")
        (sealed,) = sealed_rows(path)
        await put(vault, Table.SETTINGS, b"b", b"2")
    data = path.read_bytes()
    assert data.count(sealed) == 1
    at = data.index(sealed) + 100
    path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
    async with await Vault.open(path, KEY) as vault:
        with pytest.raises(VaultDamaged, match="restore"):
            vault.get(Table.SETTINGS, b"a")
        with pytest.raises(VaultDamaged):
            vault.rows(Table.SETTINGS)
        assert vault.get(Table.SETTINGS, b"b") == b"2"


async def test_a_reader_from_outside_delays_erasure_with_a_clear_word(vault: Vault) -> None:
    """Another program reading the file makes erasure say so; once it is gone erasure works."""
    await put(vault, Table.SETTINGS, b"a", b"1")
    outside = sqlite3.connect(vault.path)
    outside.execute("BEGIN")
    outside.execute("SELECT count(*) FROM directory").fetchone()
    await put(vault, Table.SETTINGS, b"a", b"2")
    vault._writer.execute("PRAGMA busy_timeout=50")  # pyright: ignore[reportPrivateUsage]  # short
    with pytest.raises(VaultInUse, match="another program"):
        await vault.erase()
    outside.close()
    await vault.erase()
    assert vault.get(Table.SETTINGS, b"a") == b"2"


@pytest.mark.parametrize("make", ["create", "open"])
async def test_impossible_paths_are_clear(tmp_path: Path, make: str) -> None:
    """A folder or file that is not there is named, and nothing is left behind."""
    action = Vault.create if make == "create" else Vault.open
    with pytest.raises(VaultMissing):
        await action(tmp_path / "none" / "v", KEY)
    if make == "open":
        with pytest.raises(VaultMissing):
            await Vault.open(tmp_path / "v", KEY)
    assert list(tmp_path.iterdir()) == []


async def test_an_existing_file_is_not_overwritten(tmp_path: Path) -> None:
    """Create refuses a path where any file is, and leaves it as it was."""
    (tmp_path / "v").write_bytes(b"a letter")
    with pytest.raises(VaultExists):
        await Vault.create(tmp_path / "v", KEY)
    assert (tmp_path / "v").read_bytes() == b"a letter"


def environment() -> dict[str, str]:
    """Let the child import what this process imports."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


async def test_killed_at_any_moment_leaves_the_old_or_the_new_state(tmp_path: Path) -> None:
    """After signal 9, twenty times, all tables agree on one number and none told is lost."""
    path, draw = tmp_path / "v", random.Random(os.urandom(8))
    command = [sys.executable, str(WRITER), str(path), "count"]
    transactions = 0
    for kill in range(KILLS):
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment()) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == b"open\n"
            await asyncio.sleep(draw.uniform(0.0, 0.25))
            child.kill()
            told = [int(line) for line in child.stdout.read().split(b"\n")[:-1]]
        async with await Vault.open(path, KEY) as vault:
            found = [vault.get(table, b"number") for table in (Table.SESSIONS, Table.OUTBOX)]
            found.append(vault.get(Table.MESSAGES, b"number"))
            numbers = {0 if value is None else int.from_bytes(value[:8], "big") for value in found}
            assert len(numbers) == 1, f"kill {kill} left half a transaction"
            (number,) = numbers
            assert all(value is None or value == value[:8] * (len(value) // 8) for value in found)
            assert number >= max(told, default=transactions), f"kill {kill} lost a durable one"
            seen = [row.position for row in vault.rows(Table.SEEN_MESSAGES)]
            assert seen == list(range(max(1, number - 19), number + 1))
            transactions = number
    assert transactions > KILLS


async def test_killed_while_it_is_made_leaves_no_half_vault(tmp_path: Path) -> None:
    """Signal 9 during creation leaves no file or one that opens, and creation works afterwards."""
    draw = random.Random(os.urandom(8))
    for number in range(8):
        path = tmp_path / f"v{number}"
        command = [sys.executable, str(WRITER), str(path), "count"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment()) as child:
            lock = path.with_name(path.name + ".lock")
            while not lock.exists():
                await asyncio.sleep(0.001)
            await asyncio.sleep(draw.uniform(0.0, 0.02))
            child.kill()
        action = Vault.open if path.exists() else Vault.create
        async with await action(path, KEY) as vault:
            await put(vault, Table.SETTINGS, b"a", b"1")
            assert vault.get(Table.SETTINGS, b"a") == b"1"


async def test_a_full_disk_in_a_real_process(tmp_path: Path) -> None:
    """When the system refuses to grow the file: VaultFull, the old state, and then work again."""
    command = [sys.executable, str(WRITER), str(tmp_path / "v"), "full"]
    child = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, env=environment()
    )
    output, _ = await child.communicate()
    assert (child.returncode, output) == (0, b"refused 1\n")
    async with await Vault.open(tmp_path / "v", KEY) as vault:
        assert vault.get(Table.SETTINGS, b"kept") == b"after"
