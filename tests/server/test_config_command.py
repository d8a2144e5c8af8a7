"""Tests of hushpost_server.config_command."""

from __future__ import annotations

from pathlib import Path

import pytest
from hushpost_server.command import main
from hushpost_server.configuration_reference import render_reference


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep this user's configuration and data out of the tests."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


def test_config_prints_what_is_in_force_and_the_reference(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`config` shows values; `config --reference` the page."""
    assert main(["config"]) == 0
    assert "listen_port = 8440" in capsys.readouterr().out
    assert main(["config", "--reference"]) == 0
    assert capsys.readouterr().out == render_reference()
