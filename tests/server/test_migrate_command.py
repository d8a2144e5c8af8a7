"""`hushpost-relay migrate` as an operator types it."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import pytest
from hushpost_demo.redis_servers import RedisServer, free_ports, is_installed
from hushpost_server.command import main
from hushpost_server.errors import MigrationFailed
from hushpost_server.identity import new_identity, save_identity
from hushpost_server.migrate_command import database_at
from hushpost_store.conformance.stage import digest
from hushpost_store.sqlite.migration_mark import MigrationMark, MoveState, read_mark, write_mark
from hushpost_store.sqlite.row_digest import Damage, install

from tests.conftest import require_or_skip
from tests.server.conftest import quiet
from tests.server.locked_out import locked_out
from tests.store.redis.moving import filled


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give the data folder of a stopped relay."""
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    asyncio.run(filled(data))
    save_identity(data, new_identity(lambda count: bytes(range(count))))
    return data


@pytest.fixture
def redis(tmp_path: Path) -> Generator[RedisServer]:
    """Run an empty server."""
    require_or_skip(is_installed(), "Redis is not installed: apt-get install redis-server")
    server = RedisServer(tmp_path / "redis", free_ports(1)[0])
    asyncio.run(server.start())
    yield server
    server.kill()


def test_a_store_is_moved_undone_moved_and_erased(
    folder: Path, redis: RedisServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each step says what it did and what comes next; a relay is not started on what has moved."""
    there = ["--from", f"sqlite:{folder}", "--to", redis.url]
    assert main(["migrate", *there]) == 0
    told = capsys.readouterr()
    assert "copied: 3 of 3 accounts" in told.out
    assert "12 expired envelopes deleted" in told.out
    assert "moved: 3 accounts, 0 envelopes" in told.out
    assert "read back whole from Redis and equal: BLAKE2b" in told.out
    assert 'set store = "redis"' in told.err
    assert main(["serve", "--data-folder", str(folder), "--listen-port", "0"]) == 1
    assert 'moved to Redis: set store = "redis"' in capsys.readouterr().err
    assert main(["migrate", *there, "--undo"]) == 0
    assert "undone" in capsys.readouterr().out
    assert main(["migrate", "--from", f"sqlite:{folder}", "--erase"]) == 1
    assert "nothing was erased" in capsys.readouterr().err
    assert main(["migrate", *there]) == 0
    assert main(["migrate", "--from", f"sqlite:{folder}", "--erase"]) == 0
    assert "bytes overwritten and removed" in capsys.readouterr().out
    mark = read_mark(folder / "relay.db")
    assert mark is not None
    assert mark.state is MoveState.ERASED
    assert main(["serve", "--data-folder", str(folder), "--listen-port", "0"]) == 1
    assert_looks_point_at_redis(folder, capsys)


def assert_looks_point_at_redis(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without the new configuration nobody is told that nothing is stored, or that all is well."""
    capsys.readouterr()
    assert main(["subpoena", digest("bob").hex(), "--data-folder", str(folder)]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert "the answer comes from there" in told.err
    assert main(["check", "--data-folder", str(folder)]) == 0
    assert "was moved to Redis: check it there" in capsys.readouterr().err


def test_an_order_is_answered_alike_before_and_after(
    folder: Path,
    redis: RedisServer,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same sentences about the same account, but for what Redis counts beside them."""
    there = ["--from", f"sqlite:{folder}", "--to", redis.url]
    order = ["subpoena", digest("bob").hex(), "--format", "json", "--data-folder", str(folder)]
    assert main(["migrate", *there]) == 0
    capsys.readouterr()
    assert main(order) == 0
    told = capsys.readouterr()
    assert "state in which the database was when it was moved" in told.err
    before = json.loads(told.out)["facts"]
    monkeypatch.setenv("HUSHPOST_RELAY_STORE", "redis")
    monkeypatch.setenv("HUSHPOST_RELAY_REDIS_URL", redis.url)
    assert main(order) == 0
    told = capsys.readouterr()
    assert "what is in it is not served" in told.err
    after = json.loads(told.out)["facts"]
    assert len(before) >= 8
    assert set(before) == {fact for fact in after if ":mailbox" not in fact}
    assert main(["check", "--data-folder", str(folder)]) == 0
    assert main(["inventory", "--check", "--data-folder", str(folder)]) == 0


def test_a_move_that_has_begun_says_that_it_goes_on(
    folder: Path, redis: RedisServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """The Redis goes away under way: no relay may be started until it is back and done."""
    begun = MigrationMark(MoveState.GOING, bytes(16))
    with closing(sqlite3.connect(folder / "relay.db")) as connection:
        install(connection, Damage())
        write_mark(connection, begun)
        connection.commit()
    redis.kill()
    assert main(["migrate", "--from", f"sqlite:{folder}", "--to", redis.url]) == 1
    told = capsys.readouterr().err
    assert "it goes on where it was, and no relay accepts mail in either place" in told


def test_places_come_from_the_configuration_too(
    folder: Path,
    redis: RedisServer,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So that no password stands in the list of processes."""
    monkeypatch.setenv("HUSHPOST_RELAY_REDIS_URL", redis.url)
    assert main(["migrate", "--data-folder", str(folder)]) == 0
    assert "moved: 3 accounts" in capsys.readouterr().out


def test_a_database_is_named_in_every_natural_way(folder: Path) -> None:
    """By its folder, by its file, with one slash or three, or by the configuration."""
    database = folder / "relay.db"
    configuration = quiet(store="sqlite", data_folder=folder)
    for given in (None, f"sqlite:{folder}", f"sqlite:{database}", f"sqlite://{database}"):
        assert database_at(given, configuration) == database
    for wrong in ("relay.db", "sqlite:", f"sqlite:{folder}/nowhere", "redis://h"):
        with pytest.raises(MigrationFailed):
            database_at(wrong, configuration)


@pytest.mark.parametrize("way", [[], ["--undo"], ["--erase"]])
@pytest.mark.parametrize("kind", ["a text", "nothing", "another program's"])
def test_a_file_of_others_is_left_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str, way: list[str]
) -> None:
    """A wrong path makes no lock, no log and no mode beside what it names."""
    place = tmp_path / "place"
    place.mkdir()
    file = place / "passwd"
    if kind == "another program's":
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("CREATE TABLE bookmark (name)")
    else:
        file.write_text("root:x:0:0::/root:/bin/sh\n" if kind == "a text" else "")
    file.chmod(0o644)
    before = file.read_bytes()
    # No Redis is asked: there is none.
    target = ["--to", "redis://127.0.0.1:1"]
    assert main(["migrate", "--from", f"sqlite:{file}", *target, *way]) == 1
    assert "no database of a relay" in capsys.readouterr().err
    assert [path.name for path in place.iterdir()] == ["passwd"]
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (before, 0o644)


@pytest.mark.parametrize("way", [[], ["--undo"], ["--erase"]])
def test_what_the_user_may_not_touch_is_one_line(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    way: list[str],
) -> None:
    """Started as another user than the relay's, it says so, for a folder and for a file."""
    monkeypatch.setenv("XDG_CONFIG_HOME", "/nonexistent")
    with locked_out(folder):
        for place in (folder, folder / "relay.db", folder / ("x" * 300)):
            assert main(["migrate", "--from", f"sqlite:{place}", *way]) == 1
            told = capsys.readouterr().err
            assert "run it as the user whose relay it is" in told
            assert len(told.splitlines()) == 1


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("10.0.0.5:6379", "redis://host:port"),
        ("redis://h:secret@", "host:port"),
        ("redis://u:secret@127.0.0.1:1", "the old relay may be started meanwhile"),
    ],
)
def test_a_target_that_cannot_be_used_is_one_line_without_its_password(
    folder: Path, capsys: pytest.CaptureFixture[str], target: str, said: str
) -> None:
    """Status 1, what to write, and the old store as it was."""
    assert main(["migrate", "--from", f"sqlite:{folder}", "--to", target]) == 1
    told = capsys.readouterr().err
    assert said in told
    assert "secret" not in told
    assert len(told.strip().splitlines()) == 1
    assert read_mark(folder / "relay.db") is None
