"""Tests of hushpost_server.default_folders."""

from __future__ import annotations

from pathlib import Path

import pytest
from hushpost_server.default_folders import default_data_folder, default_file


def test_defaults_lie_in_the_users_own_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Data and configuration follow the platform's folders, each under the relay's own name."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "configuration"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert default_file() == tmp_path / "configuration" / "hushpost-relay" / "relay.toml"
    assert default_data_folder() == tmp_path / "data" / "hushpost-relay"
