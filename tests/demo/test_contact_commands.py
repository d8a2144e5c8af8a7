"""Tests of add, contacts, accept, decline, safety, verify and block."""

import pytest
from hushpost_demo import contact_commands

from tests.demo.typing_hands import Hands, Vaults


def test_strangers_become_contacts(vaults: Vaults) -> None:
    """Add tells what happens next; accept finds a knock that still lies at the relay."""
    bob, alice = vaults.init("bob"), vaults.init("alice")
    added = vaults.run("alice", "add", bob)
    assert "Nothing is sent before your first message" in added.stdout
    vaults.facts("alice", "send", bob, "hello bob")
    waiting = vaults.run("alice", "contacts")
    assert "(requested, not verified)" in waiting.stdout
    accepted = vaults.facts("bob", "accept", "alice")
    assert accepted[0]["contact"]["address"] == alice
    vaults.facts("alice", "listen", "--seconds", "1")
    assert vaults.facts("alice", "contacts")[0]["contact"]["stage"] == "open"


def test_a_knock_is_listed_and_declined(vaults: Vaults) -> None:
    """The list shows a first knock that still lies at the relay; declined, it is gone from it."""
    bob = vaults.init("bob")
    vaults.init("eve")
    vaults.facts("eve", "add", bob, "--text", "let me in")
    assert "knocks: accept or decline" in vaults.run("bob", "contacts").stdout
    refused = vaults.fails("bob", "send", "eve", "who are you?")
    assert refused[0] == 6
    assert "hushpost accept first" in refused[1]
    assert vaults.facts("bob", "contacts")[0]["kind"] == "knock"
    vaults.facts("bob", "decline", "eve")
    assert "Nobody yet" in vaults.run("bob", "contacts").stderr


def test_both_see_the_same_safety_number_and_verify(hands: Hands) -> None:
    """Sixty digits, alike on both sides; the mark is kept and can be taken away."""
    vaults = hands.vaults
    numbers = {
        vaults.facts(name, "safety", other)[0]["safety_number"]
        for name, other in (("alice", "bob"), ("bob", hands.addresses["alice"]))
    }
    assert len(numbers) == 1
    assert len(numbers.pop().replace(" ", "")) == 60
    assert "by another way" in vaults.run("alice", "safety", "bob").stderr
    assert vaults.facts("alice", "verify", "bob")[0]["contact"]["verified"] is True
    assert "verified)" in vaults.run("alice", "contacts").stdout
    assert vaults.facts("alice", "verify", "bob", "--undo")[0]["contact"]["verified"] is False


def test_a_blocked_contact_cannot_write(hands: Hands) -> None:
    """Once the relay has revoked the drop, what the other sends is refused."""
    vaults = hands.vaults
    assert vaults.facts("bob", "block", "alice")[0]["contact"]["stage"] == "blocked"
    status, line = vaults.fails("alice", "send", "bob", "are you there?")
    assert status == 6
    assert "refused" in line


@pytest.mark.parametrize(
    "arguments",
    [("safety", "carol"), ("verify", "carol"), ("block", "carol"), ("send", "carol", "hi")],
)
def test_an_unknown_contact(hands: Hands, arguments: tuple[str, ...]) -> None:
    """Nobody of that name: one line that says where to look."""
    status, line = hands.vaults.fails("alice", *arguments)
    assert status == 6
    assert "no contact answers to 'carol'" in line


def test_a_knock_that_does_not_come(hands: Hands, monkeypatch: pytest.MonkeyPatch) -> None:
    """Accepting nobody waits a moment for mail and then says so."""
    monkeypatch.setattr(contact_commands, "KNOCK_SECONDS_MAX", 0.2)
    status, line = hands.vaults.fails("alice", "accept", "carol")
    assert status == 6
    assert "no knock of 'carol' waits" in line


@pytest.mark.parametrize(
    "address",
    ["nonsense", "hushpost://127.0.0.1/short", "https://example.org", "hushpost://a b/" + "a" * 56],
)
def test_an_address_that_does_not_parse(hands: Hands, address: str) -> None:
    """The line says what an address looks like; nothing is added."""
    before = hands.vaults.facts("alice", "contacts")
    status, _ = hands.vaults.fails("alice", "add", address)
    assert status == 2
    assert hands.vaults.facts("alice", "contacts") == before


def test_another_relay_is_asked_about_first(hands: Hands) -> None:
    """A host that would learn the IP address is contacted only after a yes."""
    foreign = hands.vaults.init("carol").replace("127.0.0.1", "localhost")
    status, line = hands.vaults.fails("alice", "add", foreign)
    assert status == 6
    assert "localhost" in line
    assert "--trust-host" in line
    added = hands.vaults.facts("alice", "add", foreign, "--trust-host")
    assert added[0]["contact"]["address"] == foreign
