"""Runs errands at relays until they are done (docs/spec/content.md, 3 and 10).

Inbox errands run one after another while the inbox is open; fetches run side by side, each on an
anonymous connection of its own, since one relay that hangs must not hold up another.
"""

import asyncio

from hushpost_wire.control import DeviceLists, Error
from hushpost_wire.host import Host
from hushpost_wire.identifiers import AccountId

from hushpost.engine import errands, relay_errands
from hushpost.engine.contact_book import ContactRow, find_contact
from hushpost.engine.errands import INBOX_ERRANDS, Errand, ErrandKind
from hushpost.errors import RelayError, VaultError
from hushpost.steps import VAULT_RETRY_SECONDS, Steps, report
from hushpost.transport_inbox import Inbox
from hushpost.transport_post import PostOffice

# Pages of a chain: 64 lists at 16 a page. A relay that serves more makes the chain no longer.
_PAGES_MAX = 4


class ErrandRunner:
    """One task for the inbox, one for each fetch. `wake` after every commit that queued some."""

    def __init__(self, steps: Steps, inbox: Inbox, office: PostOffice) -> None:
        self._steps = steps
        self._inbox = inbox
        self._office = office
        self._woken = asyncio.Event()
        self._online = False
        self._fetches: dict[bytes, asyncio.Task[None]] = {}
        self._waiters: dict[bytes, list[asyncio.Future[None]]] = {}
        self._task = asyncio.get_running_loop().create_task(self._run())

    def wake(self) -> None:
        """Look for errands."""
        self._woken.set()

    def set_online(self, *, online: bool) -> None:
        """Tell whether the inbox is open."""
        self._online = online
        self._woken.set()

    async def done(self, key: bytes) -> None:
        """Wait until an errand is done."""
        if self._steps.look(errands.find_errand, key) is None:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.setdefault(key, []).append(future)
        await future

    async def close(self) -> None:
        """End all tasks; what is not done stays to be done."""
        tasks = [self._task, *self._fetches.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                await self._round()
            except VaultError:
                await asyncio.sleep(VAULT_RETRY_SECONDS)
            except Exception as error:  # noqa: BLE001  registrations of others wait behind it
                report("hushpost could not run an errand", error)
                await asyncio.sleep(VAULT_RETRY_SECONDS)

    async def _round(self) -> None:
        """Do what is due, or wait for it."""
        self._woken.clear()
        pending = self._steps.look(errands.pending)
        now = self._steps.clock()
        due = [errand for errand in pending if errands.is_due(errand, now)]
        for errand in due:
            if errand.kind not in INBOX_ERRANDS and errand.key not in self._fetches:
                self._start_fetch(errand)
        if self._online and await self._inbox_errands(due):
            return
        later = [item.not_before - now for item in pending if not errands.is_due(item, now)]
        await self._sleep(min(later, default=None))

    async def _inbox_errands(self, due: list[Errand]) -> bool:
        """Run them in order; True if any ran, so that more may be due."""
        ran = False
        for errand in due:
            if errand.kind not in INBOX_ERRANDS:
                continue
            asking = self._steps.look(relay_errands.request_for, errand)
            try:
                answer = await self._inbox.request(asking.message)
            except RelayError:
                self._online = False
                return ran
            await self._steps.run(relay_errands.inbox_answered, asking, answer)
            self._tell(errand.key)
            ran = True
        return ran

    def _start_fetch(self, errand: Errand) -> None:
        task = asyncio.get_running_loop().create_task(self._fetch(errand))
        self._fetches[errand.key] = task
        task.add_done_callback(lambda _: self._end_fetch(errand.key))

    def _end_fetch(self, key: bytes) -> None:
        self._fetches.pop(key, None)
        self._tell(key)
        self._woken.set()

    async def _fetch(self, errand: Errand) -> None:
        account_id = AccountId(errand.subject)
        contact = self._steps.look(find_contact, account_id)
        if contact is None:
            await self._steps.run(errands.finish, errand)
            return
        try:
            try:
                await self._fetch_for(errand, account_id, contact)
            except RelayError:
                await self._steps.run(errands.defer, errand, None)
            except VaultError:
                raise
            except Exception as error:  # noqa: BLE001  asked again at once, it would spin
                report("hushpost could not use what a relay served", error)
                await self._steps.run(errands.defer, errand, None)
        except VaultError:
            # Kept as an errand; not asked again at once, since each answer may use up a prekey.
            await asyncio.sleep(VAULT_RETRY_SECONDS)

    async def _fetch_for(self, errand: Errand, account_id: AccountId, contact: ContactRow) -> None:
        pages = await fetch_chain(self._office, contact.host, account_id, contact.view.version)
        if isinstance(pages, Error):
            await self._steps.run(relay_errands.fetch_refused, errand, pages)
            return
        answer = relay_errands.list_answer(pages)
        if errand.kind is ErrandKind.FETCH_LISTS:
            await self._steps.run(relay_errands.lists_fetched, errand, answer)
            return
        prekeys = await self._office.take_prekeys(contact.host, account_id)
        if isinstance(prekeys, Error):
            await self._steps.run(relay_errands.fetch_refused, errand, prekeys)
            return
        keys = relay_errands.keys_answer(prekeys, answer.lists)
        await self._steps.run(relay_errands.keys_fetched, errand, keys)

    def _tell(self, key: bytes) -> None:
        if self._steps.look(errands.find_errand, key) is None:
            for future in self._waiters.pop(key, []):
                if not future.done():
                    future.set_result(None)

    async def _sleep(self, seconds: float | None) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            pass


async def fetch_chain(
    office: PostOffice, host: Host, account_id: AccountId, after_version: int
) -> list[DeviceLists] | Error:
    """Fetch the lists behind a version, page by page; raises `RelayError`."""
    pages: list[DeviceLists] = []
    while len(pages) < _PAGES_MAX:
        page = await office.fetch_device_list(host, account_id, after_version)
        if isinstance(page, Error):
            return page
        pages.append(page)
        after_version += len(page.lists)
        if not page.lists or after_version >= page.latest:
            break
    return pages
