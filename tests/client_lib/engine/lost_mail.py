"""Mail that a relay lets expire, for the tests of asking and sending again (content.md, 11)."""

from collections import Counter

from hushpost.content import InnerId
from hushpost.engine import deadlines, expiry, first_contact
from hushpost.engine.contact_book import DeviceRow, device_row, devices_of
from hushpost.engine.message_book import MessageRow
from hushpost.events import KeptEvent, MessageReceived, ResendRequested

from tests.client_lib.engine.people import DAY, Person, PostRoom


def friends() -> tuple[Person, Person, PostRoom]:
    """Give two contacts with open drops both ways and no event waiting."""
    alice, bob = Person("alice", 1), Person("bob", 2)
    room = PostRoom(alice, bob)
    room.befriend(alice, bob)
    room.pass_time(6)
    alice.events()
    bob.events()
    return alice, bob, room


def lose(room: PostRoom, bob: Person) -> list[tuple[bytes, int]]:
    """Let everything that waits for somebody expire; gives the notice."""
    counts = Counter(bytes(arrival.drop_ref) for arrival in room.take(bob))
    return sorted(counts.items())


def away(room: PostRoom, alice: Person, bob: Person, *words: str) -> list[tuple[bytes, int]]:
    """Write to somebody who is away for sixteen days; gives the notice of what expired."""
    for word in words:
        alice.send(bob, word)
    room.post_all(alice)
    notice = lose(room, bob)
    for person in (alice, bob):
        person.now += 16 * DAY
        person.step(deadlines.handle_deadline)
        room.run_errands(person)
    return notice


def ask(room: PostRoom, bob: Person, notice: list[tuple[bytes, int]]) -> None:
    """Take in a notice and let the minutes pass after which the contact is asked."""
    bob.step(expiry.noticed, notice)
    for _ in range(4):
        room.pass_time(61)


def device_of(person: Person, other: Person) -> DeviceRow:
    """Give the row of a contact's only device."""
    (device,) = person.look(devices_of, other.own.account_id)
    return person.look(device_row, device.key)


def requested(events: list[KeptEvent]) -> list[ResendRequested]:
    """Give the requests among events."""
    return [event for event in events if isinstance(event, ResendRequested)]


def shown(events: list[KeptEvent]) -> list[tuple[str, bool]]:
    """Give the texts among events, and whether they were marked late."""
    return [(event.text, event.late) for event in events if isinstance(event, MessageReceived)]


def send_all_again(person: Person, event: ResendRequested) -> list[MessageRow]:
    """Do what an app does with one call."""
    ids = [InnerId(bytes.fromhex(item)) for item in event.message_ids]
    return person.step(first_contact.send_all_again, ids)
