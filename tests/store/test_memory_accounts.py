"""Accounts and prekeys in memory."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hushpost_store import DeviceRow, OneTimePrekey, Quotas, StandingRecord, errors
from hushpost_store.conformance import DAY, account, device_list, digest
from hushpost_store.memory_accounts import DEVICE_LISTS_MAX, MemoryAccounts, PrekeyShelf

BOB = account("bob", devices=2)


def _prekeys(*numbers: int, expiry_day: int = DAY + 9) -> list[OneTimePrekey]:
    return [OneTimePrekey(b"%d" % n, expiry_day, b"record %d" % n) for n in numbers]


@pytest.fixture
def accounts() -> MemoryAccounts:
    """Give accounts with bob's among them."""
    made = MemoryAccounts(Quotas())
    assert made.create(BOB, taken=())
    return made


def test_an_account_comes_once(accounts: MemoryAccounts) -> None:
    """The same again is no news, another of its id or with a taken route is refused."""
    assert not accounts.create(replace(BOB, created_day=1), taken=())
    with pytest.raises(errors.AccountExists):
        accounts.create(replace(BOB, genesis=b"x"), taken=())
    thief = account("thief")
    with pytest.raises(errors.RouteTaken):
        accounts.create(thief, taken=[thief.devices[0].route])
    twice = replace(thief, devices=thief.devices * 2)
    with pytest.raises(errors.RouteTaken):
        accounts.create(twice, taken=())
    assert accounts.count() == 1
    assert accounts.load(BOB.account_id) == BOB


def test_a_list_opens_and_closes_mailboxes(accounts: MemoryAccounts) -> None:
    """New routes are opened, missing ones closed, and who stays keeps prekeys."""
    stays = BOB.devices[0]
    accounts.shelf(BOB.account_id, stays.device_id).publish(_prekeys(1), None, None, DAY, 9)
    fresh = DeviceRow(b"n" * 16, b"k", b"new route")
    change = accounts.publish(
        BOB.account_id, BOB.device_list.head, device_list("bob", 2), (stays, fresh), taken=()
    )
    assert (change.opened, change.closed) == ((b"new route",), (BOB.devices[1].route,))
    assert accounts.shelf(BOB.account_id, stays.device_id).left(DAY) == 1
    with pytest.raises(errors.DeviceUnknown):
        accounts.shelf(BOB.account_id, BOB.devices[1].device_id)
    again = accounts.publish(BOB.account_id, b"", device_list("bob", 2), (stays, fresh), taken=())
    assert again == ((), ())


def test_only_the_present_head_is_followed(accounts: MemoryAccounts) -> None:
    """A fork and an unknown account are refused; the kept lists are bounded."""
    with pytest.raises(errors.DeviceListConflict):
        accounts.publish(BOB.account_id, b"other", device_list("x", 2), BOB.devices, taken=())
    with pytest.raises(errors.AccountUnknown):
        accounts.publish(b"nobody", b"", device_list("x", 2), (), taken=())
    for version in range(2, DEVICE_LISTS_MAX + 3):
        head = digest(f"bob head {version - 1}")
        accounts.publish(BOB.account_id, head, device_list("bob", version), BOB.devices, taken=())
    kept = accounts.lists(BOB.account_id, 0)
    assert [row.version for row in kept] == list(range(3, DEVICE_LISTS_MAX + 3))
    assert accounts.lists(b"nobody", 0) == ()


def test_a_deleted_account_has_no_prekeys(accounts: MemoryAccounts) -> None:
    """It is returned once, and nothing of it can be taken."""
    taken = accounts.take_prekeys(BOB.account_id, DAY)
    assert taken is not None
    assert [b.device_id for b in taken.bundles] == [d.device_id for d in BOB.devices]
    assert accounts.delete(BOB.account_id) == BOB
    assert accounts.delete(BOB.account_id) is None
    assert accounts.take_prekeys(BOB.account_id, DAY) is None


def test_a_shelf_gives_each_prekey_once_and_none_back() -> None:
    """Taken ids stay taken until their day, whoever publishes them again."""
    shelf = PrekeyShelf()
    seal = StandingRecord(DAY, b"seal")
    assert shelf.publish(_prekeys(1, 2), None, seal, DAY, 2) == 2
    assert [shelf.take(b"d", DAY).one_time for _ in range(3)] == [b"record 1", b"record 2", None]
    assert shelf.publish(_prekeys(1, 2), None, None, DAY, 2) == 0
    assert shelf.take(b"d", DAY).seal == b"seal"
    assert shelf.take(b"d", DAY + 1).seal is None
    with pytest.raises(errors.PrekeysFull):
        shelf.publish(_prekeys(3, 4, 5), None, None, DAY, 2)


def test_expired_prekeys_are_pruned_with_what_remembers_them(accounts: MemoryAccounts) -> None:
    """After their last day records, standing ones and taken ids are gone."""
    shelf = accounts.shelf(BOB.account_id, BOB.devices[0].device_id)
    shelf.publish(_prekeys(1, 2, 3), StandingRecord(DAY + 9, b"s"), None, DAY, 9)
    shelf.take(b"d", DAY)
    assert accounts.prune_prekeys(DAY + 9) == 0
    assert accounts.prune_prekeys(DAY + 10) == 3
    assert (shelf.one_time, shelf.taken, shelf.signed) == ({}, {}, None)
