"""Drops into the own mailbox: whose each is, registered and revoked (addresses.md, 5)."""

from hushpost.engine import errands, own_drops
from hushpost.engine.contact_book import devices_of
from hushpost.engine.errands import ErrandKind
from hushpost.engine.own_drops import DropRow, DropUse
from hushpost_wire.control import DropKind
from hushpost_wire.identifiers import DropHash, drop_reference

from tests.client_lib.engine.people import Person, PostRoom


def test_an_invitation_is_registered_as_a_drop_for_one_envelope() -> None:
    """The link holds a secret whose hash the relay gets; the errand says when."""
    alice = Person("alice", 1)
    room = PostRoom(alice)
    invitation, key = alice.step(own_drops.create_invitation)
    assert alice.look(errands.find_errand, key) is not None
    room.run_errands(alice)
    assert alice.look(errands.find_errand, key) is None
    drop = invitation.drop
    assert room.drops[drop.route][drop.hash()] is DropKind.ONCE
    row = alice.look(own_drops.find_drop, drop.reference())
    assert row == DropRow(drop.hash(), DropUse.INVITATION, created_day=int(alice.now // 86400))
    assert invitation.address == alice.address


def test_knocks_are_open_only_where_the_person_wants_them() -> None:
    """With knocks off no knock drop is registered."""
    alice, bob = Person("alice", 1), Person("bob", 2, knocks_on=False)
    room = PostRoom(alice, bob)
    assert list(room.drops[alice.own.route].values()) == [DropKind.KNOCK]
    assert room.drops[bob.own.route] == {}


def test_revoking_takes_back_all_drops_of_a_contact_and_keeps_their_names() -> None:
    """Mail still queued is recognised afterwards, and a registration under way is called off."""
    alice, bob = Person("alice", 1), Person("bob", 2)
    room = PostRoom(alice, bob)
    room.befriend(alice, bob)
    account = bob.own.account_id
    late = DropRow(DropHash(bytes(32)), DropUse.CONTACT, account)
    alice.step(own_drops.register, late)
    alice.step(own_drops.revoke_drops_of, account)
    kinds = {errand.kind for errand in alice.look(errands.pending)}
    assert kinds == {ErrandKind.REVOKE_DROP}
    room.run_errands(alice)
    assert DropKind.CONTACT not in room.drops[alice.own.route].values()
    (device,) = alice.look(devices_of, account)
    assert device.their_hash is not None
    row = alice.look(own_drops.find_drop, drop_reference(device.their_hash))
    assert row is not None
    assert row.account_id == account


def test_a_reply_drop_belongs_to_whom_it_was_given() -> None:
    """What comes through it is that account's or nothing."""
    alice = Person("alice", 1)
    drop, row = alice.step(own_drops.make_reply_drop, b"a" * 32)
    assert (row.drop_hash, row.use, row.account_id) == (drop.hash(), DropUse.REPLY, b"a" * 32)
    assert drop.route == alice.own.route
