"""A log that SQLite will not read to its end is told from one that a power loss cut."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hushpost_store.sqlite.log_inspection import LogState, inspect_log

PAGE = 512
FRAME = 24 + PAGE
COMMITS = 4


@pytest.fixture
def crashed(tmp_path: Path) -> Path:
    """Give a database whose process died: four transactions of several pages are in its log."""
    path, copy = tmp_path / "live.db", tmp_path / "a.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for pragma in (f"page_size = {PAGE}", "journal_mode = WAL", "wal_autocheckpoint = 0"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("CREATE TABLE t (x)")
        for number in range(COMMITS):
            connection.execute("INSERT INTO t VALUES (?)", (bytes([number]) * 900,))
        for suffix in ("", "-wal"):
            shutil.copy(f"{path}{suffix}", f"{copy}{suffix}")
    return copy


def rows(path: Path) -> int:
    """Open a database as SQLite does, and count."""
    with closing(sqlite3.connect(path)) as connection:
        try:
            return int(connection.execute("SELECT count(*) FROM t").fetchone()[0])
        except sqlite3.OperationalError:
            return 0


def test_a_log_that_is_read_to_its_end_is_whole(crashed: Path, tmp_path: Path) -> None:
    """After a crash, without a log, with an empty one, and with frames of an unfinished commit."""
    log = Path(f"{crashed}-wal")
    assert inspect_log(crashed) is LogState.WHOLE
    log.write_bytes(log.read_bytes()[: -FRAME - 10])
    assert inspect_log(crashed) is LogState.WHOLE
    assert rows(crashed) == COMMITS - 1
    log.write_bytes(b"")
    assert inspect_log(crashed) is LogState.WHOLE
    assert inspect_log(tmp_path / "absent") is LogState.WHOLE


def test_each_flipped_byte_that_loses_commits_is_told(crashed: Path) -> None:
    """Wherever a flip makes SQLite forget a commit, the log is damaged; in the last one, cut."""
    log = Path(f"{crashed}-wal")
    data = log.read_bytes()
    frames = (len(data) - 32) // FRAME
    last_begins = 32 + FRAME * (frames - _frames_of_last(data))
    lost = 0
    for place in (*range(32), *range(32, len(data), 61)):
        flipped = bytearray(data)
        flipped[place] ^= 0x10
        log.write_bytes(flipped)
        state = inspect_log(crashed)
        shutil.copy(crashed, crashed.with_name("b.db"))
        shutil.copy(log, crashed.with_name("b.db-wal"))
        forgotten = rows(crashed.with_name("b.db")) < COMMITS
        lost += forgotten
        assert (state is not LogState.WHOLE) or not forgotten, place
        if place < last_begins - FRAME and forgotten:
            assert state is LogState.DAMAGED or _is_commit_frame(data, place), place
    assert lost > 50


def _frames_of_last(data: bytes) -> int:
    commits = [n for n in range((len(data) - 32) // FRAME) if _commit(data, n)]
    return commits[-1] - commits[-2]


def _is_commit_frame(data: bytes, place: int) -> bool:
    return place >= 32 and _commit(data, (place - 32) // FRAME)


def _commit(data: bytes, number: int) -> bool:
    start = 32 + number * FRAME + 4
    return data[start : start + 4] != bytes(4)


def test_frames_of_the_log_before_are_no_damage(crashed: Path) -> None:
    """A log that began anew holds older frames behind its end; they are not looked for."""
    with closing(sqlite3.connect(crashed, isolation_level=None)) as connection:
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("PRAGMA wal_checkpoint(RESTART)")
        connection.execute("INSERT INTO t VALUES (1)")
        copy = crashed.with_name("c.db")
        for suffix in ("", "-wal"):
            shutil.copy(f"{crashed}{suffix}", f"{copy}{suffix}")
    assert Path(f"{copy}-wal").stat().st_size > 32 + 3 * FRAME
    assert inspect_log(copy) is LogState.WHOLE
    assert rows(copy) == COMMITS + 1


def test_a_commit_that_power_loss_tore_is_cut(crashed: Path) -> None:
    """The last transaction without one of its pages is no damage: it was never synced."""
    log = Path(f"{crashed}-wal")
    data = bytearray(log.read_bytes())
    data[-FRAME + 24 : -FRAME + 100] = bytes(76)
    log.write_bytes(data)
    assert inspect_log(crashed) is LogState.CUT
    assert rows(crashed) == COMMITS - 1
