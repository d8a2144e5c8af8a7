"""Events are kept until they are consumed, and what replaces another never grows the vault."""

from hushpost.contacts import ContactStage
from hushpost.content import InnerId
from hushpost.engine import event_log
from hushpost.engine.desk import StateChange
from hushpost.events import (
    AlarmKind,
    ContactAccepted,
    KnockReceived,
    MessageReceived,
    MessagesExpired,
    MessagesMissing,
    MessageStateChanged,
    SafetyAlarm,
    SessionRestarted,
    UndecryptableReceived,
    UnknownKindReceived,
)
from hushpost.messages import MessageState

from tests.client_lib.engine.people import Person, PostRoom

ID = InnerId(bytes(16))


def _contacts() -> tuple[Person, Person, bytes]:
    alice, bob = Person("alice", 1), Person("bob", 2)
    PostRoom(alice, bob).befriend(alice, bob)
    alice.events()
    return alice, bob, bob.own.account_id


def test_every_kind_of_event_comes_back_as_it_was() -> None:
    """Each kept event reads back with its contact, in the order it happened."""
    alice, bob, account = _contacts()
    message = event_log.MessageRow(ID, "hello", 1_780_000_000_500, late=True)
    knock = event_log.KnockRow("hushpost://x", "carol", "hi", invited=True)
    alice.step(event_log.message_received, account, message)
    alice.step(event_log.knock_received, bytes(32), knock)
    alice.step(event_log.contact_accepted, account)
    alice.step(event_log.state_changed, StateChange(ID, account, MessageState.READ))
    alice.step(event_log.session_restarted, account)
    alice.step(event_log.safety_alarm, account, AlarmKind.REPLAYED, "why")
    alice.step(event_log.messages_missing, account, 2)
    alice.step(event_log.mail_expired, b"", 3)
    alice.step(event_log.undecryptable, account)
    alice.step(event_log.unknown_kind, account)
    alice.step(event_log.unknown_kind, account)
    assert alice.look(event_log.waiting) == 10
    contact = alice.public(bob)
    received, knocked, *rest = alice.events()
    assert isinstance(received, MessageReceived)
    assert (received.contact, received.text, received.late) == (contact, "hello", True)
    assert received.sent_at is not None
    assert received.sent_at.timestamp() == 1_780_000_000.5
    assert isinstance(knocked, KnockReceived)
    assert (knocked.knock.name, knocked.knock.invited) == ("carol", True)
    assert rest == [
        ContactAccepted(contact),
        MessageStateChanged(contact, ID.hex(), MessageState.READ),
        SessionRestarted(contact),
        SafetyAlarm(contact, AlarmKind.REPLAYED, "why"),
        MessagesMissing(contact, 2),
        MessagesExpired(None, 3),
        UndecryptableReceived(contact, 1),
        UnknownKindReceived(contact, 2),
    ]
    assert alice.look(event_log.waiting) == 0


def test_moves_of_one_message_and_counts_of_one_contact_stay_one_row() -> None:
    """A thousand moves, alarms and counts of the same thing are three rows with the latest."""
    alice, _, account = _contacts()
    for _ in range(10):
        for state in (MessageState.ACCEPTED, MessageState.DELIVERED):
            alice.step(event_log.state_changed, StateChange(ID, account, state))
        alice.step(event_log.undecryptable, account)
        alice.step(event_log.safety_alarm, account, AlarmKind.REPLAYED, "why")
    assert alice.look(event_log.waiting) == 3
    states = [e.state for e in alice.events() if isinstance(e, MessageStateChanged)]
    assert states == [MessageState.DELIVERED]


def test_consuming_an_event_spares_the_one_that_replaced_it() -> None:
    """A newer row under the same key is not deleted with the older one that was shown."""
    alice, _, account = _contacts()
    alice.step(event_log.undecryptable, account)
    shown = alice.look(event_log.next_event)
    assert shown is not None
    alice.step(event_log.undecryptable, account)
    alice.step(event_log.consume, shown[0], shown[1])
    (event,) = alice.events()
    assert isinstance(event, UndecryptableReceived)
    assert event.count == 2


def test_an_event_of_a_removed_contact_still_reads() -> None:
    """Whoever is no contact any more stands there without a name."""
    alice, _, _ = _contacts()
    alice.step(event_log.contact_accepted, bytes(32))
    (event,) = alice.events()
    assert isinstance(event, ContactAccepted)
    assert (event.contact.address, event.contact.stage) == ("", ContactStage.BLOCKED)
