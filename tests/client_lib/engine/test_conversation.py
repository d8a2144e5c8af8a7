"""What a person decides about a contact (docs/spec/content.md, 3)."""

from hushpost.contacts import ContactStage
from hushpost.engine import conversation
from hushpost.engine.contact_book import find_contact
from hushpost.engine.ledger import Table

from tests.client_lib.engine.people import HOST, Person, PostRoom, add

HOSTS = frozenset({HOST})


def _friends() -> tuple[Person, Person, PostRoom]:
    alice, bob = Person("alice", 1), Person("bob", 2)
    room = PostRoom(alice, bob)
    room.befriend(alice, bob)
    return alice, bob, room


def test_a_block_takes_everything_back() -> None:
    """Outgoing mail is refused, sessions and owed receipts are gone, the drop is revoked."""
    alice, bob, room = _friends()
    message = alice.send(bob, "on its way")
    for table in (Table.HELD, Table.PARTS):
        (entry,) = alice.outbox()
        alice.ledger.put(table, b"k", b"", lookup=entry.device_key)
    alice.ledger.put(Table.RECEIPTS, b"r", b"\x01", lookup=bob.own.account_id)
    alice.step(conversation.block, bob.own.account_id)
    assert (alice.outbox(), alice.state(message)) == ([], "refused")
    for table in (Table.SESSIONS, Table.HELD, Table.PARTS, Table.RECEIPTS):
        assert alice.ledger.tables[table] == {}
    assert alice.contact(bob).stage is ContactStage.BLOCKED
    room.settle()
    answer = bob.send(alice, "hello?")
    room.settle()
    assert bob.state(answer) == "refused"


def test_a_removed_contact_is_forgotten() -> None:
    """No row is left; the drop is revoked too."""
    alice, bob, room = _friends()
    alice.step(conversation.remove, bob.own.account_id)
    assert alice.look(find_contact, bob.own.account_id) is None
    room.settle()
    answer = bob.send(alice, "hello?")
    room.settle()
    assert bob.state(answer) == "refused"


def test_marks_are_kept() -> None:
    """Verified and read receipts are the person's and stay until changed."""
    alice, bob, _ = _friends()
    account = bob.own.account_id
    alice.step(conversation.mark_verified, account, verified=True)
    alice.step(conversation.allow_read_receipts, account, allowed=False)
    assert alice.public(bob).verified
    assert alice.contact(bob).read_receipts is False
    alice.step(conversation.mark_verified, account, verified=False)
    assert not alice.public(bob).verified


def test_preparing_a_contact_finds_it_or_accepts_who_knocked() -> None:
    """A known contact is given back, a knock is accepted, a stranger is to be fetched."""
    alice, bob = Person("alice", 1), Person("bob", 2)
    room = PostRoom(alice, bob)
    assert bob.look(conversation.prepare_contact, alice.address, trusted=HOSTS) is None
    add(room, alice, bob)
    alice.send(bob, "hi")
    room.settle()
    row = bob.step(conversation.prepare_contact, alice.address, trusted=HOSTS)
    assert row is not None
    assert row.stage is ContactStage.ACCEPTED
    assert bob.look(conversation.prepare_contact, alice.address, trusted=HOSTS) == row
    assert bob.step(conversation.seal_typing, alice.own.account_id, began=True) == []
    room.settle()
    assert len(bob.step(conversation.seal_typing, alice.own.account_id, began=True)) == 1


def test_nothing_is_typed_past_mail_that_waits() -> None:
    """A notice would overtake a text that no relay took yet, and its answers outdate the text."""
    alice, bob, room = _friends()
    alice.send(bob, "waits")
    assert alice.step(conversation.seal_typing, bob.own.account_id, began=True) == []
    room.settle()
    assert len(alice.step(conversation.seal_typing, bob.own.account_id, began=True)) == 1
