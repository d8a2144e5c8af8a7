"""Chunks become a text once, in any order, within bounds (content.md, 2 and 6)."""

import itertools

import pytest
from hushpost.content import ContentMalformed, Header, Inner, InnerId, ListView, Text, split_text
from hushpost.engine.contact_book import device_row
from hushpost.engine.desk import Desk
from hushpost.engine.ledger import Table
from hushpost.engine.reassembly import UNFINISHED_MAX, take_chunk
from hushpost_wire.identifiers import ListHead

from tests.client_lib.engine.people import Person, PostRoom, only_device

VIEW = ListView(1, ListHead(bytes(32)))


@pytest.fixture(scope="module")
def friends() -> tuple[Person, bytes]:
    """Give a person and the key of a contact's device."""
    alice, bob = Person("alice", 1), Person("bob", 2)
    PostRoom(alice, bob).befriend(alice, bob)
    return alice, only_device(alice, bob)


def _take(person: Person, key: bytes, number: int, chunk: Text) -> str | None:
    header = Header(InnerId(number.to_bytes(16, "big")), 1, 0, 0, VIEW, VIEW)

    def step(desk: Desk) -> str | None:
        return take_chunk(desk, device_row(desk, key), Inner(header, chunk), chunk)

    return person.step(step)


def test_any_order_and_any_repeat_gives_the_text_once(friends: tuple[Person, bytes]) -> None:
    """Three chunks in six orders, each twice: one text, and nothing left behind."""
    person, key = friends
    text = "é" * 15_000
    chunks = split_text(text)
    assert len(chunks) == 3
    for number, order in enumerate(itertools.permutations(chunks), 100):
        given = [_take(person, key, number, chunk) for chunk in (*order, *order)]
        assert [item for item in given if item] == [text]
    assert person.ledger.tables[Table.PARTS] == {}


def test_a_short_text_is_given_at_once_and_once(friends: tuple[Person, bytes]) -> None:
    """One chunk needs no waiting, and its repeat is nothing."""
    person, key = friends
    (chunk,) = split_text("hello")
    assert _take(person, key, 1, chunk) == "hello"
    assert _take(person, key, 1, chunk) is None


def test_unfinished_texts_are_bounded(friends: tuple[Person, bytes]) -> None:
    """Beyond eight the oldest unfinished text goes; the newest can still be finished."""
    person, key = friends
    first, second, _ = split_text("x" * 30_000)
    for number in range(200, 200 + UNFINISHED_MAX + 3):
        assert _take(person, key, number, first) is None
    kept = {row[-17:-1] for row in person.ledger.tables[Table.PARTS]}
    assert len(kept) == UNFINISHED_MAX
    assert (200).to_bytes(16, "big") not in kept
    assert _take(person, key, 210, second) is None
    person.ledger.tables[Table.PARTS].clear()


def test_a_whole_that_is_no_utf8_is_malformed(friends: tuple[Person, bytes]) -> None:
    """Each chunk may end inside a character; the whole may not."""
    person, key = friends
    with pytest.raises(ContentMalformed, match="UTF-8"):
        _take(person, key, 300, Text(0, 1, 2, b"\xc3\x28"))
