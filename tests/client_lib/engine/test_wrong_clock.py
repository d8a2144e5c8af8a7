"""A device whose clock is wrong tells so, keeps its mail, and sends it when the clock is right."""

from hushpost.content import Kind
from hushpost.engine import deadlines, knocks, wrong_clock
from hushpost.engine.contact_book import remove_contact
from hushpost.engine.posting_results import posting_refused
from hushpost.events import ClockWrong, MessageReceived, MessagesMissing
from hushpost_wire.frames import RefusalReason

from tests.client_lib.engine.lost_mail import device_of, friends
from tests.client_lib.engine.people import DAY, Person, PostRoom, add


def clocks(person: Person) -> list[int]:
    """Give by how many hours the app was told that the clock is ahead."""
    return [event.hours for event in person.events() if isinstance(event, ClockWrong)]


def test_a_difference_of_more_than_a_day_is_told_once_a_day() -> None:
    """A day either way is nothing; more is told, with its direction, and not at each login."""
    alice = Person("alice", 1)
    hour = int(alice.now // 3600)
    for harmless in (hour, hour - 24, hour + 24):
        alice.step(wrong_clock.compare_hours, harmless)
    assert clocks(alice) == []
    for _ in range(5):
        alice.step(wrong_clock.compare_hours, hour - 72)
    assert clocks(alice) == [72]
    alice.now += DAY
    alice.step(wrong_clock.compare_hours, hour + 24 + 40)
    (event,) = (event for event in alice.events() if isinstance(event, ClockWrong))
    assert (event.hours, "behind" in event.explanation) == (-40, True)


def test_mail_that_is_refused_for_its_date_waits_and_is_told() -> None:
    """BAD_TTL does not refuse the message: it is tried again in an hour."""
    alice, bob, _ = friends()
    message = alice.send(bob, "of tomorrow")
    (entry,) = alice.outbox()
    later = alice.step(posting_refused, entry.key, RefusalReason.BAD_TTL, 0)
    assert later is not None
    assert later.not_before == int(alice.now) + 3600
    assert alice.state(message) == "sealed"
    assert clocks(alice) == [0]
    alice.now += 16 * DAY
    assert alice.step(posting_refused, entry.key, RefusalReason.BAD_TTL, 0) is None
    alice.step(deadlines.handle_deadline)
    assert alice.state(message) == "unconfirmed"


def test_mail_of_the_future_goes_out_when_the_clock_is_right() -> None:
    """Texts are sealed anew, their places stay filled: in order, once, and nothing is missing."""
    alice, bob, room = friends()
    alice.now += 400 * DAY
    alice.step(deadlines.handle_deadline)
    ahead = [alice.send(bob, words) for words in ("one", "x" * 20_000)]
    count = len(alice.outbox())
    alice.now -= 400 * DAY
    alice.send(bob, "three")
    alice.step(deadlines.handle_deadline)
    entries = alice.outbox()
    assert [entry.kind for entry in entries[:count]] == [Kind.READY] * count
    assert all(entry.not_after < alice.now / 3600 + 16 * 24 for entry in entries)
    room.settle()
    assert [event.text for event in bob.events() if isinstance(event, MessageReceived)] == [
        "three",
        "one",
        "x" * 20_000,
    ]
    room.pass_time(61)
    assert not [event for event in bob.events() if isinstance(event, MessagesMissing)]
    assert [alice.state(message) for message in ahead] == ["delivered", "delivered"]
    assert device_of(bob, alice).held == 0


def test_first_contact_of_the_future_completes_when_the_clock_is_right() -> None:
    """A request is asked anew; an acceptance is sealed anew in its place."""
    alice, bob = Person("alice", 1), Person("bob", 2)
    room = PostRoom(alice, bob)
    alice.now += 5 * DAY
    bob.now += 5 * DAY
    add(room, alice, bob)
    alice.send(bob, "hi")
    room.run_errands(alice)
    for person in (alice, bob):
        person.step(deadlines.handle_deadline)
        person.now -= 5 * DAY
    assert [entry.kind for entry in alice.outbox()] == [Kind.REQUEST]
    for person in (alice, bob):
        person.step(deadlines.handle_deadline)
    room.settle()
    bob.now += 5 * DAY
    bob.step(knocks.accept, alice.own.account_id)
    room.run_errands(bob)
    bob.step(deadlines.handle_deadline)
    bob.now -= 5 * DAY
    bob.step(deadlines.handle_deadline)
    assert [entry.kind for entry in bob.outbox()] == [Kind.ACCEPT]
    room.settle()
    assert alice.contact(bob).stage == bob.contact(alice).stage == "open"


def test_mail_to_somebody_removed_is_dropped() -> None:
    """Nothing is sealed for who is no contact any more."""
    alice, bob, _ = friends()
    alice.now += 60 * DAY
    alice.send(bob, "ahead")
    alice.now -= 60 * DAY
    alice.step(remove_contact, bob.own.account_id)
    alice.step(wrong_clock.mend_outbox)
    assert alice.outbox() == []
