"""Tests of what the two people said: what is lost, doubled or out of order is noticed."""

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import cast as typed_as

import pytest
from hushpost import Client, Contact, Message, MessageReceived, MessageState
from hushpost_demo.cast import Cast, require
from hushpost_demo.errors import FactFailed
from hushpost_demo.person import Line, Person

from tests.demo.typing_hands import Vaults


def heard(text: str) -> MessageReceived:
    """Make an event that carries a text."""
    event = SimpleNamespace(text=text, sent_at=datetime.now(UTC))
    return typed_as("MessageReceived", event)


def conversation(folder: Path, received: list[str]) -> Cast:
    """Have Alice say three things, and Bob hear these."""
    alice, bob = Person("Alice", "Alice Pemberton", folder), Person("Bob", "Bob K", folder)
    for text in ("one", "two", "three"):
        alice.lines.append(Line("Alice", text, Message(text, "address", MessageState.DELIVERED)))
    alice.lines.append(Line("", "a remark of the app"))
    bob.heard += [heard(text) for text in received]
    return Cast(alice, bob)


def test_all_once_and_in_order_is_well(tmp_path: Path) -> None:
    """The number of messages is told, and a remark of the app is none."""
    assert conversation(tmp_path, ["one", "two", "three"]).check_heard() == 3


@pytest.mark.parametrize(
    "received",
    [["one", "three"], ["one", "two", "two", "three"], ["two", "one", "three"]],
    ids=["lost", "doubled", "out of order"],
)
def test_anything_else_stops_the_demo(tmp_path: Path, received: list[str]) -> None:
    """Lost, doubled and out of order are each a fact that is not so."""
    with pytest.raises(FactFailed, match="Bob received all that Alice wrote"):
        conversation(tmp_path, received).check_heard()


def test_all_that_must_not_leak_is_listed(tmp_path: Path) -> None:
    """Texts, full names and passphrases are hunted."""
    cast = conversation(tmp_path, [])
    texts = cast.texts()
    assert texts[:5] == ["one", "two", "three", "Alice Pemberton", "Bob K"]
    assert texts[5:] == [cast.alice.passphrase, cast.bob.passphrase]


async def test_an_undelivered_message_is_no_success(tmp_path: Path) -> None:
    """A message that is refused stops the wait for deliveries."""
    cast = conversation(tmp_path, [])
    refused = Message("x", "address", MessageState.REFUSED)
    cast.alice.lines.append(Line("Alice", "x", refused))

    async def never() -> bool:
        raise AssertionError("it was not delivered")

    with pytest.raises(FactFailed, match="it is refused"):
        await cast.all_delivered(never)


def test_what_is_not_so_is_said() -> None:
    """A requirement that does not hold is an error with its words; one that holds is nothing."""
    require(True, "the sky is up")
    with pytest.raises(FactFailed, match="it is not so that the sky is down"):
        require(False, "the sky is down")


async def test_two_meet_and_all_that_they_say_arrives(vaults: Vaults) -> None:
    """From the knock to the last receipt, with what a thief of a vault would look for."""
    async with (
        Person("Alice", "Alice Pemberton", vaults.folder / "alice") as alice,
        Person("Bob", "Bob Kestrel", vaults.folder / "bob") as bob,
    ):
        await alice.create(vaults.relay)
        await bob.create(vaults.relay)
        await bob.client.online()
        cast = Cast(alice, bob)
        await cast.knock("It is Alice.")
        await cast.let_in()
        assert cast.contact(alice).account_id != cast.contact(bob).account_id
        assert cast.safety_number() == alice.client.safety_number(cast.contact(alice))
        await cast.say(bob, "Hello Alice.")
        await alice.hears(1)
        looks = iter((False, True))

        async def is_settled() -> bool:
            return next(looks)

        await cast.all_delivered(is_settled)
        assert list(looks) == [], "nothing is settled before it was said so"
        assert {line.state for line in (*alice.lines, *bob.lines)} == {"", "delivered"}
        assert cast.check_heard() == 2
        bobs_id = cast.contact(alice).account_id
        hunted = cast.ids(alice)
        assert {needle.what for needle in hunted} == {"the address of Alice's contact"}
        patterns = [needle.pattern for needle in hunted]
        assert patterns[0] == bobs_id
        assert patterns[-1] == str(bob.client.address).rpartition("/")[2].encode()
        assert bobs_id.hex().encode() in patterns


def test_numbers_that_differ_stop_the_demo(tmp_path: Path) -> None:
    """Nobody is shown a safety number on which the two apps do not agree."""

    def app(number: str) -> Client:
        def safety_number(_: Contact) -> str:
            return number

        return typed_as("Client", SimpleNamespace(safety_number=safety_number))

    contact = typed_as("Contact", SimpleNamespace())
    alice = Person("Alice", "A", tmp_path, _client=app("12345"))
    bob = Person("Bob", "B", tmp_path, _client=app("54321"))
    with pytest.raises(FactFailed, match="both apps show the same safety number"):
        Cast(alice, bob, contact, contact).safety_number()
