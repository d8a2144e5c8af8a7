"""Tests of hushpost_server.cautions: what is allowed and probably not meant."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hushpost_server.announcement import announce
from hushpost_server.cautions import cautions, moved_away
from hushpost_server.command import main
from hushpost_server.configuration import Configuration
from hushpost_server.log_events import EVENTS
from hushpost_server.logging import EventLog
from hushpost_store.sqlite import SqliteStore
from hushpost_store.sqlite.migration_mark import MigrationMark, MoveState, write_mark

from tests.server.conftest import quiet

URL = "redis://relay:geheim@10.0.0.5:6379"


def left_behind(folder: Path) -> Configuration:
    """Return a relay on Redis whose folder has a database."""
    (folder / "relay.db").write_bytes(b"")
    return quiet(store="redis", redis_url=URL, data_folder=folder)


def test_a_database_beside_redis_is_named_with_the_way_out(tmp_path: Path) -> None:
    """Mail that stayed in SQLite is served by nobody; without the file nothing is said."""
    (caution,) = cautions(left_behind(tmp_path))
    assert str(tmp_path / "relay.db") in caution.sentence
    assert "hushpost-relay migrate" in caution.sentence
    (tmp_path / "relay.db").unlink()
    assert cautions(quiet(store="redis", redis_url=URL, data_folder=tmp_path)) == ()


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (None, "`hushpost-relay migrate`, or move the file away"),
        (MoveState.GOING, "run the same `hushpost-relay migrate` again"),
        (MoveState.DONE, "migrate --erase"),
        (MoveState.ERASED, None),
    ],
)
async def test_what_to_do_depends_on_how_far_the_move_is(
    tmp_path: Path, state: MoveState | None, words: str | None
) -> None:
    """A real database with each mark that a migration leaves; the last one is all that is left."""
    store = SqliteStore(tmp_path / "relay.db")
    await store.open()
    await store.close()
    if state is not None:
        with closing(sqlite3.connect(tmp_path / "relay.db", isolation_level=None)) as database:
            database.create_function("row_digest", -1, lambda *_: bytes(8))
            write_mark(database, MigrationMark(state, bytes(16)))
    found = cautions(quiet(store="redis", redis_url=URL, data_folder=tmp_path))
    assert len(found) == (words is not None)
    assert all(words in caution.sentence for caution in found if words)
    moved = state if state in (MoveState.DONE, MoveState.ERASED) else None
    assert moved_away(quiet(store="sqlite", data_folder=tmp_path)) is moved
    assert moved_away(quiet(store="redis", redis_url=URL, data_folder=tmp_path)) is None


@pytest.mark.parametrize("store", ["sqlite", "memory"])
def test_an_address_of_redis_without_its_store_is_named(tmp_path: Path, store: str) -> None:
    """The operator meant Redis, and the mail goes elsewhere; the password is not said."""
    (caution,) = cautions(quiet(store=store, redis_url=URL, data_folder=tmp_path))
    assert 'store = "redis"' in caution.sentence
    assert "geheim" not in caution.sentence


def test_cautions_are_declared_events_of_each_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """They stand in the log before the start itself."""
    caplog.set_level(logging.INFO)
    announce(EventLog(), left_behind(tmp_path), given_store=False, tls=False)
    assert [line.split(":")[0].split()[0] for line in caplog.messages] == [
        "database_left",
        "relay_started",
    ]
    assert "redis_url_unused" in EVENTS


@pytest.mark.parametrize("command", ["config", "check"])
def test_commands_say_them_too(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    command: str,
) -> None:
    """`config` and `check`, on standard error."""
    monkeypatch.setenv("HUSHPOST_RELAY_REDIS_URL", URL)
    main([command, "--data-folder", str(tmp_path)])
    assert "warning: redis_url is set" in capsys.readouterr().err
