"""Keys a relay serves: one defect anywhere refuses them all (docs/spec/content.md, 3 and 8)."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hushpost.contacts import ContactStage
from hushpost.engine import peer_keys
from hushpost.engine.contact_book import PostPath, contact_row, devices_of, save_contact
from hushpost.engine.desk import Desk
from hushpost.engine.peer_keys import BundleAnswer, KeysAnswer
from hushpost.engine.peer_lists import KeysRejected
from hushpost.events import AlarmKind

from tests.client_lib.engine.people import DAY, HOST, START, Person, PostRoom, add

TODAY = int(START // DAY)


@pytest.fixture(scope="module")
def served() -> tuple[Person, KeysAnswer, KeysAnswer]:
    """Give Bob, his keys as served, and Mallory's."""
    bob, mallory = Person("bob", 2), Person("mallory", 3)
    room = PostRoom(bob, mallory)
    return bob, room.keys(bob), room.keys(mallory)


def _read(bob: Person, answer: KeysAnswer, today: int = TODAY) -> int:
    row, bundles = peer_keys.read_keys(answer, bob.own.account_id, HOST, known=None, today=today)
    assert row.stage is ContactStage.NEW
    return len(bundles)


def test_honest_keys_make_a_contact(served: tuple[Person, KeysAnswer, KeysAnswer]) -> None:
    """With and without a one-time record the bundle is good."""
    bob, keys, _ = served
    assert _read(bob, keys) == 1
    (bundle,) = keys.bundles
    assert _read(bob, replace(keys, bundles=(replace(bundle, one_time=None),))) == 1


DEFECTS: dict[str, Callable[[BundleAnswer, BundleAnswer], BundleAnswer]] = {
    "foreign device": lambda own, other: replace(own, device_id=other.device_id),
    "foreign signed prekey": lambda own, other: replace(own, signed=other.signed),
    "foreign seal record": lambda own, other: replace(own, seal=other.seal),
    "foreign one-time prekey": lambda own, other: replace(own, one_time=other.one_time),
    "one-time for signed": lambda own, _: replace(own, signed=own.one_time or b""),
    "signed for one-time": lambda own, _: replace(own, one_time=own.signed),
    "flipped signature": lambda own, _: replace(own, signed=own.signed[:-1] + b"\x00"),
    "cut short": lambda own, _: replace(own, seal=own.seal[:-1]),
}


@pytest.mark.parametrize("defect", DEFECTS.values(), ids=DEFECTS)
def test_keys_that_no_listed_device_signed_are_foreign(
    served: tuple[Person, KeysAnswer, KeysAnswer],
    defect: Callable[[BundleAnswer, BundleAnswer], BundleAnswer],
) -> None:
    """Each defect is reported as foreign prekeys, and no contact is made."""
    bob, keys, foreign = served
    bundle = defect(keys.bundles[0], foreign.bundles[0])
    with pytest.raises(KeysRejected, match="not used") as caught:
        _read(bob, replace(keys, bundles=(bundle,)))
    assert caught.value.kind is AlarmKind.FOREIGN_PREKEYS


def test_keys_past_their_day_are_refused(
    served: tuple[Person, KeysAnswer, KeysAnswer],
) -> None:
    """A relay that serves expired keys is refused: their secrets may be gone or stolen."""
    bob, keys, _ = served
    with pytest.raises(KeysRejected):
        _read(bob, keys, TODAY + 22)


def test_a_kept_bundle_serves_until_it_expires() -> None:
    """Verified again when it is used: after three weeks it is none."""
    alice, bob = Person("alice", 1), Person("bob", 2)
    room = PostRoom(alice, bob)
    contact = add(room, alice, bob)
    (device,) = alice.look(devices_of, bob.own.account_id)
    assert device.path is PostPath.KNOCK
    assert alice.look(peer_keys.kept_bundle, contact, device) is not None
    alice.now += 22 * DAY
    assert alice.look(peer_keys.kept_bundle, contact, device) is None
    assert alice.look(peer_keys.kept_bundle, contact, replace(device, bundle=None)) is None


def test_fresh_keys_of_a_contact_keep_what_is_known_of_it() -> None:
    """Name, stage and verified mark stay; only the lists move on."""
    alice, bob = Person("alice", 1), Person("bob", 2)
    room = PostRoom(alice, bob)
    add(room, alice, bob)

    def mark(desk: Desk) -> None:
        row = contact_row(desk, bob.own.account_id)
        save_contact(desk, replace(row, verified=True, name="bob"))

    alice.step(mark)
    known = alice.contact(bob)
    row, _ = peer_keys.read_keys(room.keys(bob), bob.own.account_id, HOST, known=known, today=TODAY)
    assert row == known
