"""What a contact may cause by asking for mail again, and what it may not (content.md, 11)."""

from dataclasses import replace

import pytest
from hushpost.content import Resend
from hushpost.engine import first_contact, message_book, resending
from hushpost.engine.contact_book import device_row, save_device
from hushpost.engine.desk import Desk
from hushpost.errors import MisuseError
from hushpost.events import MessageReceived, ResendRequested, SessionRestarted

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
from tests.client_lib.engine.people import DAY, Person, PostRoom


def asked(alice: Person, bob: Person, body: Resend) -> list[ResendRequested]:
    """Have bob's device ask; gives the events of it."""
    alice.step(resending.resend_asked, device_of(alice, bob), body)
    return requested(alice.events())


def test_both_that_arrive_are_shown_once() -> None:
    """The first envelope was kept back, not lost: with the repeat it makes one message."""
    alice, bob, room = friends()
    message = alice.send(bob, "kept back")
    room.post_all(alice)
    kept = room.mailboxes[bob.own.route]
    room.mailboxes[bob.own.route] = []
    (place,) = message_book_places(alice, message.inner_id)
    (event,) = asked(alice, bob, Resend(place + 1, ((place, place),)))
    assert event.message_ids == (message.inner_id.hex(),)
    assert alice.state(message) == "unconfirmed"
    send_all_again(alice, event)
    room.mailboxes[bob.own.route] += kept
    room.settle()
    room.pass_time(61)
    assert [text for text, _ in shown(bob.events())] == ["kept back"]
    room.pass_time(6)
    assert alice.state(message) == "delivered"


def message_book_places(person: Person, inner_id: bytes) -> list[int]:
    """Give the first places of a message in the streams."""
    row = person.look(message_book.find_message, inner_id)
    assert row is not None
    return [first for _, first, _ in row.places]


def test_an_inner_id_that_is_not_kept_doubles() -> None:
    """Planted: sent again as a new message, the same words are shown twice."""
    alice, bob, room = friends()
    message = alice.send(bob, "twice")
    room.post_all(alice)
    alice.step(lambda desk: message_book.announce(desk, message))
    again = alice.send(bob, "twice")
    assert again.inner_id != message.inner_id
    room.settle()
    assert [text for text, _ in shown(bob.events())] == ["twice", "twice"]


def test_what_is_on_its_way_delivered_or_erased_is_not_concerned() -> None:
    """Only texts without a receipt that no relay holds any more are named."""
    alice, bob, room = friends()
    delivered = alice.send(bob, "delivered")
    room.settle()
    room.pass_time(6)
    alice.send(bob, "at the relay")
    room.post_all(alice)
    alice.send(bob, "still here")
    (place,) = message_book_places(alice, delivered.inner_id)
    assert asked(alice, bob, Resend(place)) == []
    gap = (1, device_of(alice, bob).next_out - 2)
    (event,) = asked(alice, bob, Resend(gap[1] + 1, (gap,)))
    assert len(event.message_ids) == 1


def test_asking_is_admitted_four_times_a_day() -> None:
    """The fifth request of a day changes nothing; the next day is a new one."""
    alice, bob, room = friends()
    away(room, alice, bob, "lost")
    seen = [len(asked(alice, bob, Resend(1))) for _ in range(6)]
    assert seen == [1, 1, 1, 1, 0, 0]
    alice.now += DAY
    assert len(asked(alice, bob, Resend(1))) == 1


def test_asking_makes_nothing_go_out() -> None:
    """However often and whatever a contact asks, nothing is sealed or posted without the app."""
    alice, bob, room = friends()
    away(room, alice, bob, "lost", "and lost")
    before = device_of(alice, bob).next_out
    for body in (Resend(1), Resend(before), Resend(2**63, ((1, 2**62),))):
        alice.step(resending.resend_asked, device_of(alice, bob), body)
        room.run_errands(alice)
    assert device_of(alice, bob).next_out == before
    assert alice.outbox() == []


def test_a_message_sent_again_is_no_longer_asked_for() -> None:
    """It has new places; a later request for the old ones does not name it."""
    alice, bob, room = friends()
    away(room, alice, bob, "lost")
    (event,) = asked(alice, bob, Resend(1))
    (row,) = send_all_again(alice, event)
    assert not row.asked
    (place,) = message_book_places(alice, row.inner_id)
    assert asked(alice, bob, Resend(place, ((1, place - 2),))) == []
    assert send_all_again(alice, event) == []


def test_after_45_days_a_message_is_not_repeated_and_its_text_is_gone() -> None:
    """Its reader might have forgotten the inner id: it is neither named nor sent again."""
    alice, bob, room = friends()
    message = alice.send(bob, "too old")
    room.post_all(alice)
    lose(room, bob)
    room.pass_time(16 * DAY)
    assert alice.state(message) == "unconfirmed"
    room.pass_time(29 * DAY + 7200)
    assert asked(alice, bob, Resend(1)) == []
    with pytest.raises(MisuseError, match="as a new message"):
        alice.step(lambda desk: first_contact.send_again(desk, message.inner_id))
    row = alice.look(message_book.find_message, message.inner_id)
    assert row is None or row.text == ""


def _far_ahead(desk: Desk, key: bytes, by: int) -> None:
    device = device_row(desk, key)
    save_device(desk, replace(device, next_out=device.next_out + by))


def test_more_lost_than_a_session_bridges_heals_by_itself() -> None:
    """Over a thousand unread expired: a new session, no restart told, and all can come again."""
    alice, bob, room = friends()
    for number in range(1010):
        alice.send(bob, f"lost {number}")
    room.post_all(alice)
    notice = lose(room, bob)
    alice.now += 16 * DAY
    bob.now += 16 * DAY
    unreadable = alice.send(bob, "behind the loss")
    room.post_all(alice)
    room.deliver_all(bob)
    assert shown(bob.events()) == []
    room.pass_time(1)
    ask(room, bob, notice)
    room.pass_time(61)
    (event,) = requested(alice.events())
    assert unreadable.inner_id.hex() in event.message_ids or len(event.message_ids) == 1000
    fresh = alice.send(bob, "readable again")
    room.settle()
    room.pass_time(61)
    got = bob.events()
    assert ("readable again", False) in shown(got)
    assert not any(isinstance(item, SessionRestarted) for item in got)
    room.pass_time(6)
    assert alice.state(fresh) == "delivered"
    left = alice.look(message_book.unconfirmed_to, bob.own.account_id)
    assert len(left) == 1011
    alice.step(first_contact.send_all_again, [row.inner_id for row in left[:40]])
    room.settle()
    assert [e.text for e in bob.events() if isinstance(e, MessageReceived)] == [
        f"lost {number}" for number in range(40)
    ]


def test_a_contact_that_always_asks_from_the_beginning_causes_no_new_session() -> None:
    """Receipts tell how far the stream came: a long conversation is no loss."""
    alice, bob, room = friends()
    key = device_of(alice, bob).key
    alice.step(_far_ahead, key, 2000)
    message = alice.send(bob, "two thousand later")
    room.settle()
    room.pass_time(61)
    room.pass_time(6)
    assert alice.state(message) == "delivered"
    assert device_of(alice, bob).confirmed_out > 2000
    asked(alice, bob, Resend(1))
    room.run_errands(alice)
    assert device_of(alice, bob).restarted_day == 0


def test_a_new_session_is_begun_once_a_day() -> None:
    """A contact that claims to have nothing makes a client fetch keys once a day and no more."""
    alice, bob, room = friends()
    alice.step(_far_ahead, device_of(alice, bob).key, 2000)
    taken = _count_prekeys(room)
    for _ in range(3):
        asked(alice, bob, Resend(1))
        room.run_errands(alice)
    assert _count_prekeys(room) == taken - 1


def _count_prekeys(room: PostRoom) -> int:
    return sum(len(account.one_time) for account in room.accounts.values())
