"""Tests of hushpost_server.subpoena_command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hushpost_server.command import main
from hushpost_server.subpoena_command import UNKNOWN_ACCOUNT
from hushpost_store.conformance import digest

from tests.store.sqlite.full_store import full_store


@pytest.fixture
async def folder(tmp_path: Path) -> list[str]:
    """Give the arguments that name the data folder of a stopped relay."""
    async with full_store(tmp_path / "relay.db"):
        pass
    return ["--data-folder", str(tmp_path)]


async def test_each_form_is_printed(folder: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Text for a terminal, HTML for a browser, JSON with every row whole."""
    bob = digest("bob").hex()
    assert main(["subpoena", bob, *folder]) == 0
    assert f"What this relay can produce about {bob}\n===" in capsys.readouterr().out
    assert main(["subpoena", bob, "--format", "html", *folder]) == 0
    assert capsys.readouterr().out.startswith("<!doctype html>")
    assert main(["subpoena", bob, "--format", "json", *folder]) == 0
    assert json.loads(capsys.readouterr().out)["account_id"] == bob
    assert main(["subpoena", "--schema"]) == 0
    assert "$schema" in capsys.readouterr().out


async def test_an_unknown_account_has_a_status_of_its_own(
    folder: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The answer is printed all the same: that there is nothing is an answer."""
    assert main(["subpoena", digest("mallory").hex(), *folder]) == UNKNOWN_ACCOUNT
    told = capsys.readouterr()
    assert "Nothing is stored about this account." in told.out
    assert "was never made here, or was deleted" in told.err


@pytest.mark.parametrize("given", [[], ["alice@example.org"], ["f" * 64]])
def test_what_cannot_be_answered_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], given: list[str]
) -> None:
    """No account, none that is one, and a folder without a database: status 1."""
    assert main(["subpoena", *given, "--data-folder", str(tmp_path)]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_a_relay_that_keeps_nothing_answers_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the store in memory there is no database to read."""
    monkeypatch.setenv("HUSHPOST_RELAY_STORE", "memory")
    assert main(["subpoena", "f" * 64]) == UNKNOWN_ACCOUNT
    assert "nothing is on disk" in " ".join(capsys.readouterr().out.split())
