"""The owner of expired mail asks whoever sent it, and nobody else (content.md, 11)."""

from dataclasses import replace

from hushpost.contacts import ContactStage
from hushpost.content import Kind, Resend
from hushpost.engine import asking, conversation, expiry, knocks, stream_order
from hushpost.engine.contact_book import contact_row, device_row, save_contact, save_device
from hushpost.engine.desk import Desk
from hushpost.engine.ledger import Table
from hushpost.engine.outbox import OutboxEntry
from hushpost.events import ContactAccepted, KnockReceived, MessagesMissing

from tests.client_lib.engine.lost_mail import (
    ask,
    away,
    device_of,
    friends,
    lose,
    requested,
    send_all_again,
    shown,
)
from tests.client_lib.engine.people import DAY, Person, PostRoom, add, only_device


def resends(room: PostRoom) -> list[OutboxEntry]:
    """Give the requests to send again that a relay took."""
    return [entry for entry in room.accepted if entry.kind == Kind.RESEND]


def test_expired_mail_is_asked_for_and_comes_once() -> None:
    """Notice, question, the sender's app agrees, the same inner ids arrive, once."""
    alice, bob, room = friends()
    notice = away(room, alice, bob, "one", "two")
    ask(room, bob, notice)
    (event,) = requested(alice.events())
    assert len(event.message_ids) == 2
    sent = send_all_again(alice, event)
    assert [row.inner_id.hex() for row in sent] == list(event.message_ids)
    room.settle()
    assert shown(bob.events()) == []  # held behind the places of what was lost
    room.pass_time(61)
    assert shown(bob.events()) == [("one", False), ("two", False)]
    room.pass_time(6)
    assert [alice.state(row) for row in sent] == ["delivered", "delivered"]


def test_a_lying_relay_causes_one_request_a_day_and_no_event_at_the_other_side() -> None:
    """Notices all day long for what never was cost one envelope, and concern no message."""
    alice, bob, room = friends()
    alice.send(bob, "arrived")
    room.settle()
    (reference,) = _references(bob)
    for _ in range(200):
        bob.step(expiry.noticed, [(reference, 9)])
        room.pass_time(360)
    assert len(resends(room)) == 1
    assert requested(alice.events()) == []


def _references(bob: Person) -> list[bytes]:
    return [row.key for row in bob.ledger.rows(Table.DROPS) if b'"contact"' in row.value]


def test_a_silent_relay_is_found_out_by_the_next_message() -> None:
    """A gap that was given up is asked for, though no notice ever came."""
    alice, bob, room = friends()
    away(room, alice, bob, "never told")
    alice.send(bob, "afterwards")
    room.settle()
    for _ in range(4):
        room.pass_time(61)
    assert any(isinstance(event, MessagesMissing) for event in bob.events())
    assert len(resends(room)) == 1
    (event,) = requested(alice.events())
    send_all_again(alice, event)
    room.settle()
    # It was written sixteen days before what is shown already.
    assert shown(bob.events()) == [("never told", True)]


def test_what_is_held_finds_its_place_before_anybody_is_asked() -> None:
    """A question waits while a gap does, so that it names what is missing and no more."""
    alice, bob, room = friends()
    notice = away(room, alice, bob, "lost")
    bob.step(expiry.noticed, notice)
    at = bob.look(expiry.next_due)
    assert at is not None
    bob.now = alice.now = at
    alice.send(bob, "behind the gap")
    room.post_all(alice)
    room.deliver_all(bob)
    assert device_of(bob, alice).held == 1
    bob.step(asking.ask_due)
    assert bob.outbox() == []
    for _ in range(4):
        room.pass_time(61)
    assert len(resends(room)) == 1
    assert len(requested(alice.events())) == 1


def test_nobody_is_asked_who_is_blocked_stopped_or_gone() -> None:
    """A notice for the drop of somebody we do not talk to is told and no more."""
    for stage in (ContactStage.BLOCKED, ContactStage.STOPPED, None):
        alice, bob, room = friends()
        notice = away(room, alice, bob, "lost")
        account = alice.own.account_id

        def change(
            desk: Desk, stage: ContactStage | None = stage, account: bytes = account
        ) -> None:
            if stage is None:
                conversation.remove(desk, account)
            else:
                save_contact(desk, replace(contact_row(desk, account), stage=stage))

        bob.step(expiry.noticed, notice)
        bob.step(change)
        for _ in range(4):
            room.pass_time(61)
        assert resends(room) == []


def end_with(desk: Desk, account: bytes, stage: ContactStage | None) -> None:
    """Remove a contact, or put it into a stage."""
    if stage is None:
        conversation.remove(desk, account)
    else:
        save_contact(desk, replace(contact_row(desk, account), stage=stage))


def test_an_accept_that_expired_is_asked_for_by_the_request() -> None:
    """Who waits for an answer asks once more, and first contact completes."""
    alice, bob = Person("alice", 1), Person("bob", 2)
    room = PostRoom(alice, bob)
    add(room, alice, bob)
    alice.send(bob, "hi")
    room.settle()
    assert any(isinstance(event, KnockReceived) for event in bob.events())
    bob.step(knocks.accept, alice.own.account_id)
    room.run_errands(bob)
    room.post_all(bob)
    notice = lose(room, alice)
    assert notice
    for person in (alice, bob):
        person.now += 16 * DAY
    ask(room, alice, notice)
    assert any(isinstance(event, ContactAccepted) for event in alice.events())
    assert bob.contact(alice).stage is ContactStage.OPEN


def test_a_ready_that_expired_is_asked_for_by_the_accept() -> None:
    """Who accepted and heard nothing accepts once more, through the contact drop."""
    alice, bob = Person("alice", 1), Person("bob", 2)
    room = PostRoom(alice, bob)
    add(room, alice, bob)
    alice.send(bob, "hi")
    room.settle()
    bob.step(knocks.accept, alice.own.account_id)
    room.run_errands(bob)
    room.post_all(bob)
    room.deliver_all(alice)
    room.run_errands(alice)
    room.post_all(alice)
    notice = lose(room, bob)
    assert notice
    waiting = bob.send(alice, "when you are ready")
    for person in (alice, bob):
        person.now += 16 * DAY
    assert bob.contact(alice).stage is ContactStage.ACCEPTED
    ask(room, bob, notice)
    assert bob.contact(alice).stage is ContactStage.OPEN
    assert bob.state(waiting) in ("accepted", "delivered")


def test_a_request_names_the_gaps_and_never_more_than_fit() -> None:
    """What was given up is named by its places; of too many the newest, old ones not at all."""
    alice, bob, _ = friends()
    key = only_device(bob, alice)

    def gaps(desk: Desk) -> None:
        old = (1, 1, desk.hour - stream_order.GAP_HOURS - 1)
        fresh = tuple((n, n, desk.hour) for n in range(3, 83, 2))
        device = device_row(desk, key)
        save_device(desk, replace(device, missing=(old, *fresh), next_in=90))

    bob.step(gaps)
    bob.step(expiry.gap_given_up, alice.own.account_id)
    bob.now += 121
    bob.step(asking.ask_due)
    (entry,) = bob.outbox()
    assert entry.kind == Kind.RESEND
    device = bob.look(device_row, key)
    request = asking._request(Desk(bob.ledger, bob.now, bob.random), device)  # pyright: ignore[reportPrivateUsage]  # what was sealed
    assert request == Resend(90, tuple((n, n) for n in range(19, 83, 2)))
    assert len(entry.envelope) == 4096
