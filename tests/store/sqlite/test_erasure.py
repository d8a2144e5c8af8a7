"""Erasing a moved database: nothing of it is left, and no relay starts in its place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hushpost_store import SqliteStore, errors
from hushpost_store.conformance.stage import envelope, post, with_drops
from hushpost_store.sqlite import erasure
from hushpost_store.sqlite.erasure import erase, old_of
from hushpost_store.sqlite.migration_mark import MoveState, read_mark

from tests.store.sqlite.test_migration_mark import mark


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """Give a closed database with an envelope."""
    store = SqliteStore(tmp_path / "relay.db")
    await store.open()
    await with_drops(store, "alice")
    await post(store, envelope("alice", 1))
    await store.close()
    return tmp_path / "relay.db"


def left(path: Path) -> bytes:
    """Return all that lies in the folder."""
    return b"".join(file.read_bytes() for file in path.parent.iterdir())


async def test_an_erased_database_is_gone_and_still_refused(path: Path) -> None:
    """Its envelope is in no file any more, and a relay that starts there is told so."""
    piece = envelope("alice", 1).envelope[100:164]
    assert piece in left(path)
    mark(path, MoveState.DONE)
    assert erase(path) > 4096
    assert piece not in left(path)
    found = read_mark(path)
    assert found is not None
    assert found.state is MoveState.ERASED
    with pytest.raises(errors.StoreMoved):
        await SqliteStore(path).open()
    assert erase(path) == 0


@pytest.mark.parametrize("state", [None, MoveState.GOING])
def test_a_database_that_has_not_moved_is_left_alone(path: Path, state: MoveState | None) -> None:
    """Neither before nor half way: its mail is nowhere else."""
    if state is not None:
        mark(path, state)
    before = path.read_bytes()
    with pytest.raises(errors.StoreMisuse):
        erase(path)
    assert path.read_bytes() == before


def test_the_bytes_are_overwritten_in_their_place(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the file goes its own blocks hold zeros; what a crash leaves then is finished."""
    mark(path, MoveState.DONE)
    copy = path.with_name("second name")
    os.link(path, copy)

    def crash(_: Path) -> int:
        raise OSError(5, "died here")

    overwrite = erasure._overwrite  # pyright: ignore[reportPrivateUsage] - to die before it
    monkeypatch.setattr(erasure, "_overwrite", crash)
    with pytest.raises(errors.StoreFault, match="could not be erased"):
        erase(path)
    assert old_of(path).exists()
    monkeypatch.setattr(erasure, "_overwrite", overwrite)
    assert erase(path) == copy.stat().st_size
    assert not old_of(path).exists()
    assert not any(copy.read_bytes())


async def test_a_database_in_use_is_not_erased(path: Path) -> None:
    """Somebody has it open."""
    store = SqliteStore(path)
    await store.open()
    with pytest.raises(errors.StoreInUse):
        erase(path)
    await store.close()
