"""Who is here: accounts, their devices and prekeys (docs/spec/store.md, "Accounts", "Prekeys").

Every operation is a job in the writer's queue; the cache of mailboxes follows when it is durable.
"""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Callable, Sequence

from hushpost_store.quotas import Quotas
from hushpost_store.rows import (
    AccountRow,
    DeviceListRow,
    DeviceRow,
    OneTimePrekey,
    StandingRecord,
    TakenPrekeys,
)
from hushpost_store.sqlite import accounts, prekeys
from hushpost_store.sqlite.census import Census
from hushpost_store.sqlite.intake import Intake
from hushpost_store.sqlite.mailbox_cache import MailboxCache
from hushpost_store.sqlite.writer import Writer


class Registry:
    """The `AccountStore` and `PrekeyStore` half of the SQLite store.

    `on_closing` is told each route whose mailbox is about to be removed; `clock` dates deletions.
    """

    def __init__(
        self,
        writer: Writer,
        cache: MailboxCache,
        intake: Intake,
        *,
        quotas: Quotas,
        clock: Callable[[], float],
        on_closing: Callable[[bytes], None],
    ) -> None:
        self._writer = writer
        self._cache = cache
        self._intake = intake
        self._quotas = quotas
        self._clock = clock
        self._on_closing = on_closing
        self._buckets: tuple[int, ...] = ()
        self._census = Census()

    def start(self, buckets: tuple[int, ...], census: Census) -> None:
        """Begin, with the tables that exist and the figures to keep."""
        self._buckets = buckets
        self._census = census

    async def finish_broken_off(self) -> None:
        """Finish the deletions that a crash broke off."""
        for account_id in await self._writer.run(accounts.deleting):
            await self.delete_account(account_id)
        for route in await self._writer.run(accounts.orphans):
            await self._close_down(route)

    async def create_account(self, account: AccountRow) -> None:
        """See `AccountStore`."""

        def made(new: bool) -> None:
            self._census.accounts += new
            for device in account.devices:
                self._cache.made(device.route)

        await self._writer.run(lambda connection: accounts.create(connection, account), made)

    async def load_account(self, account_id: bytes) -> AccountRow | None:
        """See `AccountStore`."""
        return await self._writer.run(lambda connection: accounts.load(connection, account_id))

    async def publish_device_list(
        self,
        account_id: bytes,
        *,
        expected_head: bytes,
        device_list: DeviceListRow,
        devices: tuple[DeviceRow, ...],
    ) -> None:
        """See `AccountStore`."""

        def published(closed: tuple[bytes, ...]) -> None:
            for device in devices:
                self._cache.made(device.route)
            for route in closed:
                self._cache.remove(route)
                self._cache.put(route, None)

        closed = await self._writer.run(
            lambda connection: accounts.publish(
                connection, account_id, expected_head, device_list, devices
            ),
            published,
        )
        for route in closed:
            await self._close_down(route)

    async def device_lists(
        self, account_id: bytes, after_version: int
    ) -> tuple[DeviceListRow, ...]:
        """See `AccountStore`."""
        return await self._writer.run(
            lambda connection: accounts.lists(connection, account_id, after_version)
        )

    async def delete_account(self, account_id: bytes) -> bool:
        """See `AccountStore`."""

        def mark(connection: sqlite3.Connection) -> tuple[bytes, ...] | None:
            if not accounts.mark_deleting(connection, account_id):
                return None
            return accounts.routes(connection, account_id)

        def marked(routes: tuple[bytes, ...] | None) -> None:
            for route in routes or ():
                self._cache.remove(route)
                self._cache.put(route, None)

        routes = await self._writer.run(mark, marked, deleting_at=self._clock())
        if routes is None:
            return False
        for route in routes:
            await self._close_down(route)
        await self._writer.run(
            lambda connection: accounts.remove(connection, account_id),
            self._account_removed,
            deleting_at=self._clock(),
        )
        return True

    def _account_removed(self, _: None) -> None:
        self._census.accounts -= 1

    async def _close_down(self, route: bytes) -> None:
        """Remove a mailbox in small steps, each of which may be the last before a crash."""
        self._on_closing(route)
        self._writer.cut()
        self._writer.let_go()  # what is held for it is to be there when it is emptied
        empty = functools.partial(accounts.empty_mailbox, route=route, buckets=self._buckets)
        while removed := await self._writer.run(empty, deleting_at=self._clock()):
            self._intake.count_out(removed.stored_bytes, removed.envelopes)
        remove = functools.partial(accounts.remove_mailbox, route=route)
        await self._writer.run(remove, deleting_at=self._clock())

    async def publish_prekeys(
        self,
        account_id: bytes,
        device_id: bytes,
        *,
        one_time: Sequence[OneTimePrekey] = (),
        signed: StandingRecord | None = None,
        seal: StandingRecord | None = None,
        day: int,
    ) -> int:
        """See `PrekeyStore`."""
        return await self._writer.run(
            lambda connection: prekeys.publish(
                connection,
                account_id,
                device_id,
                one_time=one_time,
                signed=signed,
                seal=seal,
                day=day,
                prekeys_max=self._quotas.prekeys_max,
            )
        )

    async def take_prekeys(
        self, account_id: bytes, day: int, *, one_time: bool = True
    ) -> TakenPrekeys | None:
        """See `PrekeyStore`."""
        return await self._writer.run(
            lambda connection: prekeys.take(connection, account_id, day, one_time=one_time)
        )

    async def count_prekeys(self, account_id: bytes, device_id: bytes, day: int) -> int:
        """See `PrekeyStore`."""
        return await self._writer.run(
            lambda connection: prekeys.count(connection, account_id, device_id, day)
        )
