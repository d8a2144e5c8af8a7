"""First contact from the side that writes first (docs/spec/content.md, 3 and 4)."""

import pytest
from hushpost.contacts import ContactStage
from hushpost.content import Accept, InnerId
from hushpost.engine import first_contact, knocks, message_book, own_drops
from hushpost.engine.contact_book import PostPath, devices_of
from hushpost.engine.peer_keys import KeysAnswer
from hushpost.engine.peer_lists import KeysRejected, ListAnswer
from hushpost.errors import HostUnconfirmed, MisuseError, PeerUnreachable
from hushpost.events import (
    AlarmKind,
    ContactAccepted,
    KnockReceived,
    MessageReceived,
    SafetyAlarm,
)
from hushpost_wire.identifiers import DropHash

from tests.client_lib.engine.people import DAY, HOST, Person, PostRoom, add


def people(**options: bool) -> tuple[Person, Person, PostRoom]:
    """Give two people of one relay who do not know each other."""
    one, other = Person("alice", 1), Person("bob", 2, **options)
    return one, other, PostRoom(one, other)


def texts_of(person: Person) -> list[str]:
    """Give the texts that a person's app was given."""
    return [event.text for event in person.events() if isinstance(event, MessageReceived)]


def test_the_first_text_travels_with_the_request_and_the_rest_follows() -> None:
    """A short first text is in the knock; later ones wait and arrive in order after the accept."""
    alice, bob, room = people()
    add(room, alice, bob)
    first = alice.send(bob, "hello bob")
    second, third = alice.send(bob, "second"), alice.send(bob, "x" * 40_000)
    room.settle()
    assert [alice.state(m) for m in (first, second, third)] == ["accepted", "waiting", "waiting"]
    (knock,) = [e.knock for e in bob.events() if isinstance(e, KnockReceived)]
    assert (knock.text, knock.name, knock.invited) == ("hello bob", "alice", False)
    assert room.mailboxes[alice.own.route] == []
    bob.step(knocks.accept, knock.account_id)
    room.settle()
    assert texts_of(bob) == ["hello bob", "second", "x" * 40_000]
    room.pass_time(6)
    assert [alice.state(m) for m in (first, second, third)] == ["delivered"] * 3
    assert any(isinstance(event, ContactAccepted) for event in alice.events())


def test_a_long_first_text_waits_behind_an_empty_request() -> None:
    """More than 256 bytes do not fit a request: it goes empty, and the text follows the accept."""
    alice, bob, room = people()
    message = room.befriend(alice, bob, "y" * 300)
    assert texts_of(bob) == ["y" * 300]
    room.pass_time(6)
    assert alice.state(message) == "delivered"
    assert alice.look(message_book.find_message, alice.contact(bob).request_id) is not None


def test_an_invitation_leads_past_closed_doors_and_serves_once() -> None:
    """With knocks off only an invitation works, and the later drop is the contact's own."""
    alice, bob, room = people(knocks_on=False)
    with pytest.raises(PeerUnreachable, match="invitation"):
        add(room, alice, bob)
    invitation, _ = bob.step(own_drops.create_invitation)
    room.run_errands(bob)
    add(room, alice, bob, invitation)
    (device,) = alice.look(devices_of, bob.own.account_id)
    assert device.path is PostPath.INVITATION
    alice.send(bob, "invited")
    room.settle()
    (knock,) = bob.look(knocks.waiting_knocks)
    assert knock.invited
    bob.step(knocks.accept, knock.account_id)
    room.settle()
    (device,) = alice.look(devices_of, bob.own.account_id)
    assert (device.path, alice.contact(bob).stage) == (PostPath.CONTACT, ContactStage.OPEN)


def test_a_spent_invitation_falls_back_to_the_knock_drop() -> None:
    """If somebody used the invitation before, the same request knocks instead."""
    alice, bob, room = people()
    invitation, _ = bob.step(own_drops.create_invitation)
    room.run_errands(bob)
    room.used[invitation.drop.hash()] = b"another envelope"
    add(room, alice, bob, invitation)
    alice.send(bob, "knock knock")
    room.settle()
    (knock,) = bob.look(knocks.waiting_knocks)
    assert (knock.text, knock.invited) == ("knock knock", False)


def test_both_at_once_become_contacts_without_asking() -> None:
    """Two requests that cross are both accepted, and both texts arrive once."""
    alice, bob, room = people()
    add(room, alice, bob)
    add(room, bob, alice)
    alice.send(bob, "from alice")
    bob.send(alice, "from bob")
    room.settle()
    assert alice.contact(bob).stage is ContactStage.OPEN
    assert bob.contact(alice).stage is ContactStage.OPEN
    alice.send(bob, "again alice")
    bob.send(alice, "again bob")
    room.settle()
    assert texts_of(bob) == ["from alice", "again alice"]
    assert texts_of(alice) == ["from bob", "again bob"]


def test_a_request_nobody_answers_is_repeated_four_times_and_no_more() -> None:
    """After 1, 2, 4 and 8 days the request goes again under a fresh bundle, as the same knock."""
    alice, bob, room = people()
    add(room, alice, bob)
    message = alice.send(bob, "anybody there?")
    room.settle()
    for _ in range(40):
        room.pass_time(DAY)
    requests = [entry for entry in room.accepted if entry.kind == 4]
    assert len(requests) == 1 + first_contact.REQUEST_REPEATS_MAX
    assert {entry.inner_id for entry in requests} == {message.inner_id}
    assert len({entry.envelope_id for entry in requests}) == 5
    knocked = [event for event in bob.events() if isinstance(event, KnockReceived)]
    assert len(knocked) == 1
    assert alice.state(message) == "unconfirmed"
    assert len(bob.look(knocks.waiting_knocks)) == 1


def test_an_accept_that_was_lost_is_given_again_to_a_repeat() -> None:
    """The repeat carries a fresh reply drop, through which the second ACCEPT comes."""
    alice, bob, room = people()
    add(room, alice, bob)
    message = alice.send(bob, "hi")
    room.settle()
    bob.step(knocks.accept, alice.own.account_id)
    room.run_errands(bob)
    room.post_all(bob)
    assert len(room.take(alice)) == 1
    room.pass_time(DAY + 3600)
    assert alice.state(message) == "delivered"
    assert alice.contact(bob).stage is ContactStage.OPEN
    assert bob.contact(alice).stage is ContactStage.OPEN
    assert texts_of(bob) == ["hi"]


def test_a_refused_request_can_be_made_again() -> None:
    """When no drop takes the request the message is refused, and sending again knocks anew."""
    alice, bob, room = people()
    add(room, alice, bob)
    drops = dict(room.drops[bob.own.route])
    room.drops[bob.own.route].clear()
    message = alice.send(bob, "hi")
    room.settle()
    assert (alice.state(message), alice.contact(bob).stage) == ("refused", ContactStage.NEW)
    room.drops[bob.own.route] = drops
    alice.step(first_contact.send_again, message.inner_id)
    room.settle()
    (knock,) = bob.look(knocks.waiting_knocks)
    assert (knock.text, alice.state(message)) == ("hi", "accepted")


def test_adding_checks_who_and_where() -> None:
    """One's own address, a foreign relay and an account without keys are refused with a reason."""
    alice, bob, room = people()
    with pytest.raises(MisuseError, match="your own address"):
        alice.look(first_contact.known_already, alice.address)
    keys = room.keys(bob)
    with pytest.raises(HostUnconfirmed, match="trust_host") as caught:
        alice.step(first_contact.add, bob.address, keys, trusted=frozenset())
    assert caught.value.host == HOST
    bare = KeysAnswer(keys.lists, ())
    with pytest.raises(PeerUnreachable, match="open the app once"):
        alice.step(first_contact.add, bob.address, bare, trusted=frozenset({HOST}))
    assert alice.look(first_contact.known_already, bob.address) is None
    add(room, alice, bob)
    assert alice.look(first_contact.known_already, bob.address) is not None


def test_keys_of_somebody_else_make_no_contact() -> None:
    """A relay that answers with another account's keys is found out against the address."""
    alice, bob, room = people()
    mallory = Person("mallory", 3)
    room.add(mallory)
    with pytest.raises(KeysRejected) as caught:
        alice.step(first_contact.add, bob.address, room.keys(mallory), trusted=frozenset({HOST}))
    assert caught.value.kind is AlarmKind.FORGED_LIST


def test_keys_that_turn_foreign_later_alarm_and_are_not_used() -> None:
    """A repeat fetches fresh keys; foreign ones raise an alarm and no request goes out."""
    alice, bob, room = people()
    mallory = Person("mallory", 3)
    room.add(mallory)
    add(room, alice, bob)
    alice.send(bob, "hi")
    room.settle()
    account = room.accounts[bob.own.account_id]
    account.signed = room.accounts[mallory.own.account_id].signed
    before = len(room.accepted)
    room.pass_time(DAY + 3600)
    kinds = [event.kind for event in alice.events() if isinstance(event, SafetyAlarm)]
    assert kinds == [AlarmKind.FOREIGN_PREKEYS]
    assert len(room.accepted) == before


def test_a_gone_account_refuses_what_waits() -> None:
    """When the contact's account is deleted, waiting messages are refused instead of waiting on."""
    alice, bob, room = people()
    add(room, alice, bob)
    alice.now = room.people[0].now = alice.now + 30 * DAY
    message = alice.send(bob, "too late")
    assert alice.state(message) == "waiting"
    del room.accounts[bob.own.account_id]
    room.run_errands(alice)
    assert alice.state(message) == "refused"


def test_an_answer_to_another_request_is_ignored() -> None:
    """ACCEPT names the request; one that names none of ours opens nothing."""
    alice, bob, room = people()
    add(room, alice, bob)
    alice.send(bob, "hi")
    room.settle()
    (device,) = alice.look(devices_of, bob.own.account_id)
    body = Accept(InnerId(bytes(16)), DropHash(bytes(32)), HOST, "bob")
    alice.step(first_contact.accept_received, device, body)
    assert alice.contact(bob).stage is ContactStage.REQUESTED


def test_known_lists_forked_by_the_answer_stop_the_conversation() -> None:
    """An answer with no list at all is no answer, and is reported as forged."""
    alice, bob, room = people()
    add(room, alice, bob)
    keys = room.keys(bob)
    empty = KeysAnswer(ListAnswer(keys.lists.genesis, ()), keys.bundles)
    alice.step(first_contact.bundle_taken, bob.own.account_id, "request", empty)
    (alarm,) = [event for event in alice.events() if isinstance(event, SafetyAlarm)]
    assert alarm.kind is AlarmKind.FORGED_LIST
