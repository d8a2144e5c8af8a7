"""After a login the relay has what it needs, also when it was restored (wire.md, 6.2)."""

from dataclasses import replace

import pytest
from hushpost.engine import conversation, errands, own_drops
from hushpost.engine.errands import ErrandKind
from hushpost.engine.relay_greeting import Greeting, greeted
from hushpost.events import AlarmKind, SafetyAlarm
from hushpost_wire.identifiers import Route

from tests.client_lib.engine.people import DAY, Person, PostRoom

FIRST, SECOND = b"1" * 16, b"2" * 16


def _setup() -> tuple[Person, Person, PostRoom, Greeting]:
    alice, bob = Person("alice", 1), Person("bob", 2)
    room = PostRoom(alice, bob)
    room.befriend(alice, bob)
    alice.events()
    greeting = Greeting(alice.own.route, 100, 1, FIRST, int(alice.now // 3600))
    alice.step(greeted, greeting)
    assert alice.look(errands.pending) == []
    return alice, bob, room, greeting


def test_a_restored_relay_hears_everything_again() -> None:
    """Live drops, prekeys and recent revocations are repeated; what has served is not."""
    alice, bob, room, greeting = _setup()
    invitation, _ = alice.step(own_drops.create_invitation)
    room.run_errands(alice)
    drops = dict(room.drops[alice.own.route])
    spent = [digest for digest in drops if digest in room.used]
    assert len(spent) == 1
    room.drops[alice.own.route].clear()
    alice.step(greeted, replace(greeting, generation=SECOND))
    kinds = {errand.kind for errand in alice.look(errands.pending)}
    assert kinds == {ErrandKind.REGISTER_DROP, ErrandKind.PUBLISH_PREKEYS}
    room.run_errands(alice)
    expected = {digest: kind for digest, kind in drops.items() if digest not in spent}
    assert room.drops[alice.own.route] == expected
    assert invitation.drop.hash() in expected
    assert bob.own.account_id
    alice.step(greeted, replace(greeting, generation=SECOND))
    assert alice.look(errands.pending) == []


def test_a_block_is_repeated_for_37_days() -> None:
    """A restored relay forgets revocations; a blocked contact must stay out."""
    alice, bob, room, greeting = _setup()
    alice.step(conversation.block, bob.own.account_id)
    room.run_errands(alice)
    alice.step(greeted, replace(greeting, generation=SECOND))
    kinds = [errand.kind for errand in alice.look(errands.pending)]
    assert ErrandKind.REVOKE_DROP in kinds
    room.run_errands(alice)
    alice.now += 38 * DAY
    alice.step(greeted, greeting)
    kinds = [errand.kind for errand in alice.look(errands.pending)]
    assert ErrandKind.REVOKE_DROP not in kinds


def test_an_old_invitation_is_not_brought_to_life() -> None:
    """What the relay would have forgotten by itself stays forgotten."""
    alice, _, room, greeting = _setup()
    invitation, _ = alice.step(own_drops.create_invitation)
    room.run_errands(alice)
    alice.now += 31 * DAY
    alice.step(greeted, replace(greeting, generation=SECOND))
    subjects = [errand.subject for errand in alice.look(errands.pending)]
    assert invitation.drop.hash() not in subjects


@pytest.mark.parametrize(("version", "kinds"), [(0, [ErrandKind.PUBLISH_LIST]), (1, [])])
def test_a_relay_behind_gets_the_newest_list(version: int, kinds: list[ErrandKind]) -> None:
    """A list that the relay lacks is published; one that it has is not."""
    alice, _, _, greeting = _setup()
    alice.step(greeted, replace(greeting, device_list_version=version))
    assert [errand.kind for errand in alice.look(errands.pending)] == kinds


def test_what_we_never_made_is_an_alarm() -> None:
    """A newer list of ours, and another mailbox than ours, are told to the person."""
    alice, _, _, greeting = _setup()
    alice.step(greeted, replace(greeting, device_list_version=9, route=Route(bytes(16))))
    alarms = {event.kind for event in alice.events() if isinstance(event, SafetyAlarm)}
    assert alarms == {AlarmKind.OWN_LIST_FORKED, AlarmKind.ALTERED}


def test_few_prekeys_are_filled_up() -> None:
    """The welcome says how many are left."""
    alice, _, room, greeting = _setup()
    alice.step(greeted, replace(greeting, prekeys_left=3))
    room.run_errands(alice)
    assert len(room.accounts[alice.own.account_id].one_time) >= 190
