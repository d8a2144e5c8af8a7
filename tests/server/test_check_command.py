"""`hushpost-relay check`: sound, damaged, repaired; and it changes nothing unless told to."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hushpost_server import check_command
from hushpost_server.command import main
from hushpost_server.relay import RelayServer
from hushpost_store.conformance.stage import envelope, post, with_drops
from hushpost_store.redis.keys import account_keys
from hushpost_store.sqlite import onlooker

from tests.server.conftest import quiet
from tests.server.redis_scene import empty_scene
from tests.store.sqlite.test_repair import damage


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give the folder of a relay that was stopped, with one envelope in it."""

    async def fill() -> None:
        async with RelayServer(quiet(store="sqlite", data_folder=tmp_path / "data")) as relay:
            await with_drops(relay.store, "alice")
            await post(relay.store, envelope("alice", 1))

    asyncio.run(fill())
    return tmp_path / "data"


def check(folder: Path, *more: str) -> int:
    """Run the command."""
    return main(["check", "--data-folder", str(folder), *more])


def test_a_sound_folder_is_called_sound(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 0, one line, and no file is changed."""
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert check(folder) == 0
    assert "every row is what was written" in capsys.readouterr().out
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_damage_is_named_and_repaired(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 1 with the table and what to do; --repair removes it, and then all is sound."""
    damage(folder / "relay.db", "UPDATE envelope_4096 SET envelope = zeroblob(4096)")
    before = (folder / "relay.db").read_bytes()
    assert check(folder) == 1
    output = capsys.readouterr()
    assert "envelope_4096: 1 rows are not what was written" in output.out
    assert "--repair" in output.err
    assert (folder / "relay.db").read_bytes() == before
    assert check(folder, "--repair") == 0
    assert "owners are told of 1 lost envelopes" in capsys.readouterr().out


def test_what_no_repair_makes_again_is_said(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A damaged account, identity or file: status 1, and a backup is named."""
    damage(folder / "relay.db", "UPDATE account SET created_day = 7")
    assert check(folder, "--repair") == 1
    assert "restore a backup" in capsys.readouterr().err
    (folder / "identity.json").write_text("{}")
    (folder / "relay.db").write_bytes(b"no database" * 400)
    assert check(folder) == 1
    output = capsys.readouterr().out
    assert "identity.json is damaged" in output
    assert "relay.db" in output


def test_a_damaged_log_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What SQLite would silently leave out of its log is said before anything is opened."""
    log = folder / "relay.db-wal"
    log.write_bytes(_damaged_log(folder / "relay.db"))
    assert check(folder) == 1
    assert "committed mail stands behind the damage" in capsys.readouterr().out


def _damaged_log(database: Path) -> bytes:
    """Make two commits by hand, copy the log of a process that lives, and flip a byte of it."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        for day in (1, 2, 3):
            connection.execute(f"PRAGMA user_version = {day}")
        connection.execute("PRAGMA user_version = 2")
        data = bytearray(database.with_name(database.name + "-wal").read_bytes())
    data[32 + 24 + 100] ^= 1
    return bytes(data)


def test_there_must_be_something_to_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An empty folder, and a relay that keeps nothing on disk, are told in a line."""
    assert check(tmp_path) == 1
    assert "there is no database" in capsys.readouterr().err
    monkeypatch.setenv("HUSHPOST_RELAY_STORE", "memory")
    assert check(tmp_path) == 1
    assert "nothing on disk to check" in capsys.readouterr().err


def test_a_look_that_takes_too_long_says_what_helps(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """While somebody reads, a running relay cannot delete: it is not kept waiting for long."""
    monkeypatch.setattr(check_command, "CHECK_SECONDS_MAX", 0.0)
    monkeypatch.setattr(onlooker, "_STEPS_BETWEEN_LOOKS", 1)
    assert check(folder) == 1
    assert "stop the relay for as long as the check takes" in capsys.readouterr().err


def test_nothing_is_repaired_beside_a_running_relay(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is refused in a line, and nothing was changed."""

    async def beside() -> int:
        async with RelayServer(quiet(store="sqlite", data_folder=folder)):
            return await asyncio.to_thread(check, folder, "--repair")

    assert asyncio.run(beside()) == 1
    assert "nothing was changed" in capsys.readouterr().err


def test_what_redis_holds_is_checked_with_the_identity(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Sound, damaged, and without the relay's key; nothing is repaired there."""
    with empty_scene(tmp_path, monkeypatch) as scene:
        assert check(scene.folder) == 0
        assert "0 accounts with their mailboxes, all as written" in capsys.readouterr().out
        account = account_keys(bytes(32))[0]
        scene.ask(account, b"SET", account, b"no account")
        (scene.folder / "identity.json").unlink()
        assert check(scene.folder) == 1
        told = capsys.readouterr()
        assert "the identity key is missing" in told.out
        assert len(told.out.splitlines()) == 2
        assert "1 accounts and 0 mailboxes are not as written" in told.err
        assert check(scene.folder, "--repair") == 1
        assert "redis-check-aof" in capsys.readouterr().err
        assert scene.ask(account, b"GET", account) == b"no account"
