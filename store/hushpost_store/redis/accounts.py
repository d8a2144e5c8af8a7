"""Accounts and prekeys, each account in one slot and its mailboxes in slots of their own.

What touches an account and its mailboxes is a sequence of steps that can each be taken again:
a mailbox is claimed before the account names it and released after it no longer does, so that a
process that dies in between leaves at most a mailbox of nobody, which the sweep removes.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from hushpost_store import errors
from hushpost_store.memory_accounts import DEVICE_LISTS_MAX
from hushpost_store.quotas import Quotas
from hushpost_store.redis import answers
from hushpost_store.redis.figures import Figures
from hushpost_store.redis.keys import account_keys, mailbox_keys
from hushpost_store.redis.shards import Shards
from hushpost_store.rows import (
    AccountRow,
    DeviceListRow,
    DeviceRow,
    OneTimePrekey,
    StandingRecord,
    TakenPrekeys,
)

# A mailbox is claimed before its account is made or its device list changed; longer than that
# takes, also where a slot moves meanwhile.
ORPHAN_SECONDS: Final = 60.0


class Accounts:
    """Every operation raises StoreFault where Redis is away; it may then be asked again."""

    def __init__(self, shards: Shards, quotas: Quotas, figures: Figures) -> None:
        self._shards = shards
        self._quotas = quotas
        self._figures = figures
        # Mailboxes of nobody, and since when this process has seen them so.
        self._orphans: dict[bytes, float] = {}

    async def create(self, account: AccountRow) -> None:
        """See `AccountStore.create_account`."""
        claimed = await self._claim(account.account_id, account.devices)
        listed = account.device_list
        answer = await self._shards.run(
            "create_account",
            account_keys(account.account_id),
            account.genesis,
            account.created_day,
            listed.version,
            listed.head,
            listed.record,
            *_flat(account.devices),
        )
        created = answers.number(answer)
        if created < 0:
            await self._release(account.account_id, claimed)
            raise errors.AccountExists("an account of this id exists and differs")
        self._figures.accounts += created

    async def load(self, account_id: bytes, *, even_deleting: bool = False) -> AccountRow | None:
        """See `AccountStore.load_account`; `even_deleting` for who finishes a deletion."""
        answer = await self._shards.run(
            "load_account", account_keys(account_id), int(even_deleting)
        )
        return answers.account_row(account_id, answer)

    async def publish(
        self,
        account_id: bytes,
        expected_head: bytes,
        device_list: DeviceListRow,
        devices: tuple[DeviceRow, ...],
    ) -> None:
        """See `AccountStore.publish_device_list`."""
        before = await self.load(account_id)
        if before is None:
            raise errors.AccountUnknown("no account of this id")
        claimed = await self._claim(account_id, devices)
        answer = await self._shards.run(
            "publish_list",
            account_keys(account_id),
            expected_head,
            device_list.version,
            device_list.head,
            device_list.record,
            DEVICE_LISTS_MAX,
            *_flat(devices),
        )
        outcome = answers.number(answer)
        if outcome < 0:
            await self._release(account_id, claimed)
            if outcome == -1:
                raise errors.AccountUnknown("no account of this id")
            raise errors.DeviceListConflict("the stored device list is another one")
        if outcome:
            self._figures.on_deleted(0)
            kept = {device.route for device in devices}
            gone = [device for device in before.devices if device.route not in kept]
            await self._release(account_id, gone)

    async def lists(self, account_id: bytes, after_version: int) -> tuple[DeviceListRow, ...]:
        """See `AccountStore.device_lists`."""
        kept = answers.device_lists(await self._shards.run("load_lists", account_keys(account_id)))
        return tuple(row for row in kept if row.version > after_version)

    async def delete(self, account_id: bytes) -> bool:
        """See `AccountStore.delete_account`."""
        account = await self.load(account_id, even_deleting=True)
        keys = account_keys(account_id)
        if account is None or not answers.number(await self._shards.run("mark_deleting", keys)):
            return False
        await self._release(account_id, account.devices)
        gone = answers.number(await self._shards.run("remove_account", keys))
        self._figures.accounts -= int(gone > 0)
        self._figures.on_deleted(0)
        return True

    async def publish_prekeys(
        self,
        account_id: bytes,
        device_id: bytes,
        *,
        one_time: Sequence[OneTimePrekey],
        signed: StandingRecord | None,
        seal: StandingRecord | None,
        day: int,
    ) -> int:
        """See `PrekeyStore`."""
        records: list[bytes | int] = []
        for prekey in one_time:
            records += (prekey.prekey_id, prekey.expiry_day, prekey.record)
        answer = await self._shards.run(
            "publish_prekeys",
            account_keys(account_id),
            device_id,
            day,
            self._quotas.prekeys_max,
            *_standing(signed),
            *_standing(seal),
            *records,
        )
        left = answers.number(answer)
        if left == -1:
            raise errors.DeviceUnknown("the account has no device of this id")
        if left == -2:
            raise errors.PrekeysFull("the device has as many one-time prekeys as it may")
        return left

    async def take_prekeys(
        self, account_id: bytes, day: int, *, one_time: bool = True
    ) -> TakenPrekeys | None:
        """See `PrekeyStore`."""
        answer = await self._shards.run(
            "take_prekeys", account_keys(account_id), day, int(one_time)
        )
        taken = answers.taken_prekeys(answer)
        if taken is not None and any(bundle.one_time for bundle in taken.bundles):
            self._figures.on_deleted(0)
        return taken

    async def count_prekeys(self, account_id: bytes, device_id: bytes, day: int) -> int:
        """See `PrekeyStore`."""
        answer = await self._shards.run("count_prekeys", account_keys(account_id), device_id, day)
        left = answers.number(answer)
        if left < 0:
            raise errors.DeviceUnknown("the account has no device of this id")
        return left

    async def prune_prekeys(self, account_id: bytes, day: int) -> int:
        """Remove what is past its day; returns how many records went."""
        answer = await self._shards.run("prune_prekeys", account_keys(account_id), day)
        if answers.number(answer):
            self._figures.on_deleted(0)
        return answers.number(answer)

    async def release_orphan(self, route: bytes, owner: bytes) -> bool:
        """Remove a mailbox that its owner's account has not named for a while; whether it did."""
        account_id, device_id = owner[:-_DEVICE_ID_BYTES], owner[-_DEVICE_ID_BYTES:]
        account = await self.load(account_id, even_deleting=True)
        device = account.device(device_id) if account is not None else None
        if device is not None and device.route == route:
            self._orphans.pop(route, None)
            return False
        now = time.monotonic()
        if now - self._orphans.setdefault(route, now) < ORPHAN_SECONDS:
            return False  # its account may be about to be made
        del self._orphans[route]
        await self._shards.run("release", mailbox_keys(route), owner)
        return True

    async def _claim(self, account_id: bytes, devices: Sequence[DeviceRow]) -> list[DeviceRow]:
        """Make the mailboxes that are not there yet; none where a route is another's."""
        claimed: list[DeviceRow] = []
        for device in devices:
            answer = await self._shards.run(
                "claim", mailbox_keys(device.route), _owner(account_id, device)
            )
            if answers.number(answer) < 0:
                await self._release(account_id, claimed)
                raise errors.RouteTaken("a route names a mailbox already: draw another one")
            if answers.number(answer):
                claimed.append(device)
        return claimed

    async def _release(self, account_id: bytes, devices: Sequence[DeviceRow]) -> None:
        for device in devices:
            answer = await self._shards.run(
                "release", mailbox_keys(device.route), _owner(account_id, device)
            )
            self._figures.count_out(*answers.numbers(answer))


_DEVICE_ID_BYTES: Final = 16


def _owner(account_id: bytes, device: DeviceRow) -> bytes:
    return account_id + device.device_id


def _flat(devices: Sequence[DeviceRow]) -> list[bytes]:
    return [part for row in devices for part in (row.device_id, row.device_key, row.route)]


def _standing(record: StandingRecord | None) -> tuple[bytes | int, bytes]:
    return (b"", b"") if record is None else (record.expiry_day, record.record)
