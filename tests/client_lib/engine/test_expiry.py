"""What a relay says of expired mail is told and asked about once a day (content.md, 11)."""

from hushpost.engine import event_log, expiry
from hushpost.engine.contact_book import devices_of
from hushpost.engine.desk import Desk
from hushpost.engine.ledger import Table
from hushpost.engine.own_drops import DropRow, DropUse, save_drop
from hushpost.events import MessagesExpired
from hushpost_wire.identifiers import DropHash, drop_reference

from tests.client_lib.engine.people import DAY, Person, PostRoom


def friends() -> tuple[Person, Person, bytes]:
    """Give two contacts, and the reference of bob's drop of alice."""
    alice, bob = Person("alice", 1), Person("bob", 2)
    room = PostRoom(alice, bob)
    room.befriend(alice, bob)
    room.pass_time(6)
    bob.events()
    (device,) = bob.look(devices_of, alice.own.account_id)
    assert device.their_hash is not None
    return alice, bob, drop_reference(device.their_hash)


def due(person: Person) -> float:
    """Give when something is to be asked or told."""
    at = person.look(expiry.next_due)
    assert at is not None
    return at


def test_each_contact_and_all_others_together_are_told() -> None:
    """A notice names drops; the app hears whose they are, and strangers' mail in one sum."""
    alice, bob, reference = friends()
    bob.step(expiry.noticed, [(reference, 2), (bytes(16), 1), (bytes(range(16)), 4)])
    assert bob.events() == [MessagesExpired(bob.public(alice), 2), MessagesExpired(None, 5)]


def test_a_relay_that_says_it_all_day_is_told_once() -> None:
    """Whatever the notices claim, a day has one event, and the next one the sum of the others."""
    alice, bob, reference = friends()
    for _ in range(100):
        bob.step(expiry.noticed, [(reference, 2**32 - 1)])
        assert len(bob.events()) <= 1
        bob.now += 60
    assert bob.ledger.count(Table.EXPIRIES) == 1
    bob.now += DAY
    asked = bob.step(expiry.take_due, 10)
    assert [row.account_id for row in asked] == [alice.own.account_id]
    assert bob.events() == [MessagesExpired(bob.public(alice), 99 * (2**32 - 1))]


def test_a_sum_stays_one_that_an_app_can_hold() -> None:
    """Claims without end stop at a number that JSON holds exactly."""
    _, bob, _ = friends()
    for _ in range(3):
        bob.step(expiry.noticed, [(bytes(16), event_log.COUNT_MAX)])
    bob.now += 2 * DAY
    bob.step(expiry.take_due, 10)
    assert [e.count for e in bob.events() if isinstance(e, MessagesExpired)] == [
        event_log.COUNT_MAX
    ]


def test_a_contact_is_asked_a_minute_or_two_later_and_then_a_day() -> None:
    """The first question waits for the backlog to find its places, the next one for a day."""
    alice, bob, reference = friends()
    bob.step(expiry.noticed, [(reference, 1)])
    assert 60 <= due(bob) - int(bob.now) <= 120
    assert bob.step(expiry.take_due, 10) == []
    bob.now = due(bob)
    assert len(bob.step(expiry.take_due, 10)) == 1
    asked = bob.now
    bob.step(expiry.noticed, [(reference, 1)])
    bob.step(expiry.gap_given_up, alice.own.account_id)
    while (at := bob.look(expiry.next_due)) is not None and at < asked + 2 * DAY:
        bob.now = max(at, bob.now)
        if bob.step(expiry.take_due, 10):
            break
    assert 23 * 3600 <= bob.now - asked <= 25 * 3600


def test_strangers_are_told_of_and_nobody_is_asked() -> None:
    """Mail through a knock drop, or one of somebody removed, has nobody to ask."""
    _, bob, _ = friends()

    def gone(desk: Desk) -> bytes:
        row = DropRow(DropHash(b"g" * 32), DropUse.CONTACT, b"x" * 32)
        save_drop(desk, row)
        return drop_reference(row.drop_hash)

    bob.step(expiry.noticed, [(bob.step(gone), 1), (bytes(16), 1)])
    bob.now += 600
    assert bob.step(expiry.take_due, 10) == []
    assert len(bob.events()) == 2


def test_what_is_over_is_forgotten() -> None:
    """A day after the last question nothing is left of it in the vault."""
    _, bob, reference = friends()
    bob.step(expiry.noticed, [(reference, 1), (bytes(16), 1)])
    bob.now += 200
    assert len(bob.step(expiry.take_due, 10)) == 1
    assert bob.ledger.count(Table.EXPIRIES) == 2
    bob.now += DAY + 3600
    bob.step(expiry.take_due, 10)
    assert bob.ledger.count(Table.EXPIRIES) == 0
    assert bob.look(expiry.next_due) is None


def test_a_clock_that_was_ahead_binds_nobody() -> None:
    """Told and asked in a year that was not, a contact is told of and asked again now."""
    alice, bob, reference = friends()
    bob.now += 365 * DAY
    bob.step(expiry.noticed, [(reference, 1)])
    bob.now = due(bob)
    assert len(bob.step(expiry.take_due, 10)) == 1
    bob.events()
    bob.now -= 365 * DAY
    bob.step(expiry.noticed, [(reference, 3)])
    assert bob.events() == [MessagesExpired(bob.public(alice), 3)]
    assert due(bob) - bob.now <= 120
    bob.now += 365 * DAY
    bob.step(expiry.noticed, [(reference, 1)])
    bob.now -= 365 * DAY
    bob.step(expiry.noticed, [(reference, 1)])
    assert due(bob) - bob.now <= 24 * 3600 + 120


def test_a_question_can_wait_for_something_else() -> None:
    """Put off, it does not count as asked."""
    _, bob, reference = friends()
    bob.step(expiry.noticed, [(reference, 1)])
    bob.now = due(bob)
    (row,) = bob.step(expiry.take_due, 10)
    bob.step(expiry.ask_later, row, 60)
    bob.now += 61
    assert len(bob.step(expiry.take_due, 10)) == 1
