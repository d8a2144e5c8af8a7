"""Accounts and prekeys, each account in one slot and its mailboxes in slots of their own.

What touches an account and its mailboxes is a sequence of steps that can each be taken again (see
"Across slots"): a mailbox is claimed before the account names it and released after it no longer
does, so that a process that dies in between leaves at most a mailbox of nobody, which the sweep
removes. Other relays do the same at once: so a mailbox is released only as it was before the
account was looked at, and claimed once more after the account names it.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final

from hushpost_store import errors
from hushpost_store.memory_accounts import DEVICE_LISTS_MAX
from hushpost_store.quotas import Quotas
from hushpost_store.redis import answers
from hushpost_store.redis.command import Answer
from hushpost_store.redis.durable_run import run_durably
from hushpost_store.redis.figures import Figures
from hushpost_store.redis.keys import account_keys, mailbox_keys
from hushpost_store.redis.layout import CLAIM_BYTES, OWNER_BYTES
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
# Whoever claims a mailbox while it is released claims it twice at most: of so many at once the last
# ones may leave it to the sweep.
RELEASES_MAX: Final = 8


class Accounts:
    """Every operation raises StoreFault where Redis is away; it may then be asked again."""

    def __init__(self, shards: Shards, quotas: Quotas, figures: Figures) -> None:
        self._shards = shards
        self._quotas = quotas
        self._figures = figures
        # Mailboxes of nobody, and since when each sweep of this process has seen them so.
        self._orphans: dict[bytes, float] = {}
        self._orphans_seen: dict[bytes, float] = {}

    async def create(self, account: AccountRow) -> None:
        """See `AccountStore.create_account`."""
        try:
            claimed = await self._claim(account.account_id, account.devices)
        except errors.RouteTaken:
            # Told only where it is all that is wrong.
            known = await self.load(account.account_id)
            if known is not None and known != account:
                raise errors.AccountExists(_EXISTS) from None
            raise
        listed = account.device_list
        answer = await self._run_durably(
            "create_account",
            account.account_id,
            account.genesis,
            account.created_day,
            listed.version,
            listed.head,
            listed.record,
            *_flat(account.devices),
        )
        created = answers.number(answer)
        if created < 0:
            await self._release_unnamed(account.account_id, claimed)
            raise errors.AccountExists(_EXISTS)
        await self._claim(account.account_id, account.devices)
        self._figures.count_accounts(created)

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
        is_there = before.device_list == device_list and before.devices == devices
        if before.device_list.head != expected_head and not is_there:
            raise errors.DeviceListConflict(_CONFLICT)  # before a route is found taken, or claimed
        claimed = await self._claim(account_id, devices)
        answer = await self._run_durably(
            "publish_list",
            account_id,
            expected_head,
            device_list.version,
            device_list.head,
            device_list.record,
            DEVICE_LISTS_MAX,
            *_flat(devices),
        )
        outcome = answers.number(answer)
        if outcome < 0:
            await self._release_unnamed(account_id, claimed)
            if outcome == -1:
                raise errors.AccountUnknown("no account of this id")
            raise errors.DeviceListConflict(_CONFLICT)
        await self._claim(account_id, devices)
        # Also where the list was there already: who published it may have died before this.
        kept = {device.route for device in devices}
        gone = [device for device in before.devices if device.route not in kept]
        if outcome:
            self._figures.on_deleted(0)
        await self._release_unnamed(account_id, gone)

    async def lists(self, account_id: bytes, after_version: int) -> tuple[DeviceListRow, ...]:
        """See `AccountStore.device_lists`."""
        kept = answers.device_lists(await self._shards.run("load_lists", account_keys(account_id)))
        return tuple(row for row in kept if row.version > after_version)

    async def delete(self, account_id: bytes) -> bool:
        """See `AccountStore.delete_account`."""
        mark = secrets.token_bytes(_MARK_BYTES)
        answer = await self._run_durably("mark_deleting", account_id, mark)
        await self._finish(account_id, answer)
        return bool(answers.items(answer))

    async def finish_deletion(self, account_id: bytes) -> None:
        """Go on with a deletion that was broken off, if the account is still marked."""
        await self._finish(
            account_id, await self._shards.run("load_account", account_keys(account_id), 1)
        )

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
        answer = await self._run_durably(
            "publish_prekeys",
            account_id,
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
        answer = await self._run_durably("take_prekeys", account_id, day, int(one_time))
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

    async def look_after(self, account_id: bytes, day: int) -> tuple[int, int]:
        """Prune what is past its day, or finish a deletion: accounts left, records that went."""
        answer = await self._shards.run("prune_prekeys", account_keys(account_id), day)
        pruned = answers.number(answer)
        if pruned < 0:
            await self.finish_deletion(account_id)
            return 0, 0
        if pruned:
            self._figures.on_deleted(0)
        return 1, pruned

    def begin_sweep(self) -> None:
        """Forget mailboxes of nobody that the sweep before did not see."""
        self._orphans, self._orphans_seen = self._orphans_seen, {}

    async def release_orphan(self, route: bytes, claim: bytes) -> bool:
        """Remove a mailbox that its owner's account has not named for a while; whether it did.

        `claim` is what stood in the mailbox before this was called.
        """
        account_id, device_id = claim[:_ACCOUNT_ID_BYTES], claim[_ACCOUNT_ID_BYTES:OWNER_BYTES]
        if await self._names(account_id, device_id, route, even_deleting=True):
            return False
        now = time.monotonic()
        since = self._orphans_seen[route] = self._orphans.get(route, now)
        if now - since < ORPHAN_SECONDS:
            return False  # its account may be about to be made
        return await self._release_as_read(route, claim)

    # -- inner ----------------------------------------------------------------------------------

    async def _run_durably(self, script: str, account_id: bytes, *arguments: bytes | int) -> Answer:
        return await run_durably(self._shards, script, account_keys(account_id), *arguments)

    async def _finish(self, account_id: bytes, answer: Answer) -> None:
        """Take the steps of a deletion after the mark; `answer` holds the account's fields."""
        mark = answers.fields(answer).get(_MARK)
        account = answers.account_row(account_id, answer)
        if account is None or mark is None:
            return
        account_key = account_keys(account_id)[0]

        async def is_marked(_device: DeviceRow) -> bool:
            return await self._shards.ask(account_key, b"HGET", account_key, _MARK) == mark

        await self._release(account_id, account.devices, is_marked)
        gone = answers.number(await self._run_durably("remove_account", account_id, mark))
        self._figures.count_accounts(-int(gone > 0))
        self._figures.on_deleted(0)

    async def _claim(self, account_id: bytes, devices: Sequence[DeviceRow]) -> list[DeviceRow]:
        """Claim the mailboxes, and return those that were made; none where a route is another's."""
        made: list[DeviceRow] = []
        for device in devices:
            answer = await run_durably(
                self._shards,
                "claim",
                mailbox_keys(device.route),
                _owner(account_id, device),
                secrets.token_bytes(CLAIM_BYTES),
            )
            if answers.number(answer) < 0:
                await self._release_unnamed(account_id, made)
                raise errors.RouteTaken("a route names a mailbox already: draw another one")
            if answers.number(answer):
                made.append(device)
        return made

    async def _names(
        self, account_id: bytes, device_id: bytes, route: bytes, *, even_deleting: bool
    ) -> bool:
        account = await self.load(account_id, even_deleting=even_deleting)
        device = account.device(device_id) if account is not None else None
        return device is not None and device.route == route

    async def _release_unnamed(self, account_id: bytes, devices: Iterable[DeviceRow]) -> None:
        """Release mailboxes that the account does not name.

        Nor does one that is being deleted: who deletes it may have passed them before their claim.
        """

        async def is_unnamed(device: DeviceRow) -> bool:
            return not await self._names(
                account_id, device.device_id, device.route, even_deleting=False
            )

        await self._release(account_id, devices, is_unnamed)

    async def _release(
        self,
        account_id: bytes,
        devices: Iterable[DeviceRow],
        may_go: Callable[[DeviceRow], Awaitable[bool]],
    ) -> None:
        """Release the mailboxes of which `may_go` says so after their claim was read."""
        for device in devices:
            key, owner = mailbox_keys(device.route)[0], _owner(account_id, device)
            for _ in range(RELEASES_MAX):
                claim = await self._shards.ask(key, b"HGET", key, b"owner")
                if not isinstance(claim, bytes) or claim[:OWNER_BYTES] != owner:
                    break
                if not await may_go(device) or await self._release_as_read(device.route, claim):
                    break

    async def _release_as_read(self, route: bytes, claim: bytes) -> bool:
        answer = await run_durably(self._shards, "release", mailbox_keys(route), claim)
        queued, size, went = answers.numbers(answer)
        self._figures.count_out(queued, size)
        if went:
            self._figures.on_deleted(0)
        return went > 0


# Random, as of a claim: two alike would have to meet within one account.
_MARK_BYTES: Final = 8
_MARK: Final = b"deleting"
_ACCOUNT_ID_BYTES: Final = 32

_EXISTS: Final = "an account of this id exists and differs"
_CONFLICT: Final = "the stored device list is another one"


def _owner(account_id: bytes, device: DeviceRow) -> bytes:
    return account_id + device.device_id


def _flat(devices: Sequence[DeviceRow]) -> list[bytes]:
    return [part for row in devices for part in (row.device_id, row.device_key, row.route)]


def _standing(record: StandingRecord | None) -> tuple[bytes | int, bytes]:
    return (b"", b"") if record is None else (record.expiry_day, record.record)
