"""Receipts: delayed, batched, and read receipts only where the person allows (content.md, 7)."""

from dataclasses import replace

from hushpost.content import InnerId
from hushpost.engine import conversation, receipts
from hushpost.engine.ledger import Table
from hushpost.engine.own_account import own_account, save_own

from tests.client_lib.engine.people import Person, PostRoom


def friends() -> tuple[Person, Person, PostRoom, bytes]:
    """Give two contacts with nothing owed."""
    alice, bob = Person("alice", 1), Person("bob", 2)
    room = PostRoom(alice, bob)
    room.befriend(alice, bob)
    room.pass_time(6)
    return alice, bob, room, alice.own.account_id


def _id(number: int) -> InnerId:
    return InnerId(number.to_bytes(16, "big"))


def test_a_receipt_is_due_after_one_to_five_seconds_evenly() -> None:
    """Every delay lies in the range, and they spread over it."""
    _, bob, _, account = friends()
    delays: list[float] = []
    for number in range(200):
        bob.ledger.tables[Table.RECEIPTS].clear()
        bob.step(receipts.note_delivered, account, _id(number))
        due = bob.look(receipts.next_due)
        assert due is not None
        delays.append(due - bob.now)
    assert 0.999 <= min(delays) < 1.5
    assert 4.5 < max(delays) <= 5.0


def test_a_receipt_does_not_wait_for_a_clock_that_was_set_back() -> None:
    """Owed while the clock was a day ahead, it goes out at once when the clock is right again."""
    _, bob, _, account = friends()
    bob.now += 86_400
    bob.step(receipts.note_delivered, account, _id(1))
    bob.now -= 86_400
    assert bob.look(receipts.next_due) == bob.now
    bob.step(receipts.post_due)
    assert len(bob.outbox()) == 1
    assert bob.look(receipts.next_due) is None


def test_all_that_wait_for_a_contact_go_together() -> None:
    """When the first is due, one envelope carries them all, and nothing is owed any more."""
    _, bob, _, account = friends()
    for number in range(10):
        bob.step(receipts.note_delivered, account, _id(number))
    due = bob.look(receipts.next_due)
    assert due is not None
    bob.now = due - 0.01
    bob.step(receipts.post_due)
    assert bob.outbox() == []
    bob.now = due + 0.01
    bob.step(receipts.post_due)
    assert len(bob.outbox()) == 1
    assert bob.look(receipts.next_due) is None


def test_more_than_one_receipt_holds_go_in_the_next() -> None:
    """Sixty-four fit; the rest stays owed and follows."""
    _, bob, _, account = friends()
    for number in range(70):
        bob.step(receipts.note_delivered, account, _id(number))
    bob.now += 6
    bob.step(receipts.post_due)
    assert len(bob.ledger.tables[Table.RECEIPTS]) == 6
    bob.step(receipts.post_due)
    assert len(bob.outbox()) == 2


def test_read_takes_the_place_of_delivered_and_not_the_other_way() -> None:
    """One row a message: a read receipt says delivered too."""
    _, bob, _, account = friends()
    bob.step(receipts.note_delivered, account, _id(1))
    assert bob.step(receipts.note_read, account, _id(1))
    bob.step(receipts.note_delivered, account, _id(1))
    ((_, value, _),) = bob.ledger.tables[Table.RECEIPTS].values()
    assert value == b"\x02"


def test_the_person_decides_about_read_receipts() -> None:
    """Off for everybody, and on again for one contact."""
    _, bob, _, account = friends()
    bob.step(lambda desk: save_own(desk, replace(own_account(desk), read_receipts=False)))
    assert not bob.step(receipts.note_read, account, _id(1))
    assert bob.look(receipts.next_due) is None
    bob.step(conversation.allow_read_receipts, account, allowed=True)
    assert bob.step(receipts.note_read, account, _id(1))


def test_nothing_is_receipted_to_who_is_blocked() -> None:
    """What was owed is forgotten with the block."""
    _, bob, _, account = friends()
    bob.step(receipts.note_delivered, account, _id(1))
    ledger = bob.ledger.copy()
    bob.step(conversation.block, account)
    assert bob.look(receipts.next_due) is None
    rows = ledger.tables[Table.RECEIPTS]
    bob.ledger.tables[Table.RECEIPTS] = rows
    bob.now += 6
    bob.step(receipts.post_due)
    assert bob.outbox() == []
