"""Tests of hushpost_server.backup_command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hushpost_server.command import main

from tests.server.relay_command import Started, started_relay


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Started]:
    """Start a relay in a process of its own, and say where it listens."""
    with started_relay(tmp_path / "relay") as relay:
        yield relay


def test_a_running_relay_is_backed_up_and_restored_elsewhere(
    started: Started,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A backup may be made while the relay runs; restoring needs an empty folder."""
    assert started[0].poll() is None
    running, target, new = tmp_path / "relay", tmp_path / "backup", tmp_path / "new"
    assert main(["backup", str(target), "--data-folder", str(running)]) == 0
    assert main(["backup", str(target), "--data-folder", str(running)]) == 1
    assert main(["restore", str(target), "--data-folder", str(running)]) == 1
    assert main(["restore", str(target), "--data-folder", str(new)]) == 0
    assert (new / "identity.json").read_bytes() == (running / "identity.json").read_bytes()
    told = capsys.readouterr().err
    assert "move that file away" in told
    assert "put the newer identity.json" in told
    (new / "relay.db").unlink()
    assert main(["identity", "rotate", "--data-folder", str(new)]) == 0
    assert main(["restore", str(target), "--data-folder", str(new)]) == 0
    assert "kept the identity in the data folder" in capsys.readouterr().err
