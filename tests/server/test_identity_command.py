"""Tests of hushpost_server.identity_command."""

from __future__ import annotations

import re
import secrets
from collections.abc import Generator
from pathlib import Path

import pytest
from hushpost_demo.redis_servers import RedisServer
from hushpost_server.command import main
from hushpost_server.identity import load_identity, new_identity, save_identity

from tests.server.redis_scene import empty_scene


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


@pytest.fixture
def redis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[RedisServer]:
    """Run an empty server, and name it and a host in the environment."""
    monkeypatch.setenv("HUSHPOST_RELAY_PUBLIC_HOST", "relay.test")
    with empty_scene(tmp_path, monkeypatch) as scene:
        yield scene.redis


def made(folder: Path) -> str:
    """Make an identity in a folder and return its key."""
    save_identity(folder, new_identity(secrets.token_bytes))
    identity = load_identity(folder)
    assert identity is not None
    return identity.public_key.hex()


def test_what_is_claimed_is_said_and_whom_it_replaces(
    tmp_path: Path, redis: RedisServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first claim, the same again, and another relay's: only that one displaces somebody."""
    folders = [tmp_path / name for name in ("one", "two")]
    told: list[str] = []
    keys: list[str] = []
    for folder in folders:
        folder.mkdir(mode=0o700)
        keys.append(made(folder))
    for folder in (folders[0], folders[0], folders[1]):
        assert main(["identity", "claim", "--data-folder", str(folder)]) == 0
        answer = capsys.readouterr()
        assert "start the relays, each with this identity.json and public_host" in answer.err
        told.append(answer.out.strip())
    first = f"relay.test with {keys[0]}"
    assert told == [first, first, f"relay.test with {keys[1]}, in place of {first}"]


def test_a_rotation_beside_other_relays_says_to_stop_them_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Redis itself is not asked: the operator copies the file before any relay starts."""
    monkeypatch.setenv("HUSHPOST_RELAY_STORE", "redis")
    monkeypatch.setenv("HUSHPOST_RELAY_REDIS_URL", "redis://127.0.0.1:1")
    before = made(tmp_path)
    assert main(["identity", "rotate", "--data-folder", str(tmp_path)]) == 0
    told = capsys.readouterr()
    assert told.out.strip() != before
    assert "copy identity.json to every relay on this Redis, stop all of them" in told.err


@pytest.mark.parametrize(
    ("store", "host", "said"),
    [
        ("sqlite", "relay.test", "nothing to claim"),
        ("redis", "", "public_host is not set"),
        ("redis", "relay.test", "no identity in .* to claim with"),
    ],
)
def test_there_must_be_something_to_claim_with(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    store: str,
    host: str,
    said: str,
) -> None:
    """A shared store, a host and an identity: each absence is told before Redis is asked."""
    monkeypatch.setenv("HUSHPOST_RELAY_STORE", store)
    monkeypatch.setenv("HUSHPOST_RELAY_PUBLIC_HOST", host)
    monkeypatch.setenv("HUSHPOST_RELAY_REDIS_URL", "redis://127.0.0.1:1")
    assert main(["identity", "claim", "--data-folder", str(tmp_path)]) == 1
    assert re.search(said, capsys.readouterr().err)
