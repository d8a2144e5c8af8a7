"""What was received before is remembered long enough, and within bounds (content.md, 6 and 8)."""

import dataclasses

import pytest
from hushpost.engine import own_drops, seen
from hushpost.engine.contact_book import devices_of, save_device
from hushpost.engine.desk import Desk
from hushpost.engine.ledger import Table
from hushpost.engine.seen import Arrival, Sight, see_envelope
from hushpost_wire.identifiers import DropReference, EnvelopeId, drop_reference

from tests.client_lib.engine.people import DAY, Person, PostRoom, only_device


def friends() -> tuple[Person, Person, own_drops.DropRow]:
    """Give two contacts and the row of the second one's drop."""
    alice, bob = Person("alice", 1), Person("bob", 2)
    PostRoom(alice, bob).befriend(alice, bob)
    (device,) = bob.look(devices_of, alice.own.account_id)
    assert device.their_hash is not None
    drop = bob.look(own_drops.find_drop, drop_reference(device.their_hash))
    assert drop is not None
    return alice, bob, drop


def _arrival(person: Person, number: int, login: int = 1) -> Arrival:
    hour = int(person.now // 3600) + 14 * 24
    return Arrival(
        DropReference(bytes(16)), EnvelopeId(number.to_bytes(16, "big")), hour, b"", login
    )


def test_some_times_are_repeats_and_the_sixteenth_is_a_replay() -> None:
    """Senders repeat what was not accepted; so many repeats on one login are the relay's doing."""
    _, bob, drop = friends()
    arrival = _arrival(bob, 1)
    sights = [bob.step(see_envelope, arrival, drop) for _ in range(17)]
    assert sights == [Sight.NEW, *[Sight.REPEATED] * 15, Sight.REPLAYED]


def test_later_logins_may_bring_everything_again_until_something_new_came() -> None:
    """A lost acknowledgement may show at any later login; behind anything new, repeats count."""
    _, bob, drop = friends()
    for login in (1, 2, 3, 7, 20):
        sight = bob.step(see_envelope, _arrival(bob, 1, login), drop)
        assert sight is (Sight.NEW if login == 1 else Sight.REPEATED)
    assert bob.step(see_envelope, _arrival(bob, 2, 21), drop) is Sight.NEW
    sights = [bob.step(see_envelope, _arrival(bob, 1, 22), drop) for _ in range(12)]
    assert sights == [*[Sight.REPEATED] * 11, Sight.REPLAYED]


def test_a_day_later_or_far_back_in_the_stream_it_is_a_replay() -> None:
    """No sender goes back behind what it had accepted."""
    alice, bob, drop = friends()
    key = only_device(bob, alice)
    old, fresh = _arrival(bob, 1), _arrival(bob, 2)
    for arrival in (old, fresh):
        bob.step(see_envelope, arrival, drop)
        bob.step(seen.note_stream, arrival, key, 10)
    (device,) = bob.look(devices_of, alice.own.account_id)
    bob.step(save_device, dataclasses.replace(device, highest_in=25))
    assert bob.step(see_envelope, old, drop) is Sight.REPEATED
    bob.step(save_device, dataclasses.replace(device, highest_in=26))
    assert bob.step(see_envelope, old, drop) is Sight.REPLAYED
    bob.step(save_device, dataclasses.replace(device, highest_in=10))
    bob.now += DAY
    assert bob.step(see_envelope, fresh, drop) is Sight.REPLAYED


def test_ids_are_kept_until_not_after_and_a_day() -> None:
    """An hour before, the envelope is still known; after, it may be forgotten."""
    _, bob, drop = friends()
    arrival = _arrival(bob, 1)
    bob.step(see_envelope, arrival, drop)
    bob.now = (arrival.not_after + 23) * 3600
    bob.step(seen.forget_old)
    assert bob.look(see_envelope, arrival, drop) is not Sight.NEW
    bob.now = (arrival.not_after + 24) * 3600
    bob.step(seen.forget_old)
    assert bob.look(see_envelope, arrival, drop) is Sight.NEW


def test_the_sets_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood through one drop or of one account evicts its own oldest, never another's."""
    monkeypatch.setattr(seen, "ENVELOPES_PER_DROP_MAX", 20)
    monkeypatch.setattr(seen, "MESSAGES_PER_ACCOUNT_MAX", 20)
    monkeypatch.setattr(seen, "_EVICT", 5)
    alice, bob, drop = friends()
    before = len(bob.ledger.tables[Table.SEEN_ENVELOPES])

    def flood(desk: Desk) -> None:
        for number in range(100):
            row = own_drops.find_drop(desk, drop_reference(drop.drop_hash))
            see_envelope(desk, _arrival(bob, number), row)
            inner_id = number.to_bytes(16, "big")
            assert seen.see_message(desk, alice.own.account_id, inner_id, 0)

    bob.step(flood)
    assert len(bob.ledger.tables[Table.SEEN_ENVELOPES]) <= before + 20
    assert len(bob.ledger.tables[Table.SEEN_MESSAGES]) <= 21
    newest = (99).to_bytes(16, "big")
    assert not bob.step(seen.see_message, alice.own.account_id, newest, 0)
    assert bob.step(seen.see_message, alice.own.account_id, newest, 1)


def test_a_kem_ciphertext_is_remembered_while_its_secret_lives() -> None:
    """Until the erase day it counts as seen; then the secret is gone and the memory may go."""
    _, bob, _ = friends()
    day = int(bob.now // DAY)
    bob.step(seen.see_ciphertext, bytes(32), day + 5)
    assert bob.look(seen.ciphertext_seen, bytes(32))
    assert not bob.look(seen.ciphertext_seen, b"\x01" * 32)
    bob.now += 5 * DAY
    bob.step(seen.forget_old)
    assert not bob.look(seen.ciphertext_seen, bytes(32))
