"""Tests of hushpost_server.inventory_check: each undeclared thing that is planted is found."""

from __future__ import annotations

import io
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hushpost_proof.harness.device import TestDevice
from hushpost_server.command import main
from hushpost_server.configuration import Configuration
from hushpost_server.errors import FolderUnusable
from hushpost_server.file_inventory import BACKUP, DATA
from hushpost_server.inventory_check import (
    undeclared_health,
    undeclared_in_folder,
    undeclared_lines,
    undeclared_metrics,
)
from hushpost_server.log_events import EVENTS, FIELDS, Kind, Value
from hushpost_server.logging import EventLog
from hushpost_server.metrics import Metrics
from hushpost_server.relay import RelayServer

from tests.server.conftest import quiet


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """Give the data folder of a relay that was used and stopped."""
    path = tmp_path / "relay"
    async with RelayServer(quiet(store="sqlite", data_folder=path)) as relay:
        device = TestDevice(relay.url)
        async with device.inbox(create=True):
            assert undeclared_in_folder(path, DATA) == (), "while it runs"
    return path


def alter(folder: Path, sql: str) -> None:
    """Change the database as no relay would."""
    with closing(sqlite3.connect(folder / "relay.db", isolation_level=None)) as connection:
        connection.execute(sql)


async def test_a_used_data_folder_holds_nothing_undeclared(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Files, keys and schema are the declared ones; `inventory --check` says so."""
    assert undeclared_in_folder(folder, DATA) == ()
    assert main(["inventory", "--check", "--data-folder", str(folder)]) == 0
    assert "all that is in it is declared" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("planted", "name"),
    [
        ("CREATE TABLE visitor (address TEXT)", "table visitor"),
        ("ALTER TABLE device ADD COLUMN seen INTEGER", "column device.seen"),
    ],
)
async def test_a_planted_part_of_the_schema_is_found(
    folder: Path, capsys: pytest.CaptureFixture[str], planted: str, name: str
) -> None:
    """A table or column more is named, with status 1."""
    alter(folder, planted)
    assert name in undeclared_in_folder(folder, DATA)
    assert main(["inventory", "--check", "--data-folder", str(folder)]) == 1
    assert f"undeclared: {name}" in capsys.readouterr().err


async def test_a_planted_file_or_key_is_found(folder: Path) -> None:
    """A file more, and a key more in the identity's file."""
    (folder / "access.log").touch()
    identity = folder / "identity.json"
    identity.write_text(json.dumps({**json.loads(identity.read_text()), "owner": "x"}))
    assert undeclared_in_folder(folder, DATA) == ("file access.log", "key owner of identity.json")


async def test_a_backup_holds_nothing_undeclared(folder: Path, tmp_path: Path) -> None:
    """Nor more files than two."""
    backup = tmp_path / "backup"
    assert main(["backup", str(backup), "--data-folder", str(folder)]) == 0
    assert undeclared_in_folder(backup, BACKUP) == ()
    (backup / "relay.db-wal").touch()
    assert undeclared_in_folder(backup, BACKUP) == ("file relay.db-wal",)


@pytest.mark.parametrize("name", ["relay.db", "identity.json"])
async def test_what_cannot_be_read_is_said_and_not_passed_over(folder: Path, name: str) -> None:
    """A check that could not look must not say that all is well."""
    (folder / name).write_bytes(b"no such thing" * 100)
    with pytest.raises(FolderUnusable, match=name):
        undeclared_in_folder(folder, DATA)


def test_a_missing_data_folder_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """There is nothing to check."""
    assert main(["inventory", "--check", "--data-folder", str(tmp_path / "none")]) == 1
    assert "there is no data folder" in capsys.readouterr().err


def test_the_metrics_page_is_declared_to_the_line() -> None:
    """Every comment and sample is; a planted series, label or value is not."""
    text = Metrics().render()
    assert undeclared_metrics(text) == ()
    for planted in (
        "hushpost_accounts 3",
        'hushpost_connections{role="alice"} 1',
        'hushpost_connections{address="192.0.2.1"} 1',
        'hushpost_logged_in{role="inbox"} 1',
        "# HELP hushpost_accounts Accounts.",
        "anything else",
    ):
        assert undeclared_metrics(text + planted + "\n") == (f"metric {planted}",)


async def test_health_has_declared_fields_alone() -> None:
    """A running relay's answer is; a planted field is not."""
    async with RelayServer(Configuration(store="memory", listen_port=0, metrics=False)) as relay:
        text = relay.health().render()
    assert undeclared_health(text) == ()
    planted = {**json.loads(text), "last_login": 1}
    assert undeclared_health(json.dumps(planted)) == ("health field last_login",)


def example(kind: Kind, words: tuple[str, ...]) -> Value:
    """Return a value that a field takes."""
    examples: dict[Kind, Value] = {
        Kind.NUMBER: 7,
        Kind.FLAG: True,
        Kind.ERROR: KeyError("k"),
        Kind.PLACE: None,
    }
    return words[0] if kind is Kind.WORD else examples[kind]


@pytest.mark.parametrize("name", sorted(EVENTS))
def test_every_event_as_written_is_a_declared_line(name: str) -> None:
    """Whatever the values; and the same line with anything changed or added is not."""
    stream = io.StringIO()
    event = EVENTS[name]
    given = {key: example(FIELDS[key].kind, FIELDS[key].words) for key in event.given}
    EventLog.to_stream(stream, "debug").write(name, **given)
    line = stream.getvalue().rstrip("\n")
    assert undeclared_lines(line) == ()
    for planted in (
        f"{line} alice",
        line.replace(f" {name}", f" {name} account=alice"),
        "Traceback",
    ):
        assert undeclared_lines(f"{line}\n{planted}\n") == (planted,)
