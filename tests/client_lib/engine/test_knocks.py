"""First contact from the side that is written to (docs/spec/content.md, 3)."""

import pytest
from hushpost.contacts import ContactStage
from hushpost.engine import conversation, knocks, outbox
from hushpost.engine.contact_book import PostPath, devices_of, find_contact
from hushpost.engine.ledger import Table
from hushpost.errors import MisuseError
from hushpost.events import KnockReceived, MessageReceived

from tests.client_lib.engine.people import Person, PostRoom, add, move_to_another_device


def knocked(text: str = "hi") -> tuple[Person, Person, PostRoom]:
    """Give two people, the first of whom has knocked at the other's."""
    alice, bob = Person("alice", 1), Person("bob", 2)
    room = PostRoom(alice, bob)
    add(room, alice, bob)
    alice.send(bob, text)
    room.settle()
    return alice, bob, room


def test_nothing_goes_back_before_the_person_decides() -> None:
    """A knock leaves no errand, no envelope and no contact."""
    alice, bob, _ = knocked()
    assert bob.outbox() == []
    assert bob.look(find_contact, alice.own.account_id) is None
    (knock,) = bob.look(knocks.waiting_knocks)
    assert (knock.text, knock.name, knock.address) == ("hi", "alice", str(alice.address))
    assert bob.look(knocks.has_knocked, alice.own.account_id)
    shown = repr(bob.look(knocks.find_knock, alice.own.account_id))
    assert "reply_secret" not in shown


def test_a_strangers_other_device_takes_the_place_of_the_first() -> None:
    """One knock and one session wait for an account, however many devices it knocks with."""
    alice, bob, room = knocked()
    for number in range(3):
        again = Person("alice", 1)
        again.random(4 + 4 * number)
        move_to_another_device(again)
        room.accounts[bob.own.account_id].one_time.clear()
        add(room, again, bob)
        again.send(bob, "hi")
        for entry in again.outbox():
            again.step(outbox.release, (entry.key,))
        room.post_all(again)
        room.deliver_all(bob)
        (device_key,) = bob.ledger.tables[Table.SESSIONS]
        assert device_key == again.own.account_id + again.own.device_id
        assert device_key != alice.own.account_id + alice.own.device_id
        alice = again
    assert len(bob.look(knocks.waiting_knocks)) == 1


def test_accepting_opens_the_way_and_shows_the_text_once() -> None:
    """The text of the request is a message, also when the request came twice."""
    alice, bob, room = knocked()
    row = bob.step(knocks.accept, alice.own.account_id)
    assert row.stage is ContactStage.ACCEPTED
    (device,) = bob.look(devices_of, alice.own.account_id)
    assert device.path is PostPath.REPLY
    room.settle()
    (device,) = bob.look(devices_of, alice.own.account_id)
    assert (device.path, bob.contact(alice).stage) == (PostPath.CONTACT, ContactStage.OPEN)
    texts = [e.text for e in bob.events() if isinstance(e, MessageReceived)]
    assert texts == ["hi"]
    with pytest.raises(MisuseError, match="no such knock"):
        bob.step(knocks.accept, alice.own.account_id)


def test_an_empty_request_shows_no_message() -> None:
    """A request without words makes a contact and no message."""
    alice, bob, room = knocked("z" * 300)
    bob.events()
    bob.step(knocks.accept, alice.own.account_id)
    assert [e for e in bob.events() if isinstance(e, MessageReceived)] == []
    room.settle()
    assert len([e for e in bob.events() if isinstance(e, MessageReceived)]) == 1


def test_what_the_accepter_writes_waits_for_ready() -> None:
    """B's texts go through the contact drop, which A registers on ACCEPT."""
    alice, bob, room = knocked()
    bob.step(knocks.accept, alice.own.account_id)
    message = bob.send(alice, "welcome")
    assert bob.state(message) == "waiting"
    room.settle()
    assert bob.state(message) == "accepted"


def test_a_declined_stranger_is_forgotten_and_not_heard_again() -> None:
    """Session and knock are gone; a repeat makes no event; adding the person hears them again."""
    alice, bob, room = knocked()
    bob.step(knocks.decline, alice.own.account_id)
    assert bob.ledger.tables[Table.SESSIONS] == {}
    bob.events()
    room.pass_time(90_000)
    assert bob.look(knocks.is_declined, alice.own.account_id)
    assert bob.events() == []
    assert bob.ledger.tables[Table.SESSIONS] == {}
    bob.step(knocks.undecline, alice.own.account_id)
    room.pass_time(2 * 90_000)
    assert any(isinstance(event, KnockReceived) for event in bob.events())


def test_a_flood_of_knocks_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound strangers are dropped, and those who wait are kept."""
    monkeypatch.setattr(knocks, "KNOCKS_MAX", 1)
    alice, bob, room = knocked()
    carol = Person("carol", 3)
    room.people = (alice, bob, carol)
    room.add(carol)
    add(room, carol, bob)
    carol.send(bob, "me too")
    room.settle()
    assert [knock.name for knock in bob.look(knocks.waiting_knocks)] == ["alice"]
    assert carol.own.account_id + carol.own.device_id not in bob.ledger.tables[Table.SESSIONS]


def test_a_request_of_a_blocked_contact_is_dropped() -> None:
    """A repeat after a block makes neither knock nor contact."""
    alice, bob, room = knocked()
    bob.step(knocks.accept, alice.own.account_id)
    bob.step(conversation.block, alice.own.account_id)
    bob.events()
    room.pass_time(90_000)
    assert bob.look(knocks.waiting_knocks) == []
    assert bob.contact(alice).stage is ContactStage.BLOCKED
    assert bob.events() == []
