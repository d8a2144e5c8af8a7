"""Outgoing messages: states forward only, texts kept no longer than needed (content.md, 7)."""

from dataclasses import replace

import pytest
from hushpost.contacts import ContactStage
from hushpost.content import InnerId
from hushpost.engine import conversation, knocks, message_book, message_states, texts
from hushpost.engine.contact_book import (
    PostPath,
    contact_row,
    devices_of,
    save_contact,
    save_device,
)
from hushpost.engine.desk import Desk
from hushpost.errors import MisuseError
from hushpost.events import MessageReceived
from hushpost.messages import MessageState
from hushpost_crypto.device_list import issue_next
from hushpost_crypto.keys import DeviceKey, IdentityKey, device_entry

from tests.client_lib.engine.people import DAY, Person, PostRoom, add, settle_refused


def friends() -> tuple[Person, Person, PostRoom]:
    """Give two contacts."""
    alice, bob = Person("alice", 1), Person("bob", 2)
    room = PostRoom(alice, bob)
    room.befriend(alice, bob)
    return alice, bob, room


def test_sending_again_keeps_the_id_and_is_shown_once() -> None:
    """The reader gets both envelopes and sees one message."""
    alice, bob, room = friends()
    message = alice.send(bob, "hello")
    room.post_all(alice)
    alice.now += 16 * DAY
    alice.step(message_states.sweep_messages)
    bob.now = alice.now - 15 * DAY
    room.deliver_all(bob)
    bob.now = alice.now
    alice.step(texts.send_again, message.inner_id)
    bob.events()
    room.settle()
    assert bob.events() == []
    room.pass_time(6)
    assert alice.state(message) == "delivered"


def test_only_what_failed_and_is_still_known_can_be_sent_again() -> None:
    """Sending again a message on its way, or an unknown one, is the caller's mistake."""
    alice, bob, room = friends()
    message = alice.send(bob, "hello")
    with pytest.raises(MisuseError, match="refused or unconfirmed"):
        alice.step(texts.send_again, message.inner_id)
    with pytest.raises(MisuseError, match="refused or unconfirmed"):
        alice.step(texts.send_again, InnerId(bytes(16)))
    (entry,) = alice.outbox()
    alice.step(settle_refused, entry)
    assert alice.state(message) == "refused"
    alice.step(
        lambda desk: message_book.save_message(
            desk, replace(message_book.find_message(desk, message.inner_id) or message, text="")
        )
    )
    with pytest.raises(MisuseError, match="erased"):
        alice.step(texts.send_again, message.inner_id)
    room.settle()


def test_sending_again_to_a_contact_that_is_not_open_waits() -> None:
    """A failed message to somebody who has to accept anew waits for that."""
    alice, bob, _ = friends()
    message = alice.send(bob, "hello")
    (entry,) = alice.outbox()
    alice.step(settle_refused, entry)

    def close(desk: Desk) -> None:
        row = contact_row(desk, bob.own.account_id)
        save_contact(desk, replace(row, stage=ContactStage.ACCEPTED))

    alice.step(close)
    assert alice.step(texts.send_again, message.inner_id).state is MessageState.WAITING


def test_waiting_messages_are_bounded_and_refused_with_the_contact(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An app cannot pile up messages for somebody who never accepts; removing refuses them."""
    monkeypatch.setattr(texts, "WAITING_MAX", 2)
    alice, bob = Person("alice", 1), Person("bob", 2)
    room = PostRoom(alice, bob)
    add(room, alice, bob)
    alice.send(bob, "request")
    waiting = [alice.send(bob, f"{n}") for n in range(2)]
    with pytest.raises(MisuseError, match="wait for this contact"):
        alice.send(bob, "one too many")
    alice.step(conversation.remove, bob.own.account_id)
    assert [alice.state(message) for message in waiting] == ["refused", "refused"]


def test_nothing_is_sent_where_the_conversation_is_over() -> None:
    """Blocked and stopped contacts are refused with the way out."""
    alice, bob, _ = friends()

    def stop(desk: Desk) -> None:
        row = contact_row(desk, bob.own.account_id)
        save_contact(desk, replace(row, stage=ContactStage.STOPPED))

    alice.step(stop)
    with pytest.raises(MisuseError, match="safety number"):
        alice.send(bob, "hello")
    alice.step(conversation.block, bob.own.account_id)
    with pytest.raises(MisuseError, match="blocked"):
        alice.send(bob, "hello")


def test_what_waits_goes_out_in_the_order_it_was_written() -> None:
    """Written within one hour, before the contact accepted: still in order."""
    alice, bob = Person("alice", 1), Person("bob", 2)
    room = PostRoom(alice, bob)
    add(room, alice, bob)
    words = [f"text {number}" for number in range(12)]
    for word in words:
        alice.send(bob, word)
    room.settle()
    bob.step(knocks.accept, alice.own.account_id)
    room.settle()
    assert [e.text for e in bob.events() if isinstance(e, MessageReceived)] == words


def _second_device_of(alice: Person, bob: Person, path: PostPath) -> None:
    """Have Alice know another device of Bob, in his list too, to which a drop leads."""

    def change(desk: Desk) -> None:
        row = contact_row(desk, bob.own.account_id)
        first = devices_of(desk, row.account_id)[0]
        entry = device_entry(DeviceKey(bytes(31) + b"d"), IdentityKey(bytes(31) + b"i"))
        entries = sorted((*row.device_list.entries, entry), key=lambda item: item.device_id())
        own = bob.own
        newer = issue_next(own.account_key, own.genesis, row.device_list, entries, today=desk.day)
        save_contact(desk, replace(row, list_bytes=newer.to_bytes()))
        save_device(desk, replace(first, device_id=entry.device_id(), path=path))

    alice.step(change)


@pytest.mark.parametrize("path", [PostPath.NONE, PostPath.KNOCK, PostPath.INVITATION])
def test_a_device_that_has_not_accepted_gets_no_text(path: PostPath) -> None:
    """Texts, receipts and typing go to the devices whose contact drop stands, and no further."""
    alice, bob, _ = friends()
    _second_device_of(alice, bob, path)
    (typing,) = alice.step(conversation.seal_typing, bob.own.account_id, began=True)
    assert typing.device_id == bob.own.device_id
    alice.send(bob, "for one device")
    assert {entry.device_id for entry in alice.outbox()} == {bob.own.device_id}


def test_a_device_that_left_the_list_gets_no_text() -> None:
    """A revoked device reads nothing further; with no device left the message is refused."""
    alice, bob, _ = friends()

    def revoke(desk: Desk) -> None:
        row = contact_row(desk, bob.own.account_id)
        own = bob.own
        entry = device_entry(DeviceKey(bytes(31) + b"d"), IdentityKey(bytes(31) + b"i"))
        newer = issue_next(own.account_key, own.genesis, row.device_list, (entry,), today=desk.day)
        save_contact(desk, replace(row, list_bytes=newer.to_bytes()))

    alice.step(revoke)
    before = alice.outbox()
    message = alice.send(bob, "not for a thief")
    assert alice.state(message) == "refused"
    assert alice.outbox() == before
