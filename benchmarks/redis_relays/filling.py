"""Many mailboxes with mail in them, put there through the store's own interface.

What an account and an envelope hold is random: a store looks into neither.
"""

import asyncio
import hashlib
import os
import time
from collections.abc import Sequence
from typing import Final

from hushpost_store.interface import Store
from hushpost_store.rows import (
    AccountRow,
    Admitted,
    DeviceListRow,
    DeviceRow,
    DropKind,
    Refusal,
    Submission,
)
from hushpost_wire.ttl import DEFAULT_TTL, not_after

from benchmarks.errors import LoadFailure

# Mailboxes made, or envelopes submitted, at once.
AT_ONCE: Final = 500
# About what a genesis record and a signed list of one device take.
_GENESIS_BYTES: Final = 200
_LIST_BYTES: Final = 400
_SECONDS_A_DAY: Final = 86_400


class Filling:
    """Mailboxes with one drop each."""

    def __init__(self, mailboxes: int) -> None:
        self._routes = [os.urandom(16) for _ in range(mailboxes)]
        self._drop_hashes = [os.urandom(32) for _ in range(mailboxes)]

    async def make_mailboxes(self, store: Store) -> float:
        """Make the accounts, and register the drops; returns the seconds it took."""
        start = time.perf_counter()
        every = list(zip(self._routes, self._drop_hashes, strict=True))
        for first in range(0, len(every), AT_ONCE):
            some = every[first : first + AT_ONCE]
            await asyncio.gather(*(_make(store, route, drop) for route, drop in some))
        return time.perf_counter() - start

    async def put(self, each: int, envelope_bytes: int, store: Store) -> float:
        """Put so many envelopes into each mailbox; returns the seconds until all were durable."""
        start = time.perf_counter()
        every = [place for _ in range(each) for place in range(len(self._routes))]
        for first in range(0, len(every), AT_ONCE):
            await self._submit(store, every[first : first + AT_ONCE], envelope_bytes)
        return time.perf_counter() - start

    async def _submit(self, store: Store, places: Sequence[int], envelope_bytes: int) -> None:
        now = time.time()
        listener = _Listener(len(places))
        for place in places:
            envelope = os.urandom(envelope_bytes)
            submission = Submission(
                self._routes[place],
                self._drop_hashes[place],
                hashlib.sha256(envelope).digest()[:16],
                DEFAULT_TTL,
                not_after(DEFAULT_TTL, now),
                envelope,
            )
            store.submit(submission, listener, now)
        await listener.done


async def _make(store: Store, route: bytes, drop_hash: bytes) -> None:
    now = time.time()
    day = int(now) // _SECONDS_A_DAY
    device = DeviceRow(os.urandom(16), os.urandom(32), route)
    newest = DeviceListRow(1, os.urandom(32), os.urandom(_LIST_BYTES))
    account = AccountRow(os.urandom(32), os.urandom(_GENESIS_BYTES), day, newest, (device,))
    await store.create_account(account)
    await store.register_drop(route, drop_hash, DropKind.CONTACT, now)


class _Listener:
    """Counts a group's commits; anything else stops the run."""

    def __init__(self, count: int) -> None:
        self._left = count
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def admitted(self, admitted: Admitted) -> None:
        """See `SubmissionListener`."""

    def committed(self) -> None:
        """See `SubmissionListener`."""
        self._left -= 1
        if not self._left:
            self.done.set_result(None)

    def refused(self, reason: Refusal, retry_after: int) -> None:
        """See `SubmissionListener`."""
        if not self.done.done():
            self.done.set_exception(LoadFailure(f"the store refused an envelope: {reason.name}"))

    def failed(self) -> None:
        """See `SubmissionListener`."""
        if not self.done.done():
            self.done.set_exception(LoadFailure("the store could not commit an envelope"))
