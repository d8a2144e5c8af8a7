"""Tests of init, address and passphrase against a real relay."""

from pathlib import Path

import pytest
from hushpost_demo import account_commands

from tests.demo.conftest import relay_running
from tests.demo.typing_hands import PASSPHRASE, Vaults


def test_an_account_is_made_and_its_words_shown_once(vaults: Vaults) -> None:
    """The address is printed, and 24 words that no later command knows."""
    facts = vaults.facts("alice", "init", "--relay", vaults.relay, "--name", "Alice")
    assert facts[0]["kind"] == "account"
    assert len(facts[0]["recovery_words"]) == 24
    assert vaults.facts("alice", "address")[0]["address"] == facts[0]["address"]
    result = vaults.run("bob", "init", "--relay", vaults.relay, "--no-knocks")
    assert "Write them on paper now" in result.stdout


def test_a_second_account_needs_a_second_vault(vaults: Vaults) -> None:
    """A vault is never overwritten."""
    address = vaults.init("alice")
    status, line = vaults.fails("alice", "init", "--relay", vaults.relay)
    assert status == 3
    assert "name another one with --vault" in line
    assert vaults.facts("alice", "address")[0]["address"] == address


def test_a_relay_that_is_not_there_leaves_nothing(vaults: Vaults) -> None:
    """Nothing listens at port 1: one line, no vault left behind."""
    status, line = vaults.fails("alice", "init", "--relay", "ws://127.0.0.1:1")
    assert status == 5
    assert "127.0.0.1:1" in line
    assert not vaults.path("alice").exists()


@pytest.mark.parametrize("relay", ["ws://relay.example", "ws://", "nonsense here"])
def test_a_relay_that_does_not_read(vaults: Vaults, relay: str) -> None:
    """An address that is none, or that would go unprotected, is a mistake in the command."""
    status, _ = vaults.fails("alice", "init", "--relay", relay)
    assert status == 2


def test_the_address_as_a_qr_code(vaults: Vaults) -> None:
    """The code is drawn below the address; a script gets it as a field."""
    address = vaults.init("alice")
    result = vaults.run("alice", "address", "--qr")
    assert result.stdout.startswith(address)
    assert "█" in result.stdout
    assert "█" in vaults.facts("alice", "address", "--qr")[0]["qr"]


def test_an_invitation_lets_in_whom_knocks_do_not(vaults: Vaults) -> None:
    """With knocks off, an invitation is the way to a first message."""
    vaults.facts("bob", "init", "--relay", vaults.relay, "--name", "bob", "--no-knocks")
    vaults.init("alice")
    invitation = vaults.facts("bob", "address", "--invite")[0]
    assert invitation["kind"] == "invitation"
    vaults.facts("alice", "add", invitation["address"], "--text", "by invitation")
    vaults.facts("bob", "accept", "alice")
    heard = vaults.facts("bob", "listen", "--count", "1", "--seconds", "10")
    assert [fact["text"] for fact in heard if fact["kind"] == "message"] == ["by invitation"]


def test_an_invitation_needs_the_relay(
    vaults: Vaults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the relay gone nothing is promised, and the line says who did not answer."""
    monkeypatch.setattr(account_commands, "INVITATION_SECONDS_MAX", 0.5)
    with relay_running(tmp_path / "short-lived") as url:
        vaults.facts("alice", "init", "--relay", url)
    status, line = vaults.fails("alice", "address", "--invite")
    assert status == 7
    assert "did not answer" in line


def test_a_passphrase_is_changed(
    vaults: Vaults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new one opens the vault, the old one no longer does."""
    vaults.init("alice")
    new = tmp_path / "new"
    new.write_text("battery staple\n")
    vaults.facts("alice", "passphrase", "--new-passphrase-file", str(new))
    assert vaults.fails("alice", "address")[0] == 4
    vaults.facts("alice", "address", "--passphrase-file", str(new))
    monkeypatch.setenv("HUSHPOST_NEW_PASSPHRASE", PASSPHRASE)
    vaults.facts("alice", "passphrase", "--passphrase-file", str(new))
    vaults.facts("alice", "address")


def test_a_short_passphrase_is_refused_and_makes_nothing(
    vaults: Vaults, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither `init` nor `passphrase` takes one; of one that is rather short a person is told."""
    address = vaults.run("alice", "init", "--relay", vaults.relay)
    assert "five words drawn by dice" in address.stderr
    monkeypatch.setenv("HUSHPOST_NEW_PASSPHRASE", "short")
    status, line = vaults.fails("alice", "passphrase")
    assert (status, "at least 8" in line) == (4, True)
    monkeypatch.setattr("tests.demo.typing_hands.PASSPHRASE", "1234567")
    status, line = vaults.fails("bob", "init", "--relay", vaults.relay)
    assert (status, "5 words" in line or "five words" in line) == (4, True)
    assert not vaults.path("bob").exists()
