"""What is due by the clock is done in time, and hourly and daily work once."""

from hushpost.content import InnerId
from hushpost.engine import deadlines, errands, receipts
from hushpost.engine.errands import ErrandKind
from hushpost.engine.ledger import Table

from tests.client_lib.engine.people import DAY, Person, PostRoom


def test_the_next_deadline_is_the_earliest() -> None:
    """A full hour at the latest, an owed receipt before that."""
    alice, bob = Person("alice", 1), Person("bob", 2)
    room = PostRoom(alice, bob)
    room.befriend(alice, bob)
    room.pass_time(6)
    hour = (int(alice.now // 3600) + 1) * 3600
    assert alice.look(deadlines.next_deadline) == hour
    alice.step(receipts.note_delivered, bob.own.account_id, InnerId(bytes(16)))
    due = alice.look(receipts.next_due)
    assert alice.look(deadlines.next_deadline) == due
    alice.now = hour
    assert alice.look(deadlines.next_deadline) == hour
    alice.step(deadlines.handle_deadline)
    assert alice.look(deadlines.next_deadline) > hour


def test_daily_work_is_done_daily() -> None:
    """A week on, prekeys are rotated, the list is looked after and old ids are forgotten."""
    alice, bob = Person("alice", 1), Person("bob", 2)
    room = PostRoom(alice, bob)
    room.befriend(alice, bob)
    alice.step(deadlines.handle_deadline)
    assert alice.look(errands.pending) == []
    assert alice.ledger.tables[Table.SEEN_ENVELOPES] != {}
    alice.now += 21 * DAY
    alice.step(deadlines.handle_deadline)
    kinds = {errand.kind for errand in alice.look(errands.pending)}
    assert kinds == {ErrandKind.PUBLISH_PREKEYS, ErrandKind.PUBLISH_LIST}
    assert alice.ledger.tables[Table.SEEN_ENVELOPES] == {}
    assert alice.own.view.version == 2
    before = alice.own
    alice.step(deadlines.handle_deadline)
    assert alice.own == before
