"""Tests of hushpost_server.inventory_command; what --check finds: test_inventory_check."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from hushpost_server.command import main
from hushpost_server.inventory import FORMAT, take_inventory
from hushpost_store.sqlite import SqliteStore


def test_each_form_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """Text for people, JSON for programs, Markdown for docs/, and the schema of the JSON."""
    assert main(["inventory"]) == 0
    assert "Columns of the database\n-----" in capsys.readouterr().out
    assert main(["inventory", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["format"] == FORMAT
    assert len(printed["items"]) == len(take_inventory().items)
    assert main(["inventory", "--markdown"]) == 0
    assert capsys.readouterr().out == take_inventory().page().as_markdown()
    assert main(["inventory", "--schema"]) == 0
    assert "$schema" in json.loads(capsys.readouterr().out)


def test_a_folder_in_order_and_one_that_is_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 0 and a sentence, or status 1 and a line for each thing that is not declared."""

    async def make() -> None:
        store = SqliteStore(tmp_path / "relay.db")
        await store.open()
        await store.close()

    asyncio.run(make())
    check = ["inventory", "--check", "--data-folder", str(tmp_path)]
    assert main(check) == 0
    (tmp_path / "notes.txt").touch()
    assert main(check) == 1
    assert capsys.readouterr().err == "undeclared: file notes.txt\n"


def test_where_there_is_nothing_to_look_at_nothing_is_called_in_order(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty folder, and a relay whose mail is in Redis, are refused with a line."""
    check = ["inventory", "--check", "--data-folder", str(tmp_path)]
    assert main(check) == 1
    assert "there is no database" in capsys.readouterr().err
    monkeypatch.setenv("HUSHPOST_RELAY_STORE", "redis")
    assert main(check) == 1
    assert "redis_url" in capsys.readouterr().err
