"""Opening an envelope: the session says who, the drop only where (content.md, 4 and 9)."""

import dataclasses

import pytest
from hushpost.engine import opening, own_drops, prekey_upkeep
from hushpost.engine.desk import Desk
from hushpost.engine.ledger import Table
from hushpost.engine.own_drops import DropRow
from hushpost.engine.seen import Arrival
from hushpost_crypto.errors import Undecryptable

from tests.client_lib.engine.people import Person, PostRoom, add


def _mail(room: PostRoom, one: Person, other: Person, text: str) -> tuple[DropRow, Arrival]:
    one.send(other, text)
    room.run_errands(one)
    room.post_all(one)
    (arrival,) = room.take(other)
    drop = other.look(own_drops.find_drop, arrival.drop_ref)
    assert drop is not None
    return drop, arrival


def _friends() -> tuple[Person, Person, PostRoom]:
    alice, bob = Person("alice", 1), Person("bob", 2)
    room = PostRoom(alice, bob)
    room.befriend(alice, bob)
    room.pass_time(6)
    return alice, bob, room


def test_a_contacts_envelope_opens_once() -> None:
    """Authenticated as the device's, and used message keys are gone from the stored session."""
    alice, bob, room = _friends()
    drop, arrival = _mail(room, alice, bob, "hello")
    opened = bob.step(opening.open_from_contact, drop, arrival)
    assert (opened.account_id, opened.device_id) == (alice.own.account_id, alice.own.device_id)
    assert opened.body.endswith(b"hello")
    with pytest.raises(Undecryptable):
        bob.step(opening.open_from_contact, drop, arrival)


@pytest.mark.parametrize("offset", [0, 31, 32, 60, 100, 2000, 4095])
def test_a_flipped_byte_opens_nothing_and_the_true_one_still_opens(offset: int) -> None:
    """Wherever it is flipped, commitment included, the session stays as it was."""
    alice, bob, room = _friends()
    drop, arrival = _mail(room, alice, bob, "hello")
    data = bytearray(arrival.envelope)
    data[offset] ^= 0x40
    with pytest.raises(Undecryptable):
        bob.step(
            opening.open_from_contact, drop, dataclasses.replace(arrival, envelope=bytes(data))
        )
    assert bob.step(opening.open_from_contact, drop, arrival).body.endswith(b"hello")


def test_a_first_message_uses_up_its_one_time_prekey_and_opens_no_second_session() -> None:
    """Secret erased, ciphertext remembered; without its session the same bytes open nothing."""
    alice, bob = Person("alice", 1), Person("bob", 2)
    room = PostRoom(alice, bob)
    add(room, alice, bob)
    _, arrival = _mail(room, alice, bob, "hi")
    before = len(bob.ledger.tables[Table.ONE_TIME_PREKEYS])
    first = bob.look(opening.open_from_stranger, arrival)
    opened = bob.step(opening.accept_first, first)
    assert opened.sender is not None
    assert opened.sender.account_id() == alice.own.account_id
    assert len(bob.ledger.tables[Table.ONE_TIME_PREKEYS]) == before - 1
    assert len(bob.ledger.tables[Table.KEM_CIPHERTEXTS]) == 1
    bob.step(opening.forget_session, opened)
    assert bob.ledger.tables[Table.SESSIONS] == {}
    with pytest.raises(Undecryptable):
        bob.step(opening.accept_first, first)


def test_with_exhausted_prekeys_a_first_message_opens_once_all_the_same() -> None:
    """The last-resort key serves; its repeat is recognised by the ciphertext."""
    alice, bob = Person("alice", 1), Person("bob", 2)
    room = PostRoom(alice, bob)
    room.accounts[bob.own.account_id].one_time.clear()
    add(room, alice, bob)
    _, arrival = _mail(room, alice, bob, "hi")
    first = bob.look(opening.open_from_stranger, arrival)
    assert first.one_time_prekey_id is None
    opened = bob.step(opening.accept_first, first)
    bob.step(opening.forget_session, opened)
    with pytest.raises(Undecryptable):
        bob.step(opening.accept_first, first)


def test_an_erased_signed_prekey_opens_nothing() -> None:
    """Past its erase day the secrets are gone and the message is undecryptable, not an error."""
    alice, bob = Person("alice", 1), Person("bob", 2)
    room = PostRoom(alice, bob)
    add(room, alice, bob)
    _, arrival = _mail(room, alice, bob, "hi")
    bob.ledger.tables[Table.SIGNED_PREKEYS].clear()
    first = bob.look(opening.open_from_stranger, arrival)
    with pytest.raises(Undecryptable):
        bob.step(opening.accept_first, first)
    bob.ledger.tables[Table.SEAL_SECRETS].clear()
    with pytest.raises(Undecryptable):
        bob.look(opening.open_from_stranger, arrival)
    assert bob.look(prekey_upkeep.seal_secrets) == []


def test_mislabelled_mail_is_recognised_and_leaves_the_true_session_alone() -> None:
    """Under another contact's drop it raises who it is from, and can still be opened rightly."""
    alice, bob, room = _friends()
    drop, arrival = _mail(room, alice, bob, "hello")
    other = dataclasses.replace(drop, account_id=bytes(32))
    with pytest.raises(opening.WrongDrop) as caught:
        bob.step(opening.open_from_contact, other, arrival)
    assert caught.value.account_id == alice.own.account_id
    assert bob.step(opening.open_from_contact, drop, arrival).body.endswith(b"hello")


def test_a_strangers_first_message_under_a_contacts_drop_is_recognised() -> None:
    """Its account is not the drop's, so nothing of it is kept."""
    alice, bob, room = _friends()
    carol = Person("carol", 3)
    room.people = (alice, bob, carol)
    room.add(carol)
    add(room, carol, bob)
    drop, _ = _mail(room, alice, bob, "mine")
    _, request = _mail(room, carol, bob, "let me in")

    def look(desk: Desk) -> None:
        opening.open_from_contact(desk, drop, request)

    sessions = dict(bob.ledger.tables[Table.SESSIONS])
    with pytest.raises(opening.WrongDrop):
        bob.step(look)
    assert bob.ledger.tables[Table.SESSIONS] == sessions


def test_garbage_makes_the_sessions_of_others_be_tried_a_few_times_an_hour() -> None:
    """However much of it comes, the work an hour is bounded; the next hour begins anew."""
    alice, bob, room = _friends()
    drop, arrival = _mail(room, alice, bob, "hello")
    garbage = dataclasses.replace(arrival, envelope=bytes(4096))
    times: list[int] = []
    for _ in range(opening.SEARCHES_AN_HOUR_MAX + 5):
        bob.step(_refused, drop, garbage)
        times.append(bob.own.searches[1])
    assert max(times) == times[-1] == opening.SEARCHES_AN_HOUR_MAX
    bob.now += 3600
    bob.step(_refused, drop, garbage)
    assert bob.own.searches[1] == 1


def _refused(desk: Desk, drop: DropRow, arrival: Arrival) -> None:
    with pytest.raises(Undecryptable):
        opening.open_from_contact(desk, drop, arrival)
