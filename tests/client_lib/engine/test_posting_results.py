"""A relay's answer to a posted envelope, worked in once (docs/spec/content.md, 7)."""

from hushpost.contacts import ContactStage
from hushpost.engine.posting_results import posting_accepted, posting_expired, posting_refused
from hushpost_wire.frames import RefusalReason

from tests.client_lib.engine.people import Person, PostRoom, add


def test_an_accepted_envelope_leaves_the_outbox_once() -> None:
    """The second answer about the same envelope changes nothing."""
    alice, bob = Person("alice", 1), Person("bob", 2)
    room = PostRoom(alice, bob)
    room.befriend(alice, bob)
    message = alice.send(bob, "hello")
    (entry,) = alice.outbox()
    for _ in range(2):
        alice.step(posting_accepted, entry.key)
    assert (alice.outbox(), alice.state(message)) == ([], "accepted")


def test_a_refused_envelope_stays_or_goes() -> None:
    """FULL keeps it for later; without a drop it is gone and the message refused."""
    alice, bob = Person("alice", 1), Person("bob", 2)
    room = PostRoom(alice, bob)
    room.befriend(alice, bob)
    message = alice.send(bob, "hello")
    (entry,) = alice.outbox()
    later = alice.step(posting_refused, entry.key, RefusalReason.FULL, 9)
    assert later is not None
    assert later.not_before == int(alice.now) + 9
    assert alice.step(posting_refused, entry.key, RefusalReason.NO_DROP, 0) is None
    assert alice.step(posting_refused, entry.key, RefusalReason.NO_DROP, 0) is None
    assert (alice.outbox(), alice.state(message)) == ([], "refused")


def test_a_request_that_no_drop_takes_makes_the_contact_new_again() -> None:
    """The next text will ask anew."""
    alice, bob = Person("alice", 1), Person("bob", 2)
    room = PostRoom(alice, bob)
    add(room, alice, bob)
    alice.send(bob, "hi")
    (entry,) = alice.outbox()
    assert alice.step(posting_refused, entry.key, RefusalReason.NO_DROP, 0) is None
    assert alice.contact(bob).stage is ContactStage.NEW


def test_an_envelope_that_expired_here_is_not_posted() -> None:
    """It leaves the outbox; its message becomes unconfirmed by the sweep."""
    alice, bob = Person("alice", 1), Person("bob", 2)
    room = PostRoom(alice, bob)
    room.befriend(alice, bob)
    alice.send(bob, "hello")
    (entry,) = alice.outbox()
    for _ in range(2):
        alice.step(posting_expired, entry.key)
    assert alice.outbox() == []
