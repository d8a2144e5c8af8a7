"""Tests of hushpost_crypto.session: its duties, one test each."""

from collections.abc import Callable

import pytest
from hushpost_crypto.session import SessionBook

from tests.crypto.pairwise_duties import DUTIES
from tests.crypto.pairwise_world import Device, met


@pytest.mark.parametrize("duty", DUTIES["session"], ids=lambda duty: duty.__name__)
def test_duty(duty: Callable[[], None]) -> None:
    """Each demand of pairwise_duties, whose docstring says it, is met."""
    duty()


def test_a_linked_start_is_not_waited_for_unless_asked() -> None:
    """Without patience the next start is unlinked at once: the peer may have lost its state."""
    alice, bob = met()
    links: list[bool] = []
    for _ in range(2):
        book = alice.book(bob).start(alice.local, bob.bundle(), now=alice.now, random=alice.random)
        alice.keep(bob, book)
        links.append(book.sessions[0].origin.linked)
    assert links == [True, False]


def test_generations_begin_with_one() -> None:
    """Where the clock says nothing, the first session is number one, and each next one more."""
    alice, bob = Device("alice"), Device("bob")
    book = SessionBook()
    for generation in (1, 2, 3):
        book = book.start(alice.local, bob.bundle(), now=0.0, random=alice.random)
        assert book.sessions[0].origin.generation == generation


def test_a_message_in_one_session_leaves_the_others() -> None:
    """Whichever session a message opens in, all that were there are there behind it, in order."""
    alice, bob = met()
    late = [alice.send(bob)]
    for _ in range(2):
        alice.start(bob)
        alice.pass_on(bob)
        bob.pass_on(alice)
        late.append(alice.send(bob))
    before = [session.session_id for session in bob.book(alice).sessions]
    assert len(before) == 3
    for message in late:
        bob.receive(alice, message)
        assert [session.session_id for session in bob.book(alice).sessions] == before


def test_nothing_received_is_nothing_to_forget() -> None:
    """Forgetting old keys changes nothing in a session that only sent."""
    alice, bob = Device("alice"), Device("bob")
    alice.start(bob)
    alice.send(bob)
    book = alice.book(bob)
    assert book.sessions[0].ratchet.receiving is None
    assert book.forget_expired(alice.now + 90 * 86_400) == book
