"""How outgoing messages move: forward only, texts kept no longer than needed (content.md, 7)."""

from hushpost.content import InnerId, ReceiptStatus
from hushpost.engine import deadlines, message_book, message_states, texts
from hushpost.engine.contact_book import devices_of
from hushpost.engine.desk import Desk
from hushpost.messages import MessageState

from tests.client_lib.engine.people import DAY, Person, PostRoom, add, settle_refused


def friends() -> tuple[Person, Person, PostRoom]:
    """Give two contacts."""
    alice, bob = Person("alice", 1), Person("bob", 2)
    room = PostRoom(alice, bob)
    room.befriend(alice, bob)
    return alice, bob, room


def test_a_text_is_erased_when_its_receipt_comes_and_the_row_later() -> None:
    """After delivery only the state is kept, for 30 days."""
    alice, bob, room = friends()
    message = alice.send(bob, "secret words")
    room.settle()
    room.pass_time(6)
    row = alice.look(message_book.find_message, message.inner_id)
    assert row is not None
    assert (row.state, row.text) == (MessageState.DELIVERED, "")
    assert "secret" not in repr(message)
    room.pass_time(31 * DAY)
    assert alice.look(message_book.find_message, message.inner_id) is None


def test_states_move_forward_only() -> None:
    """A late ACCEPTED or DELIVERED never takes READ back."""
    alice, bob, room = friends()
    message = alice.send(bob, "hello")
    (entry,) = alice.outbox()
    account, inner_id = bob.own.account_id, message.inner_id
    alice.step(message_states.receipted, account, inner_id, ReceiptStatus.READ)
    alice.step(message_states.entry_accepted, entry)
    alice.step(message_states.receipted, account, inner_id, ReceiptStatus.DELIVERED)
    assert alice.state(message) == "read"
    room.settle()
    assert alice.state(message) == "read"


def test_only_the_recipient_is_believed() -> None:
    """A receipt of another contact, or for an unknown id, changes nothing."""
    alice, bob, room = friends()
    message = alice.send(bob, "hello")
    room.settle()
    alice.step(message_states.receipted, bytes(32), message.inner_id, ReceiptStatus.READ)
    alice.step(message_states.receipted, bob.own.account_id, InnerId(bytes(16)), ReceiptStatus.READ)
    assert alice.state(message) == "accepted"


def test_a_message_in_parts_is_accepted_with_the_last_of_them() -> None:
    """Each part counts once; before the last one the message is only sealed."""
    alice, bob, _ = friends()
    message = alice.send(bob, "x" * 30_000)
    entries = alice.outbox()
    assert len(entries) == 3
    assert {len(entry.envelope) for entry in entries} == {16384}
    for entry in entries[:-1]:
        alice.step(message_states.entry_accepted, entry)
        assert alice.state(message) == "sealed"
    alice.step(message_states.entry_accepted, entries[-1])
    assert alice.state(message) == "accepted"


def test_without_a_receipt_a_message_ends_unconfirmed_and_a_late_one_is_believed() -> None:
    """Fourteen days and rounding later it is unconfirmed; a receipt still makes it delivered."""
    alice, bob, room = friends()
    message = alice.send(bob, "hello")
    room.post_all(alice)
    alice.now += 16 * DAY
    assert alice.step(message_states.sweep_messages) == ([], False)
    assert alice.state(message) == "unconfirmed"
    room.deliver_all(bob)
    alice.step(
        message_states.receipted, bob.own.account_id, message.inner_id, ReceiptStatus.DELIVERED
    )
    assert alice.state(message) == "delivered"


def test_a_month_of_waiting_is_still_waiting() -> None:
    """What waits for a person's decision does not expire by itself."""
    alice, bob = Person("alice", 1), Person("bob", 2)
    room = PostRoom(alice, bob)
    add(room, alice, bob)
    alice.send(bob, "request")
    waiting = alice.send(bob, "waiting")
    room.settle()
    for _ in range(70):
        room.pass_time(DAY)
    assert alice.state(waiting) == "waiting"


def test_thousands_of_messages_are_swept_within_the_hour() -> None:
    """However many are due, the hour counts as swept when all are worked off, in small steps."""
    alice, bob, room = friends()
    room.pass_time(6)
    count = 2 * message_states.SWEEP_BATCH + 10
    for number in range(count):
        alice.send(bob, f"{number}")
    alice.now += 16 * DAY
    alice.states.clear()
    steps = 0
    while alice.look(deadlines.next_deadline) <= alice.now:
        alice.step(deadlines.handle_deadline)
        steps += 1
    assert sum(state == "unconfirmed" for _, state in alice.states) == count
    assert steps >= 3


def test_a_refusal_of_the_last_device_refuses() -> None:
    """A message is refused when no drop takes it, and not before; nothing refuses it twice."""
    alice, bob, _ = friends()
    message = alice.send(bob, "x" * 20_000)
    entries = [entry for entry in alice.outbox() if entry.kind == 1]
    for entry in entries:
        alice.step(settle_refused, entry)
    assert alice.state(message) == "refused"
    assert [state for name, state in alice.states if name == message.inner_id.hex()] == ["refused"]


def test_a_receipt_tells_how_far_the_stream_came() -> None:
    """The highest place that a receipt covers is remembered for the device that sent it."""
    alice, bob, room = friends()
    message = alice.send(bob, "hello")
    room.settle()
    room.pass_time(6)
    (device,) = alice.look(devices_of, bob.own.account_id)
    row = alice.look(message_book.find_message, message.inner_id)
    assert row is not None
    assert row.places == ((device.device_id, device.confirmed_out, device.confirmed_out),)
    entries = ((ReceiptStatus.READ, texts.new_inner_id(Desk(alice.ledger, 0, alice.random))),)
    alice.step(message_states.receipts_received, device, entries)
    assert alice.look(devices_of, bob.own.account_id) == [device]


def test_what_waits_for_a_contact_that_is_gone_is_refused() -> None:
    """Waiting messages end as refused, and are kept for the person to see."""
    alice, bob = Person("alice", 1), Person("bob", 2)
    room = PostRoom(alice, bob)
    add(room, alice, bob)
    alice.send(bob, "first")
    second = alice.send(bob, "second")
    alice.step(message_states.contact_refuses, bob.own.account_id)
    assert alice.state(second) == "refused"


def test_what_its_recipient_did_not_get_is_unconfirmed_at_once() -> None:
    """Asked for, an accepted message needs no more time; asked for again, nothing is announced."""
    alice, bob, room = friends()
    message = alice.send(bob, "hello")
    room.post_all(alice)
    alice.states.clear()
    for _ in range(2):
        row = alice.look(message_book.find_message, message.inner_id)
        assert row is not None
        alice.step(message_states.give_up, row)
    assert [state for _, state in alice.states] == ["unconfirmed"]
    assert len(alice.look(message_book.asked_for, bob.own.account_id)) == 1
