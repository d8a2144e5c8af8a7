"""The outbox: sealed once, the same bytes for ever, refusals followed (content.md, 5 and 7)."""

from dataclasses import replace

import pytest
from hushpost.content import HEADER_BYTES, Typing
from hushpost.engine import outbox
from hushpost.engine.contact_book import PostPath, device_row, save_device, session_book
from hushpost.engine.desk import Desk
from hushpost.engine.outbox import Letter, Outcome
from hushpost.engine.texts import new_inner_id
from hushpost_wire.frames import RefusalReason
from hushpost_wire.identifiers import DropSecret, envelope_id
from hushpost_wire.ttl import TtlClass

from tests.client_lib.engine.people import DAY, Person, PostRoom, add, only_device


def friends() -> tuple[Person, Person, PostRoom, bytes]:
    """Give two contacts, the room and the key of the other's device."""
    alice, bob = Person("alice", 1), Person("bob", 2)
    room = PostRoom(alice, bob)
    room.befriend(alice, bob)
    return alice, bob, room, only_device(alice, bob)


def test_an_entry_is_sealed_and_stored_in_one_step() -> None:
    """Envelope, counter and ratchet move together; the id is that of the bytes."""
    alice, bob, _, key = friends()
    before = alice.look(device_row, key)
    book = alice.look(session_book, before)
    alice.send(bob, "hello")
    (entry,) = alice.outbox()
    after = alice.look(device_row, key)
    assert after.next_out == before.next_out + 1 == entry.stream + 1
    assert alice.look(session_book, after) != book
    assert entry.envelope_id == envelope_id(entry.envelope)
    assert alice.look(outbox.find_entry, entry.key) == entry
    assert "hello" not in repr(entry)
    assert HEADER_BYTES < len(entry.envelope) == 4096


def test_two_seals_of_one_text_have_nothing_in_common() -> None:
    """The same words under the same id make other bytes, also after a roll-back of the state."""
    alice, bob, _, _ = friends()
    ledger = alice.ledger
    alice.send(bob, "same")
    (one,) = alice.outbox()
    alice.ledger = ledger
    alice.send(bob, "same")
    (two,) = alice.outbox()
    assert one.envelope[:32] != two.envelope[:32]
    assert one.envelope[100:200] != two.envelope[100:200]


@pytest.mark.parametrize(
    "reason", [RefusalReason.FULL, RefusalReason.RETRY, RefusalReason.SLOW_DOWN]
)
def test_a_hint_is_honoured_with_the_same_bytes(reason: RefusalReason) -> None:
    """Full, retry and slow down put the same envelope off, as long as the relay says."""
    alice, bob, _, _ = friends()
    alice.send(bob, "hello")
    (entry,) = alice.outbox()
    assert alice.step(outbox.refused, entry, reason, 30) is Outcome.AGAIN
    (later,) = alice.outbox()
    assert later.not_before == int(alice.now) + 30
    assert later.envelope == entry.envelope


def test_what_cannot_be_mended_is_refused() -> None:
    """A relay that finds the envelope itself wrong will never take it."""
    alice, bob, _, _ = friends()
    alice.send(bob, "hello")
    (entry,) = alice.outbox()
    assert alice.step(outbox.refused, entry, RefusalReason.BAD_ENVELOPE, 0) is Outcome.GONE
    assert alice.outbox() == []


def test_without_a_drop_a_better_one_is_tried_and_then_none() -> None:
    """NO_DROP moves the same envelope to the drop that replaced its own; else it is gone."""
    alice, bob, _, key = friends()
    alice.send(bob, "hello")
    (entry,) = alice.outbox()
    better = DropSecret(b"b" * 32)

    def replace_drop(desk: Desk) -> None:
        row = device_row(desk, key)
        save_device(desk, replace(row, path=PostPath.CONTACT, path_secret=better))

    alice.step(replace_drop)
    assert alice.step(outbox.refused, entry, RefusalReason.NO_DROP, 0) is Outcome.AGAIN
    (moved,) = alice.outbox()
    assert (moved.secret, moved.envelope) == (better, entry.envelope)
    assert alice.step(outbox.refused, moved, RefusalReason.NO_DROP, 0) is Outcome.GONE


def test_a_refusal_after_the_time_is_final() -> None:
    """An envelope whose not_after has passed is not tried again, whatever the reason."""
    alice, bob, _, _ = friends()
    alice.send(bob, "hello")
    (entry,) = alice.outbox()
    alice.now += 16 * DAY
    assert alice.step(outbox.refused, entry, RefusalReason.FULL, 1) is Outcome.EXPIRED


def test_a_device_without_a_way_is_not_sealed_to() -> None:
    """Sealing without a drop is the caller's mistake."""
    alice, bob, _, key = friends()

    def seal(desk: Desk) -> None:
        row = replace(device_row(desk, key), path_secret=None)
        save_device(desk, row)
        outbox.post(desk, row, Letter(Typing(began=True), new_inner_id(desk)))

    with pytest.raises(ValueError, match="without a path"):
        alice.step(seal)
    assert bob.outbox() == []


def test_typing_is_sealed_beside_the_outbox() -> None:
    """A typing notice takes no place in stream or outbox, and expires within the hour."""
    alice, bob, _, key = friends()

    def seal(desk: Desk) -> outbox.OutboxEntry:
        return outbox.seal_typing(desk, device_row(desk, key), new_inner_id(desk), began=True)

    entry = alice.step(seal)
    assert (entry.stream, entry.ttl_class, alice.outbox()) == (0, TtlClass.EPHEMERAL, [])
    assert entry.not_after - int(alice.now // 3600) <= 2
    assert bob.outbox() == []


def test_what_waits_for_a_drop_of_ours_is_let_go_once_it_is_registered() -> None:
    """Releasing an entry that is gone is no error."""
    alice = Person("alice", 1)
    bob = Person("bob", 2)
    room = PostRoom(alice, bob)

    add(room, alice, bob)
    alice.send(bob, "hi")
    (entry,) = alice.outbox()
    assert entry.waits_for is not None
    alice.step(outbox.release, (entry.key, b"gone"))
    (free,) = alice.outbox()
    assert free.waits_for is None
    removed = alice.step(outbox.remove_contact_mail, entry.device_key)
    assert [item.key for item in removed] == [entry.key]
    assert alice.outbox() == []
