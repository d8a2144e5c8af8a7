"""A process dies at the point and the pass it was told, and tells which points it passed."""

import os
import signal
import sqlite3
from pathlib import Path

import pytest
from hushpost_proof.harness.mortality import (
    DOOM_VARIABLE,
    PASSES_VARIABLE,
    Mortality,
    asker,
)
from hushpost_proof.harness.relay_process import RelayProcess
from hushpost_server.identity import new_identity, save_identity


def test_each_point_is_written_down_once_and_the_chosen_pass_kills(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The third pass of the point, and no other, sends the process signal 9."""
    killed: list[tuple[int, int]] = []

    def kill(pid: int, number: int) -> None:
        killed.append((pid, number))

    monkeypatch.setattr(os, "kill", kill)
    mortality = Mortality("here before|3", str(tmp_path / "passes"))
    for point in ("here before", "there", "here before"):
        mortality.passed(point)
    assert killed == []
    mortality.passed("here before")
    assert killed == [(os.getpid(), signal.SIGKILL)]
    assert (tmp_path / "passes").read_text().splitlines() == ["here before", "there"]


def test_durable_operations_are_named_by_who_asked_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sync and a replacement by the product pass their points in order; others' pass none."""
    for name in ("fsync", "replace", "link", "rename"):
        monkeypatch.setattr(os, name, getattr(os, name))
    monkeypatch.setattr(sqlite3, "connect", sqlite3.connect)
    passes = tmp_path / "passes"
    Mortality("", str(passes)).watch_system()
    save_identity(tmp_path, new_identity(os.urandom))
    connection = sqlite3.connect(tmp_path / "of-nobody", isolation_level=None)
    connection.execute("BEGIN")
    connection.execute("COMMIT")
    connection.close()
    places = [line.rpartition(" ")[0] for line in passes.read_text().splitlines()]
    moments = [line.rpartition(" ")[2] for line in passes.read_text().splitlines()]
    assert (
        places[:4]
        == ["sync server.identity.save_identity"] * 2
        + ["replace server.identity.save_identity"] * 2
    )
    assert moments[:4] == ["before", "after"] * 2
    assert not any("commit" in place for place in places)
    assert asker() is None


def test_a_call_that_is_not_there_is_said_so() -> None:
    """A table that names what was renamed fails at the start of every life."""
    mortality = Mortality("", "")
    with pytest.raises(AttributeError, match="vanished"):
        mortality.watch_call("hushpost_server.feed:Feed.vanished")


async def test_a_relay_dies_where_it_was_told_and_the_next_life_goes_on(tmp_path: Path) -> None:
    """Killed before its identity has its name, a relay makes another; the passes tell the way."""
    relay = RelayProcess(tmp_path, program="hushpost_proof.harness.mortal_relay")
    point = "replace server.identity.save_identity before"
    passes = tmp_path / "passes"
    await relay.begin({DOOM_VARIABLE: f"{point}|1", PASSES_VARIABLE: str(passes)})
    assert await relay.died() == -signal.SIGKILL
    assert passes.read_text().splitlines()[-1] == point
    assert not (relay.data_folder / "identity.json").exists()
    await relay.start({PASSES_VARIABLE: str(passes)})
    await relay.stop()
    assert (relay.data_folder / "identity.json").exists()
    assert "commit store.sqlite.schema._apply after" in passes.read_text()
