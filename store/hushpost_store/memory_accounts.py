"""Accounts and prekeys of the memory store (docs/spec/store.md, "Accounts", "Prekeys")."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from hushpost_store import errors
from hushpost_store.quotas import Quotas
from hushpost_store.rows import (
    AccountRow,
    DeviceListRow,
    DeviceRow,
    OneTimePrekey,
    PrekeyBundle,
    StandingRecord,
    TakenPrekeys,
)

# A contact who was away for 64 changes of a device list can still follow the chain of hashes.
DEVICE_LISTS_MAX: Final = 64


class RouteChange(NamedTuple):
    """Which mailboxes a new device list opens and closes."""

    opened: tuple[bytes, ...]
    closed: tuple[bytes, ...]


@dataclass(slots=True)
class PrekeyShelf:
    """The prekeys of one device; `taken` maps ids that were handed out to their expiry day."""

    one_time: dict[bytes, OneTimePrekey] = field(default_factory=dict[bytes, OneTimePrekey])
    taken: dict[bytes, int] = field(default_factory=dict[bytes, int])
    signed: StandingRecord | None = None
    seal: StandingRecord | None = None

    def publish(
        self,
        one_time: Sequence[OneTimePrekey],
        signed: StandingRecord | None,
        seal: StandingRecord | None,
        day: int,
        prekeys_max: int,
    ) -> int:
        """Keep what is new; see `PrekeyStore.publish_prekeys`."""
        fresh = {
            prekey.prekey_id: prekey
            for prekey in one_time
            if prekey.prekey_id not in self.one_time and prekey.prekey_id not in self.taken
        }
        added = sum(prekey.expiry_day >= day for prekey in fresh.values())
        if fresh and self.left(day) + added > prekeys_max:
            raise errors.PrekeysFull("the device has as many one-time prekeys as it may")
        self.one_time.update(fresh)
        self.signed = signed or self.signed
        self.seal = seal or self.seal
        return self.left(day)

    def left(self, day: int) -> int:
        """Return how many one-time prekeys can still be handed out."""
        return sum(prekey.expiry_day >= day for prekey in self.one_time.values())

    def take(self, device_id: bytes, day: int, *, one_time: bool = True) -> PrekeyBundle:
        """Hand out one bundle."""
        valid = [key for key, prekey in self.one_time.items() if prekey.expiry_day >= day]
        taken = self.one_time.pop(min(valid)) if valid and one_time else None
        if taken is not None:
            self.taken[taken.prekey_id] = taken.expiry_day
        return PrekeyBundle(
            device_id=device_id,
            signed=_valid(self.signed, day),
            seal=_valid(self.seal, day),
            one_time=taken.record if taken is not None else None,
            left=len(valid) - (taken is not None),
        )

    def prune(self, day: int) -> int:
        """Remove what expired; returns how many records went."""
        expired = [key for key, prekey in self.one_time.items() if prekey.expiry_day < day]
        for key in expired:
            del self.one_time[key]
        self.taken = {key: expiry for key, expiry in self.taken.items() if expiry >= day}
        standing = [r for r in (self.signed, self.seal) if r is not None and r.expiry_day < day]
        self.signed = None if self.signed in standing else self.signed
        self.seal = None if self.seal in standing else self.seal
        return len(expired) + len(standing)


@dataclass(slots=True)
class _Account:
    row: AccountRow
    lists: list[DeviceListRow]
    shelves: dict[bytes, PrekeyShelf]


class MemoryAccounts:
    """Accounts by id; knows routes only as names."""

    def __init__(self, quotas: Quotas) -> None:
        self._quotas = quotas
        self._accounts: dict[bytes, _Account] = {}

    def count(self) -> int:
        """Return how many accounts there are."""
        return len(self._accounts)

    def create(self, account: AccountRow, taken: Collection[bytes]) -> bool:
        """Keep a new account; False where the very same is here already."""
        known = self._accounts.get(account.account_id)
        if known is not None:
            if replace(account, created_day=known.row.created_day) == known.row:
                return False
            raise errors.AccountExists("an account of this id exists and differs")
        _require_free([device.route for device in account.devices], taken)
        shelves = {device.device_id: PrekeyShelf() for device in account.devices}
        self._accounts[account.account_id] = _Account(account, [account.device_list], shelves)
        return True

    def load(self, account_id: bytes) -> AccountRow | None:
        """Return an account as it stands."""
        account = self._accounts.get(account_id)
        return account.row if account is not None else None

    def publish(
        self,
        account_id: bytes,
        expected_head: bytes,
        device_list: DeviceListRow,
        devices: tuple[DeviceRow, ...],
        taken: Collection[bytes],
    ) -> RouteChange:
        """Swap the device list; see `AccountStore.publish_device_list`."""
        account = self._accounts.get(account_id)
        if account is None:
            raise errors.AccountUnknown("no account of this id")
        if account.row.device_list == device_list and account.row.devices == devices:
            return RouteChange((), ())
        if account.row.device_list.head != expected_head:
            raise errors.DeviceListConflict("the stored device list is another one")
        before = {device.route for device in account.row.devices}
        after = {device.route for device in devices}
        change = RouteChange(tuple(sorted(after - before)), tuple(sorted(before - after)))
        _require_free(change.opened, taken)
        account.row = replace(account.row, device_list=device_list, devices=devices)
        account.lists = [*account.lists, device_list][-DEVICE_LISTS_MAX:]
        account.shelves = {
            device.device_id: account.shelves.get(device.device_id, PrekeyShelf())
            for device in devices
        }
        return change

    def lists(self, account_id: bytes, after_version: int) -> tuple[DeviceListRow, ...]:
        """Return the lists kept of a later version."""
        account = self._accounts.get(account_id)
        lists = account.lists if account is not None else []
        return tuple(row for row in lists if row.version > after_version)

    def delete(self, account_id: bytes) -> AccountRow | None:
        """Remove an account and return what it was."""
        account = self._accounts.pop(account_id, None)
        return account.row if account is not None else None

    def shelf(self, account_id: bytes, device_id: bytes) -> PrekeyShelf:
        """Return the prekeys of a device. Raises DeviceUnknown."""
        account = self._accounts.get(account_id)
        shelf = account.shelves.get(device_id) if account is not None else None
        if shelf is None:
            raise errors.DeviceUnknown("the account has no device of this id")
        return shelf

    def take_prekeys(
        self, account_id: bytes, day: int, *, one_time: bool = True
    ) -> TakenPrekeys | None:
        """Hand out a bundle of every device; see `PrekeyStore.take_prekeys`."""
        account = self._accounts.get(account_id)
        if account is None:
            return None
        bundles = (
            account.shelves[device.device_id].take(device.device_id, day, one_time=one_time)
            for device in account.row.devices
        )
        return TakenPrekeys(account.row.genesis, account.row.device_list, tuple(bundles))

    def prune_prekeys(self, day: int) -> int:
        """Remove expired prekeys of every device."""
        return sum(
            shelf.prune(day)
            for account in self._accounts.values()
            for shelf in account.shelves.values()
        )


def _valid(standing: StandingRecord | None, day: int) -> bytes | None:
    return standing.record if standing is not None and standing.expiry_day >= day else None


def _require_free(routes: Sequence[bytes], taken: Collection[bytes]) -> None:
    if len(set(routes)) != len(routes) or any(route in taken for route in routes):
        raise errors.RouteTaken("a route names a mailbox already: draw another one")
