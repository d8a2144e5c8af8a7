"""Tests of the demo's evidence: planted leaks are found, remains are noticed."""

import asyncio
import os
import secrets
from pathlib import Path

import pytest
from hushpost_demo import evidence
from hushpost_demo.errors import FactFailed
from hushpost_demo.evidence import (
    Control,
    await_erasure,
    control,
    find_envelopes,
    hunt_words,
    planted,
)
from hushpost_demo.guises import Needle

TEXT = "The new job is in Lisbon."


async def test_every_planted_leak_is_found_and_taken_away(tmp_path: Path) -> None:
    """Each spelling that is planted is found, and nothing of it stays behind."""
    (tmp_path / "relay.db").write_bytes(secrets.token_bytes(4096))
    result = await control(tmp_path, TEXT)
    assert len(result.planted) == 8
    assert result.all_found
    assert os.listdir(tmp_path) == ["relay.db"]


def test_a_row_of_an_open_database_is_planted(tmp_path: Path) -> None:
    """The planted row stands readable in a write-ahead log while the block lasts."""
    with planted(tmp_path / "planted", TEXT) as names:
        assert "leak-row.db" in names
        assert TEXT.encode() in (tmp_path / "planted" / "leak-row.db-wal").read_bytes()
    assert not (tmp_path / "planted").exists()


def test_a_blind_scan_is_noticed() -> None:
    """A control is passed only if everything planted was found, and something was planted."""
    assert not Control(("a", "b"), ("a",)).all_found
    assert not Control((), ()).all_found
    assert Control(("a",), ("a",)).all_found


async def test_words_are_hunted_with_what_else_is_given(tmp_path: Path) -> None:
    """A hunt counts its phrases and finds words and given bytes alike."""
    (tmp_path / "log").write_bytes(b"LISBON \x01\x02\x03\x04\x05")
    ids = [Needle("an id", "raw bytes", b"\x01\x02\x03\x04\x05")]
    hunt = await hunt_words("here", tmp_path, [TEXT], ids)
    assert {finding.what for finding in hunt.report.findings} >= {"Lisbon", "an id"}
    assert hunt.phrases < hunt.spellings


async def test_erasure_is_awaited(tmp_path: Path) -> None:
    """The wait ends when the last piece is overwritten, and not before."""
    envelope = secrets.token_bytes(4096)
    path = tmp_path / "relay.db"
    path.write_bytes(envelope)
    assert await find_envelopes(tmp_path, [envelope])

    async def overwrite() -> None:
        await asyncio.sleep(0.8)
        path.write_bytes(bytes(4096))

    task = asyncio.create_task(overwrite())
    assert await await_erasure(tmp_path, [envelope]) >= 0.7
    await task


async def test_a_broken_promise_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An envelope that stays too long is named with its file."""
    monkeypatch.setattr(evidence, "ERASURE_SECONDS_MAX", 0.1)
    envelope = secrets.token_bytes(4096)
    (tmp_path / "relay.db").write_bytes(envelope)
    with pytest.raises(FactFailed, match=r"envelope 1 was read.*relay\.db"):
        await await_erasure(tmp_path, [envelope])
