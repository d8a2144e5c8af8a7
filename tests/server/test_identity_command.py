"""Tests of hushpost_server.identity_command."""

from __future__ import annotations

from pathlib import Path

import pytest
from hushpost_server.command import main


def test_identity_is_shown_rotated_and_renewed_only_when_lost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Renewing needs --lost and a missing file; rotating keeps the chain."""
    folder = ["--data-folder", str(tmp_path)]
    assert main(["identity", "show", *folder]) == 1
    assert main(["identity", "rotate", *folder]) == 1
    assert main(["identity", "renew", "--lost", *folder]) == 0
    first = capsys.readouterr().out.strip()
    assert main(["identity", "renew", "--lost", *folder]) == 1
    assert main(["identity", "rotate", *folder]) == 0
    told = capsys.readouterr()
    second = told.out.strip()
    assert first != second
    assert "Make a backup now" in told.err
    assert main(["identity", "show", *folder]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == second
    assert shown[1].endswith(first)
