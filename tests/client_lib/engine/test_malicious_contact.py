"""A contact whose client lies: nothing it sends stops, fills or spends what is not its own."""

from dataclasses import replace

import pytest
from hushpost.content import Header, Inner, InnerId, ListView, Text, encode
from hushpost.engine import (
    conversation,
    deadlines,
    errands,
    event_log,
    first_contact,
    inbox,
    knocks,
    own_drops,
    prekey_upkeep,
    stream_order,
)
from hushpost.engine.contact_book import device_row, save_device
from hushpost.engine.desk import Desk
from hushpost.engine.errands import Errand, ErrandKind
from hushpost.engine.ledger import Table
from hushpost.engine.own_account import own_account, save_own
from hushpost.engine.seen import Arrival
from hushpost.events import (
    AlarmKind,
    MessageReceived,
    MessagesMissing,
    SafetyAlarm,
    UndecryptableReceived,
)
from hushpost_wire.host import Host
from hushpost_wire.identifiers import DropReference, ListHead, envelope_id
from hushpost_wire.records import PrekeyRecord, SealRecord

from tests.client_lib.engine.people import Person, PostRoom, add, only_device

VIEW = ListView(1, ListHead(bytes(32)))
STREAM_LAST = 2**63 - 1


def _friends() -> tuple[Person, Person, PostRoom]:
    alice, bob = Person("alice", 1), Person("bob", 2)
    room = PostRoom(alice, bob)
    room.befriend(alice, bob)
    alice.events()
    return alice, bob, room


def _inner(stream: int, *, number: int = 1, sent: int = 0) -> Inner:
    header = Header(InnerId(number.to_bytes(16, "big")), stream, 2**31, sent, VIEW, VIEW)
    return Inner(header, Text(0, 1, 1, b"x"))


def _arrive(desk: Desk, key: bytes, inner: Inner) -> list[stream_order.InOrder]:
    device, given = stream_order.arrange(desk, device_row(desk, key), inner, encode(inner))
    save_device(desk, device)
    return given


def test_a_claimed_time_beyond_the_calendar_is_no_time() -> None:
    """A sender's clock value that no calendar holds is shown as none; events go on."""
    alice, bob, _ = _friends()
    for sent in (2**64 - 1, 2**63, 253402300800000):
        row = event_log.MessageRow(InnerId(sent.to_bytes(16, "big")), "x", sent, late=False)
        alice.step(event_log.message_received, bob.own.account_id, row)
    got = [event for event in alice.events() if isinstance(event, MessageReceived)]
    assert [event.sent_at for event in got] == [None, None, None]


def test_the_last_stream_value_twice_stops_no_clock() -> None:
    """Two messages of the highest value, held and given up, leave the clock's work possible."""
    alice, bob, _ = _friends()
    key = only_device(alice, bob)
    for number in (1, 2):
        alice.step(_arrive, key, _inner(STREAM_LAST, number=number))
    for _ in range(3):
        alice.now += 61
        alice.step(deadlines.handle_deadline)
    assert alice.ledger.tables[Table.HELD] == {}
    assert alice.look(deadlines.next_deadline) > alice.now
    alice.step(_arrive, key, _inner(7, number=3))


def test_a_stream_value_held_twice_counts_once() -> None:
    """A second message in a place that is held already does not make the count wrong."""
    alice, bob, _ = _friends()
    key = only_device(alice, bob)
    expected = alice.look(device_row, key).next_in
    for number in (1, 2):
        alice.step(_arrive, key, _inner(expected + 1, number=number))
    held = alice.look(device_row, key)
    assert held.held == len(alice.ledger.tables[Table.HELD]) == 1
    given = alice.step(_arrive, key, _inner(expected, number=3))
    assert [item.inner.header.stream for item in given] == [expected, expected + 1]
    assert alice.look(device_row, key).held == 0


def test_what_was_held_below_an_accept_is_given_late_and_not_missing() -> None:
    """An ACCEPT that moves the place past held messages leaves them to be given, never a debt."""
    alice, bob, _ = _friends()
    key = only_device(alice, bob)

    def skip(desk: Desk) -> None:
        save_device(desk, stream_order.skip_to(device_row(desk, key), 1000))

    expected = alice.look(device_row, key).next_in
    alice.step(_arrive, key, _inner(expected + 1))
    alice.step(skip)
    alice.now += 61
    alice.step(inbox.release_overdue)
    counts = [event.count for event in alice.events() if isinstance(event, MessagesMissing)]
    assert all(count > 0 for count in counts)
    device = alice.look(device_row, key)
    assert (device.next_in, device.held) == (1001, 0)
    assert alice.ledger.tables[Table.HELD] == {}


def test_a_gap_is_given_up_although_the_clock_went_back() -> None:
    """A day back on the clock does not make held messages wait for a day."""
    alice, bob, _ = _friends()
    key = only_device(alice, bob)
    expected = alice.look(device_row, key).next_in
    alice.step(_arrive, key, _inner(expected + 1))
    alice.now -= 86400
    for _ in range(3):
        alice.now += 61
        alice.step(deadlines.handle_deadline)
    assert alice.ledger.tables[Table.HELD] == {}


def test_no_way_in_is_said_and_not_asked_for_ever() -> None:
    """A spent invitation to who takes no knocks is refused once; no prekeys are drained."""
    alice, bob = Person("alice", 1), Person("bob", 2, knocks_on=False)
    carol = Person("carol", 3)
    room = PostRoom(alice, bob, carol)
    invitation, _ = bob.step(own_drops.create_invitation)
    room.run_errands(bob)
    add(room, carol, bob, invitation)
    add(room, alice, bob, invitation)
    carol.send(bob, "first")
    room.settle()
    message = alice.send(bob, "second")
    room.run_errands(alice)
    room.post_all(alice)
    assert alice.state(message) == "refused"
    left = len(room.accounts[bob.own.account_id].one_time)
    later = alice.send(bob, "third")
    for _ in range(5):
        room.run_errands(alice)
        room.post_all(alice)
    assert alice.state(later) == "refused"
    assert left - len(room.accounts[bob.own.account_id].one_time) <= 1
    assert [e for e in alice.look(errands.pending) if e.kind is ErrandKind.TAKE_BUNDLE] == []


ELSEWHERE = Host("10.0.0.5:22")


def _moved(person: Person, host: Host) -> None:
    def change(desk: Desk) -> None:
        save_own(desk, replace(own_account(desk), host=host))

    person.step(change)


def test_a_request_of_a_contact_names_no_relay_that_nobody_agreed_to() -> None:
    """Both write first, and one names a host inside the other's network: it is not contacted."""
    alice, mallory = Person("alice", 1), Person("mallory", 2)
    room = PostRoom(alice, mallory)
    add(room, alice, mallory)
    alice.send(mallory, "hello")
    add(room, mallory, alice)
    _moved(mallory, ELSEWHERE)
    mallory.send(alice, "answer me there")
    room.run_errands(mallory)
    room.post_all(mallory)
    room.deliver_all(alice)
    assert {entry.host for entry in alice.outbox()} == {alice.own.host}
    alarms = [event.kind for event in alice.events() if isinstance(event, SafetyAlarm)]
    assert alarms == [AlarmKind.FOREIGN_HOST]
    assert alice.contact(mallory).stage == "requested"


def test_adding_who_knocked_does_not_agree_to_the_relay_of_the_knock() -> None:
    """An address typed in accepts a waiting knock only if it wants its answer at that address."""
    alice, mallory = Person("alice", 1), Person("mallory", 2)
    room = PostRoom(alice, mallory)
    add(room, mallory, alice)
    typed = mallory.address
    _moved(mallory, ELSEWHERE)
    mallory.send(alice, "answer me there")
    room.run_errands(mallory)
    room.post_all(mallory)
    room.deliver_all(alice)
    assert alice.look(knocks.waiting_knocks) != []
    agreed = frozenset({alice.own.host})
    assert alice.step(conversation.prepare_contact, typed, trusted=agreed) is None
    assert alice.outbox() == []
    assert alice.look(knocks.waiting_knocks) != []


def test_new_keys_of_a_contact_lead_to_no_relay_that_nobody_agreed_to() -> None:
    """Fresh seal records that name another relay are not followed, and told of."""
    alice, mallory = Person("alice", 1), Person("mallory", 2)
    room = PostRoom(alice, mallory)
    add(room, alice, mallory)
    alice.send(mallory, "hello")
    _moved(mallory, ELSEWHERE)
    mallory.step(errands.queue, Errand(ErrandKind.PUBLISH_PREKEYS))
    room.run_errands(mallory)
    alice.step(first_contact.bundle_taken, mallory.own.account_id, "repeat", room.keys(mallory))
    assert {entry.host for entry in alice.outbox()} == {alice.own.host}
    assert [e.kind for e in alice.events() if isinstance(e, SafetyAlarm)] == [
        AlarmKind.FOREIGN_HOST
    ]


def test_a_relay_that_hands_out_all_prekeys_for_ever_fills_no_vault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However often a relay says that none are left, the stock of secrets stays bounded."""
    monkeypatch.setattr(prekey_upkeep, "ONE_TIME_KEPT_MAX", 130)
    alice = Person("alice", 1)
    room = PostRoom(alice)
    for _ in range(3):
        alice.step(prekey_upkeep.refill, 0)
        room.run_errands(alice)
    kept = len(alice.ledger.tables[Table.ONE_TIME_PREKEYS])
    assert kept == 130


def test_mail_for_nobody_leaves_no_trace_in_the_vault() -> None:
    """Envelopes under drops that this device never made are counted in one row and no more."""
    alice = Person("alice", 1)
    alice.step(_nobodys, 0)
    before = sum(map(len, alice.ledger.tables.values()))
    for number in range(1, 50):
        alice.step(_nobodys, number)
    assert sum(map(len, alice.ledger.tables.values())) == before
    (event,) = alice.events()
    assert isinstance(event, UndecryptableReceived)
    assert event.count == 50


def _nobodys(desk: Desk, number: int) -> None:
    envelope = number.to_bytes(4, "big") * 1024
    reference = DropReference(number.to_bytes(16, "big"))
    arrival = Arrival(reference, envelope_id(envelope), 2**32 - 1, envelope, 1)
    inbox.receive(desk, arrival)


def test_an_invited_person_comes_in_through_a_crowd_of_strangers() -> None:
    """A hundred knocks that wait do not keep out who was invited."""
    alice, bob = Person("alice", 1), Person("bob", 2)
    room = PostRoom(alice, bob)
    invitation, _ = bob.step(own_drops.create_invitation)
    room.run_errands(bob)
    add(room, alice, bob, invitation)
    alice.send(bob, "it is me")
    for number in range(knocks.KNOCKS_MAX):
        bob.ledger.put(Table.KNOCKS, number.to_bytes(32, "big"), b"stranger")
    room.run_errands(alice)
    room.post_all(alice)
    room.deliver_all(bob)
    assert bob.look(knocks.has_knocked, alice.own.account_id)


def test_a_clock_that_was_years_ahead_leaves_keys_of_today() -> None:
    """After a jump ahead and back, the keys that are published are of today."""
    alice, bob = Person("alice", 1), Person("bob", 2)
    room = PostRoom(alice, bob)
    room.pass_time(60)
    alice.now += 400 * 86400
    alice.step(deadlines.handle_deadline)
    room.run_errands(alice)
    alice.now -= 400 * 86400
    alice.step(deadlines.handle_deadline)
    room.run_errands(alice)
    batch = alice.look(prekey_upkeep.next_batch)
    today = int(alice.now // 86400)
    assert PrekeyRecord.from_bytes(batch.signed).issue_day == today
    assert SealRecord.from_bytes(batch.seal).issue_day == today


def test_an_invitation_helps_who_was_added_before() -> None:
    """Who was added by address, not yet written to, is reached by a later invitation."""
    alice, bob = Person("alice", 1), Person("bob", 2)
    room = PostRoom(alice, bob)
    add(room, alice, bob)
    invitation, _ = bob.step(own_drops.create_invitation)
    room.run_errands(bob)
    agreed = frozenset({alice.own.host})
    assert alice.step(conversation.prepare_contact, invitation, trusted=agreed) is not None
    alice.send(bob, "invited")
    assert [entry.path for entry in alice.outbox()] == ["invitation"]


def test_a_blocked_contact_stays_blocked_if_adding_fails() -> None:
    """Adding again forgets the block only when it succeeds."""
    alice, bob, room = _friends()
    alice.step(conversation.block, bob.own.account_id)
    agreed = frozenset({alice.own.host})
    assert alice.step(conversation.prepare_contact, bob.address, trusted=agreed) is None
    assert alice.contact(bob).stage == "blocked"
    row = add(room, alice, bob)
    assert row.stage == "new"
    alice.send(bob, "again")
    assert add(room, alice, bob).stage == "requested"


def test_typing_towards_somebody_away_uses_up_no_session() -> None:
    """However long one types to a person who is away, the next message opens, and they reply."""
    alice, bob, room = _friends()
    sealed = [
        len(alice.step(conversation.seal_typing, bob.own.account_id, began=True))
        for _ in range(1_100)
    ]
    assert sum(sealed) == conversation.TYPED_MAX
    alice.send(bob, "are you there?")
    room.settle()
    got = [event.text for event in bob.events() if isinstance(event, MessageReceived)]
    assert got[-1:] == ["are you there?"]
    bob.send(alice, "yes")
    room.settle()
    assert len(alice.step(conversation.seal_typing, bob.own.account_id, began=True)) == 1
