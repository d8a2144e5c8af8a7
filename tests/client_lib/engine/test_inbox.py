"""Receiving, as a malicious relay and a malicious contact would have it (content.md, 4 to 9)."""

import dataclasses
from collections.abc import Callable

import pytest
from hushpost.contacts import ContactStage
from hushpost.content import Inner, Kind, Text, encode
from hushpost.engine import (
    conversation,
    deadlines,
    inbox,
    knocks,
    new_sessions,
    outbox,
    texts,
)
from hushpost.engine.contact_book import devices_of
from hushpost.engine.desk import Desk
from hushpost.engine.ledger import Table
from hushpost.engine.seen import Arrival
from hushpost.events import (
    AlarmKind,
    KeptEvent,
    MessageReceived,
    MessagesMissing,
    SafetyAlarm,
    SessionRestarted,
    TypingReceived,
    UndecryptableReceived,
    UnknownKindReceived,
)
from hushpost_crypto.drops import Drop
from hushpost_wire.identifiers import DropReference, envelope_id

from tests.client_lib.engine.people import (
    DAY,
    Person,
    PostRoom,
    add,
    move_to_another_device,
)


def friends() -> tuple[Person, Person, PostRoom]:
    """Give two contacts with open drops both ways and no event waiting."""
    alice, bob = Person("alice", 1), Person("bob", 2)
    room = PostRoom(alice, bob)
    room.befriend(alice, bob)
    room.pass_time(6)
    alice.events()
    bob.events()
    return alice, bob, room


def sent(room: PostRoom, alice: Person, bob: Person, *words: str) -> list[Arrival]:
    """Send texts and give the envelopes as the relay holds them."""
    for word in words:
        alice.send(bob, word)
    room.post_all(alice)
    return room.take(bob)


def receive(person: Person, *arrivals: Arrival) -> list[KeptEvent]:
    """Have a person receive envelopes; gives the events."""
    for arrival in arrivals:
        person.step(inbox.receive, arrival)
    return person.events()


def texts_of(events: list[KeptEvent]) -> list[str]:
    """Give the texts among events."""
    return [event.text for event in events if isinstance(event, MessageReceived)]


def alarms_of(events: list[KeptEvent]) -> list[AlarmKind]:
    """Give the kinds of alarms among events."""
    return [event.kind for event in events if isinstance(event, SafetyAlarm)]


def test_an_envelope_that_is_not_its_id_is_dropped_and_reported() -> None:
    """Altered bytes are recognised before anything is tried on them."""
    alice, bob, room = friends()
    (arrival,) = sent(room, alice, bob, "hello")
    flipped = arrival.envelope[:-1] + bytes((arrival.envelope[-1] ^ 1,))
    events = receive(bob, dataclasses.replace(arrival, envelope=flipped))
    assert alarms_of(events) == [AlarmKind.ALTERED]
    assert texts_of(receive(bob, arrival)) == ["hello"]


def test_an_envelope_altered_with_its_id_opens_nothing_and_harms_nothing() -> None:
    """With a matching id it is undecryptable mail of that contact; the true one still opens."""
    alice, bob, room = friends()
    (arrival,) = sent(room, alice, bob, "hello")
    flipped = arrival.envelope[:40] + bytes((arrival.envelope[40] ^ 1,)) + arrival.envelope[41:]
    forged = dataclasses.replace(arrival, envelope=flipped, envelope_id=envelope_id(flipped))
    (event,) = receive(bob, forged)
    assert isinstance(event, UndecryptableReceived)
    assert event.contact is not None
    assert event.contact.name == "alice"
    assert texts_of(receive(bob, arrival)) == ["hello"]


def test_what_came_before_is_shown_once() -> None:
    """A redelivery after a lost acknowledgement is absorbed without an alarm."""
    alice, bob, room = friends()
    (arrival,) = sent(room, alice, bob, "once")
    again = dataclasses.replace(arrival, login_number=arrival.login_number + 1)
    events = receive(bob, arrival, again, again)
    assert texts_of(events) == ["once"]
    assert alarms_of(events) == []


def test_a_replay_is_reported() -> None:
    """The sixteenth repeat on one login, or one from far back in the stream, is a replay."""
    alice, bob, room = friends()
    (arrival,) = sent(room, alice, bob, "once")
    events = receive(bob, *[arrival] * 17)
    assert texts_of(events) == ["once"]
    assert alarms_of(events) == [AlarmKind.REPLAYED]
    (old,) = sent(room, alice, bob, "old")
    receive(bob, old)
    receive(bob, *sent(room, alice, bob, *[f"n{i}" for i in range(16)]))
    assert alarms_of(receive(bob, old)) == [AlarmKind.REPLAYED]


def test_a_replay_after_everything_was_forgotten_is_still_recognised() -> None:
    """Past not_after and a day the seen-set forgets; the session and the inner time do not."""
    alice, bob, room = friends()
    (arrival,) = sent(room, alice, bob, "once")
    receive(bob, arrival)
    room.pass_time(17 * DAY)
    bob.events()
    events = receive(bob, arrival)
    assert texts_of(events) == []
    assert events != []


def test_mail_held_back_past_its_time_is_not_shown() -> None:
    """A relay that delivers after not_after and a day is told on, and the text is not shown."""
    alice, bob, room = friends()
    (arrival,) = sent(room, alice, bob, "late news")
    bob.now += 17 * DAY
    events = receive(bob, arrival)
    assert texts_of(events) == []
    assert AlarmKind.REPLAYED in alarms_of(events)


def test_reordered_mail_is_put_in_order_and_reported() -> None:
    """The app sees the sender's order; the relay's disorder is an alarm."""
    alice, bob, room = friends()
    one, two, three = sent(room, alice, bob, "one", "two", "three")
    events = receive(bob, three, one, two)
    assert texts_of(events) == ["one", "two", "three"]
    assert alarms_of(events) == [AlarmKind.REORDERED]


def test_a_gap_is_waited_for_and_then_reported() -> None:
    """After 60 seconds the rest is shown, the gap is told, and a late message still comes."""
    alice, bob, room = friends()
    one, two = sent(room, alice, bob, "one", "two")
    assert receive(bob, two) == []
    bob.now += 61
    bob.step(deadlines.handle_deadline)
    events = bob.events()
    assert texts_of(events) == ["two"]
    assert [e.count for e in events if isinstance(e, MessagesMissing)] == [1]
    late = [e for e in receive(bob, one) if isinstance(e, MessageReceived)]
    assert [(event.text, event.late) for event in late] == [("one", True)]


def test_the_drop_alone_never_authenticates() -> None:
    """Mail of one contact under another's drop is not shown, and the relay is told on."""
    alice, bob, room = friends()
    carol = Person("carol", 3)
    room.people = (alice, bob, carol)
    room.add(carol)
    room.befriend(carol, bob)
    room.pass_time(6)
    bob.events()
    (arrival,) = sent(room, alice, bob, "it is alice")
    (other,) = sent(room, carol, bob, "it is carol")
    swapped = dataclasses.replace(arrival, drop_ref=other.drop_ref)
    events = receive(bob, swapped)
    assert texts_of(events) == []
    assert alarms_of(events) == [AlarmKind.WRONG_DROP]
    (alarm,) = [event for event in events if isinstance(event, SafetyAlarm)]
    assert alarm.contact is not None
    assert alarm.contact.name == "alice"


def test_a_first_message_of_another_account_through_a_contacts_drop_is_refused() -> None:
    """A contact that lends its drop to a stranger does not make that stranger a contact."""
    alice, bob, room = friends()
    carol = Person("carol", 3)
    room.people = (alice, bob, carol)
    room.add(carol)
    add(room, carol, bob)
    (alices,) = sent(room, alice, bob, "mine")
    carol.send(bob, "let me in")
    room.run_errands(carol)
    room.post_all(carol)
    (request,) = room.take(bob)
    events = receive(bob, dataclasses.replace(request, drop_ref=alices.drop_ref))
    assert alarms_of(events) == [AlarmKind.WRONG_DROP]
    assert bob.look(knocks.waiting_knocks) == []


def test_a_contacts_new_session_through_another_drop_changes_nothing() -> None:
    """It is told of, its keys stay as they were, and through the right drop it still begins."""
    alice, bob, room = friends()
    carol = Person("carol", 3)
    room.people = (alice, bob, carol)
    room.add(carol)
    room.befriend(carol, bob)
    bob.send(carol, "both have received")
    room.pass_time(3600)
    bob.events()
    (alices,) = sent(room, alice, bob, "mine")
    carol.ledger.tables[Table.SESSIONS].clear()
    carol.step(new_sessions.restart_session, bob.own.account_id)
    room.run_errands(carol)
    room.post_all(carol)
    (restart,) = room.take(bob)
    kept = (Table.SESSIONS, Table.ONE_TIME_PREKEYS, Table.KEM_CIPHERTEXTS)
    before = [dict(bob.ledger.tables[table]) for table in kept]
    events = receive(bob, dataclasses.replace(restart, drop_ref=alices.drop_ref))
    assert alarms_of(events) == [AlarmKind.WRONG_DROP]
    assert [bob.ledger.tables[table] for table in kept] == before
    (again,) = sent(room, carol, bob, "and rightly")
    assert any(isinstance(event, SessionRestarted) for event in receive(bob, again))


def test_a_device_that_is_not_in_the_contacts_list_gets_no_session() -> None:
    """However many lists a contact signs, no row is stored for devices that nobody was shown."""
    alice, bob, room = friends()
    kept = (Table.SESSIONS, Table.KEM_CIPHERTEXTS)
    before = [dict(bob.ledger.tables[table]) for table in kept]
    move_to_another_device(alice)
    alice.step(new_sessions.restart_session, bob.own.account_id)
    room.run_errands(alice)
    room.post_all(alice)
    (arrival,) = room.take(bob)
    assert receive(bob, arrival) == [UndecryptableReceived(bob.public(alice), 1)]
    assert [bob.ledger.tables[table] for table in kept] == before


def test_an_unknown_drop_is_counted() -> None:
    """An envelope through a drop that is not ours is counted under no contact."""
    alice, bob, room = friends()
    (arrival,) = sent(room, alice, bob, "hello")
    (event,) = receive(bob, dataclasses.replace(arrival, drop_ref=DropReference(bytes(16))))
    assert event == UndecryptableReceived(None, 1)


def test_garbage_through_the_knock_drop_is_counted_once_and_answers_nothing() -> None:
    """Noise from strangers makes one growing count and not one outgoing envelope."""
    _, bob, _ = friends()
    own = bob.own
    assert own.knock_secret is not None
    knock = Drop(own.route, own.knock_secret).reference()
    for number in range(3):
        envelope = bytes((number,)) * 4096
        arrival = Arrival(knock, envelope_id(envelope), own.login_number + 500_000, envelope, 1)
        bob.step(inbox.receive, arrival)
    assert bob.events() == [UndecryptableReceived(None, 3)]
    assert bob.outbox() == []


def test_a_known_contact_gets_no_session_through_the_knock_drop() -> None:
    """Who is a contact already and knocks is dropped and counted: their own drop is the way."""
    alice, bob, room = friends()
    again = Person("alice", 1)
    assert again.own.account_id == alice.own.account_id
    room.accounts[again.own.account_id].one_time.clear()
    add(room, again, bob)
    again.send(bob, "let me begin anew")
    for entry in again.outbox():
        again.step(outbox.release, (entry.key,))
    room.post_all(again)
    events = receive(bob, *room.take(bob))
    assert [type(event) for event in events] == [UndecryptableReceived]
    assert bob.contact(alice).stage is ContactStage.OPEN


def test_a_blocked_contact_is_not_heard() -> None:
    """After a block, mail still queued is dropped without an event and nothing goes out."""
    alice, bob, room = friends()
    (arrival,) = sent(room, alice, bob, "one more thing")
    bob.step(conversation.block, alice.own.account_id)
    assert receive(bob, arrival) == []
    room.run_errands(bob)
    message = alice.send(bob, "hello?")
    room.post_all(alice)
    assert alice.state(message) == "refused"


def test_a_restart_without_proof_is_told() -> None:
    """A contact's device that lost its sessions and comes by its own drop is a restart event."""
    alice, bob, room = friends()
    bob.send(alice, "both have received")
    room.settle()
    room.pass_time(3600)
    table = alice.ledger.tables[Table.SESSIONS]
    table.clear()
    alice.step(new_sessions.restart_session, bob.own.account_id)
    bob.events()
    room.settle()
    assert any(isinstance(event, SessionRestarted) for event in bob.events())
    alice.send(bob, "back again")
    room.settle()
    assert texts_of(bob.events()) == ["back again"]


def test_typing_is_shown_and_not_kept() -> None:
    """A typing notice is an event of the moment, outside of the stream."""
    alice, bob, room = friends()
    (device,) = alice.look(devices_of, bob.own.account_id)
    entry = alice.step(
        lambda desk: outbox.seal_typing(desk, device, texts.new_inner_id(desk), began=True)
    )
    (arrival,) = sent(room, alice, bob, "after")
    typing = dataclasses.replace(arrival, envelope=entry.envelope, envelope_id=entry.envelope_id)
    desk = Desk(bob.ledger, bob.now, bob.random)
    inbox.receive(desk, typing)
    assert desk.transient == [TypingReceived(bob.public(alice), True)]
    assert texts_of(receive(bob, arrival)) == ["after"]


def _reseal(monkeypatch: pytest.MonkeyPatch, change: Callable[[Inner], bytes]) -> None:
    """Have senders write something else than they should."""
    monkeypatch.setattr(outbox, "encode", change)


def test_an_unreadable_message_of_a_contact_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Authentic and malformed: acknowledged, counted under the contact, not shown."""
    alice, bob, room = friends()
    _reseal(monkeypatch, lambda inner: encode(inner)[:50])
    (arrival,) = sent(room, alice, bob, "garbled")
    (event,) = receive(bob, arrival)
    assert event == UndecryptableReceived(bob.public(alice), 1)


def test_a_kind_of_the_future_keeps_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown kind is passed over, and what follows it is not held."""
    alice, bob, room = friends()

    def future(inner: Inner) -> bytes:
        data = bytearray(encode(inner))
        if inner.body.__class__.__name__ == "Text" and b"future" in data:
            data[1] = 99
        return bytes(data)

    _reseal(monkeypatch, future)
    events = receive(bob, *sent(room, alice, bob, "future", "future too", "present"))
    assert texts_of(events) == ["present"]
    assert UnknownKindReceived(bob.public(alice), 2) in events
    assert len(events) == 2


def test_an_ephemeral_kind_of_the_future_is_no_reordering(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no place in the stream: it is counted, and neither held nor taken for an old one."""
    alice, bob, room = friends()
    first = sent(room, alice, bob, "before")

    def ephemeral(inner: Inner) -> bytes:
        data = bytearray(encode(inner))
        data[1] = 99
        data[20:28] = bytes(8)
        return bytes(data)

    with monkeypatch.context() as patched:
        _reseal(patched, ephemeral)
        second = sent(room, alice, bob, "blink")
    events = receive(bob, *first, *second)
    assert texts_of(events) == ["before"]
    assert events[1:] == [UnknownKindReceived(bob.public(alice), 1)]


def test_text_that_is_no_utf8_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A whole text that is not UTF-8 is unreadable, not a crash."""
    alice, bob, room = friends()
    _reseal(monkeypatch, lambda inner: encode(inner)[:-1] + b"\xff")
    (event,) = receive(bob, *sent(room, alice, bob, "hello"))
    assert event == UndecryptableReceived(bob.public(alice), 1)


def test_a_stranger_may_only_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    """A first message of a stranger that is no request leaves nothing behind."""
    alice, bob = Person("alice", 1), Person("bob", 2)
    room = PostRoom(alice, bob)
    add(room, alice, bob)

    def text_instead(inner: Inner) -> bytes:
        return encode(Inner(inner.header, Text(0, 1, 2, b"hi")))

    _reseal(monkeypatch, text_instead)
    alice.send(bob, "hi")
    room.run_errands(alice)
    room.post_all(alice)
    events = receive(bob, *room.take(bob))
    assert events == [UndecryptableReceived(None, 1)]
    assert bob.ledger.tables[Table.SESSIONS] == {}


def test_a_stranger_who_was_shown_another_list_of_ours_is_an_alarm(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A relay that shows strangers a list we never made is found out by the first of them."""
    alice, bob = Person("alice", 1), Person("bob", 2)
    room = PostRoom(alice, bob)
    add(room, alice, bob)

    def other_list(inner: Inner) -> bytes:
        view = dataclasses.replace(inner.header.peer_list, version=9)
        return encode(Inner(dataclasses.replace(inner.header, peer_list=view), inner.body))

    _reseal(monkeypatch, other_list)
    alice.send(bob, "hi")
    room.run_errands(alice)
    room.post_all(alice)
    events = receive(bob, *room.take(bob))
    assert alarms_of(events) == [AlarmKind.OWN_LIST_FORKED]
    assert bob.look(knocks.waiting_knocks) == []


def test_every_kind_of_envelope_has_the_same_size() -> None:
    """First message, accept, ready, text and receipt all fill the small bucket."""
    alice, bob, room = friends()
    alice.send(bob, "z" * 1280)
    room.settle()
    room.pass_time(6)
    kinds = {Kind(entry.kind) for entry in room.accepted}
    assert {Kind.REQUEST, Kind.ACCEPT, Kind.READY, Kind.TEXT, Kind.RECEIPT} <= kinds
    assert {len(entry.envelope) for entry in room.accepted} == {4096}
