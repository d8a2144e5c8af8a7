"""Tests of which person is meant by what was typed."""

import asyncio

import pytest
from hushpost import Client, Contact, ContactStage, Knock
from hushpost_demo.errors import ContactAmbiguous, ContactUnknown
from hushpost_demo.who import find, find_contact, find_knock, short_id, shown_name

from tests.demo.typing_hands import PASSPHRASE, Hands


def person(identity: str, name: str) -> Contact:
    """Make a contact of an id and a name."""
    address = f"hushpost://relay.example/{identity}"
    return Contact(address, identity.encode(), name, ContactStage.OPEN, verified=False)


ANN, ANN_TOO, BOB = person("abcd1111", "Ann"), person("abcd2222", "ann"), person("efgh3333", "Bob")
PEOPLE = [ANN, ANN_TOO, BOB]


@pytest.mark.parametrize("typed", ["Bob", " bob ", "efgh", "EFGH3333", BOB.address])
def test_name_address_and_beginning_of_the_id_all_work(typed: str) -> None:
    """Case and blanks do not matter."""
    assert find(PEOPLE, typed) is BOB


@pytest.mark.parametrize("typed", ["", "efg", "carol", "hushpost://relay.example/"])
def test_nobody_is_guessed(typed: str) -> None:
    """Too little, or nobody, is nobody; an empty name is no name."""
    assert find([*PEOPLE, person("zzzz4444", "")], typed) is None


@pytest.mark.parametrize("typed", ["Ann", "abcd"])
def test_two_who_fit_are_told_apart_by_their_ids(typed: str) -> None:
    """A name proves nothing: whoever bears another's name is never chosen silently."""
    with pytest.raises(ContactAmbiguous, match=r"abcd1111.*abcd2222"):
        find(PEOPLE, typed)


def test_a_stranger_cannot_paint_with_a_name() -> None:
    """Names are printable, and somebody without one is called by the id."""
    assert shown_name(person("abcd1111xyz", "\x1b[31m")) == "\N{REPLACEMENT CHARACTER}[31m"
    assert shown_name(person("abcd1111xyz", "")) == "abcd1111"
    knock = Knock("hushpost://r/qrst5555xyz", b"", "Q", "", invited=False)
    assert short_id(knock) == "qrst5555"


def test_errors_say_what_to_type(hands: Hands) -> None:
    """An unknown contact or knock is answered with the command that helps."""
    asyncio.run(_errors(hands))


async def _errors(hands: Hands) -> None:
    path = hands.vaults.path("alice")
    async with await Client.open(path, passphrase=PASSPHRASE) as client:
        assert find_contact(client, "bob").name == "bob"
        with pytest.raises(ContactUnknown, match="hushpost contacts"):
            find_contact(client, "carol")
        with pytest.raises(ContactUnknown, match="no knock of 'carol' waits"):
            find_knock(client, "carol")
