"""The mark of a database whose mail moves: no relay, backup or repair passes it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hushpost_store import SqliteStore, errors
from hushpost_store.sqlite import backup
from hushpost_store.sqlite.migration_mark import MigrationMark, MoveState, read_mark, write_mark
from hushpost_store.sqlite.repair import repair
from hushpost_store.sqlite.row_digest import Damage, install


async def made(path: Path) -> Path:
    """Make a store, or open it again."""
    store = SqliteStore(path)
    await store.open()
    await store.close()
    return path


def mark(path: Path, state: MoveState | None) -> None:
    """Set a mark, or take it away."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        install(connection, Damage())
        write_mark(connection, None if state is None else MigrationMark(state, b"i" * 16))


@pytest.mark.parametrize("state", MoveState)
async def test_a_marked_database_is_not_served_backed_up_or_repaired(
    tmp_path: Path, state: MoveState
) -> None:
    """Each is refused with what to do, and works again when the mark is gone."""
    path = await made(tmp_path / "relay.db")
    mark(path, state)
    assert read_mark(path) == MigrationMark(state, b"i" * 16)
    with pytest.raises(errors.StoreMoved, match=r"migrate|redis_url"):
        await SqliteStore(path).open()
    with pytest.raises(errors.StoreMoved):
        backup.write(path, tmp_path / "copy.db", (4096,))
    with pytest.raises(errors.StoreMoved):
        repair(path)
    assert not (tmp_path / "copy.db").exists()
    mark(path, None)
    assert read_mark(path) is None
    assert repair(path).removed == {}
    await made(path)


async def test_a_mark_that_cannot_be_read_is_damage(tmp_path: Path) -> None:
    """A state that nobody wrote lets no relay start either."""
    path = await made(tmp_path / "relay.db")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        install(connection, Damage())
        connection.execute("INSERT INTO store_meta (name, value) VALUES ('migration', x'00')")
    with pytest.raises(errors.StoreDamaged):
        await SqliteStore(path).open()


def test_a_file_that_is_no_store_has_no_mark(tmp_path: Path) -> None:
    """Whoever opens it will say what it is."""
    (tmp_path / "relay.db").touch()
    assert read_mark(tmp_path / "relay.db") is None
