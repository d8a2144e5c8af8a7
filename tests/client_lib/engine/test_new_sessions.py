"""New sessions with contacts: asked for, renewed, sealed again in (content.md, 4 and 11)."""

import pytest
from hushpost.contacts import ContactStage
from hushpost.engine import deadlines, new_sessions
from hushpost.engine.contact_book import session_book
from hushpost.errors import MisuseError
from hushpost.events import MessageReceived, SessionRestarted

from tests.client_lib.engine.lost_mail import device_of, friends
from tests.client_lib.engine.people import DAY, Person, PostRoom, add


def strangers() -> tuple[Person, Person, PostRoom]:
    """Give two people who have not met."""
    alice, bob = Person("alice", 1), Person("bob", 2)
    return alice, bob, PostRoom(alice, bob)


def texts_of(person: Person) -> list[str]:
    """Give the texts among the events."""
    return [event.text for event in person.events() if isinstance(event, MessageReceived)]


def is_linked(person: Person, other: Person) -> bool:
    """Whether the session to send in proves knowledge of the one before."""
    return person.look(session_book, device_of(person, other)).sessions[0].origin.linked


def test_a_restart_is_told_and_bounded_to_one_a_day() -> None:
    """The contact's app is not alarmed by a linked restart; a second one that day is refused."""
    alice, bob, room = strangers()
    room.befriend(alice, bob)
    bob.send(alice, "so that both have received")
    room.settle()
    alice.step(new_sessions.restart_session, bob.own.account_id)
    room.settle()
    with pytest.raises(MisuseError, match="restarted today"):
        alice.step(new_sessions.restart_session, bob.own.account_id)
    alice.send(bob, "in the new session")
    bob.events()
    room.settle()
    assert texts_of(bob) == ["in the new session"]
    stranger = Person("carol", 4)
    room.add(stranger)
    add(room, alice, stranger)
    with pytest.raises(MisuseError, match="no session"):
        alice.step(new_sessions.restart_session, stranger.own.account_id)


def test_a_text_that_was_sealed_in_an_unanswered_session_goes_again() -> None:
    """After a restart that nobody answers, a text without receipt is sealed once more, same id."""
    alice, bob, room = strangers()
    room.befriend(alice, bob)
    alice.step(new_sessions.restart_session, bob.own.account_id)
    room.run_errands(alice)
    message = alice.send(bob, "sealed as a first message")
    room.post_all(alice)
    lost = room.take(bob)
    assert len(lost) == 2
    room.pass_time(DAY + 3600)
    room.pass_time(61)
    room.pass_time(6)
    assert texts_of(bob)[-1] == "sealed as a first message"
    assert alice.state(message) == "delivered"
    assert bob.contact(alice).stage is ContactStage.OPEN


def test_who_was_away_for_days_is_told_of_no_restart() -> None:
    """A start that nobody answered is repeated with its proof, and the text comes once."""
    alice, bob, room = friends()
    bob.send(alice, "so that both have received")
    room.settle()
    room.pass_time(6)
    bob.events()
    alice.step(new_sessions.restart_session, bob.own.account_id)
    room.run_errands(alice)
    alice.send(bob, "in the new session")
    room.post_all(alice)
    for _ in range(3):
        alice.now += DAY + 60
        alice.step(deadlines.handle_deadline)
        room.run_errands(alice)
        room.post_all(alice)
    assert len(alice.look(session_book, device_of(alice, bob)).sessions) == 3
    bob.now = alice.now
    room.settle()
    events = bob.events()
    assert not any(isinstance(event, SessionRestarted) for event in events)
    assert [event.text for event in events if isinstance(event, MessageReceived)] == [
        "in the new session"
    ]


@pytest.mark.parametrize(("days", "is_begun"), [(14, True), (15, False)])
def test_after_15_days_a_start_is_not_linked_again(days: int, is_begun: bool) -> None:
    """Its envelope is gone by then: the peer may have lost its state, and a person has to ask."""
    alice, bob, room = friends()
    bob.send(alice, "so that both have received")
    room.settle()
    alice.step(new_sessions.restart_session, bob.own.account_id)
    room.run_errands(alice)
    before = alice.look(session_book, device_of(alice, bob)).sessions[0].session_id
    alice.now += days * DAY
    alice.step(new_sessions.renew_session, device_of(alice, bob))
    room.run_errands(alice)
    after = alice.look(session_book, device_of(alice, bob)).sessions[0].session_id
    assert (after != before) is is_begun
    if not is_begun:
        alice.step(new_sessions.restart_session, bob.own.account_id)
    room.run_errands(alice)
    assert is_linked(alice, bob) is is_begun


def test_a_renewal_proves_knowledge_or_does_not_happen() -> None:
    """Without a link there is no session that a client begins by itself."""
    alice, bob, room = friends()
    bob.send(alice, "so that both have received")
    room.settle()
    device = device_of(alice, bob)
    before = alice.look(session_book, device).sessions[0].session_id
    alice.step(new_sessions.renew_session, device)
    room.run_errands(alice)
    renewed = alice.look(session_book, device).sessions[0]
    assert renewed.session_id != before
    assert renewed.origin.linked
    alice.step(new_sessions.renew_session, device_of(alice, bob))
    room.run_errands(alice)
    assert alice.look(session_book, device).sessions[0].session_id == renewed.session_id
    fresh, _, room = strangers()
    add(room, fresh, room.people[1])
    fresh.step(new_sessions.renew_session, device_of(fresh, room.people[1]))
    room.run_errands(fresh)
    assert not fresh.look(session_book, device_of(fresh, room.people[1])).sessions
