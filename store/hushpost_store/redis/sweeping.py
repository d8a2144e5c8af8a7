"""Looking through all that Redis holds: what has expired, what was broken off, how much there is.

docs/spec/store.md, "Sweeping". One relay does it at a time. What cannot be read is counted as
damaged and left as it is; a server that is away does not keep the others from being swept.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from hushpost_store import admission, errors
from hushpost_store.redis import answers
from hushpost_store.redis.accounts import Accounts
from hushpost_store.redis.address import Address
from hushpost_store.redis.command import ServerError, Unreadable
from hushpost_store.redis.figures import Figures, Sums
from hushpost_store.redis.keys import (
    ALL_ACCOUNTS,
    ALL_MAILBOXES,
    SWEEP_KEY,
    account_named_by,
    mailbox_keys,
    route_named_by,
)
from hushpost_store.redis.shards import Shards
from hushpost_store.rows import SweepReport

# Keys looked at in one step of a scan: a server answers it in well under a millisecond.
_SCAN_COUNT: Final = 1_000
# Scripts of a sweep that run at once: enough to keep a server busy, and mail still gets between.
_SWEEPS_AT_ONCE: Final = 64
# A relay that sweeps renews its turn, also within a sweep: millions of mailboxes take minutes. One
# that died gives it up after so long.
_TURN_SECONDS: Final = 180
RENEW_SECONDS: Final = 60.0

_Name = Callable[[bytes], bytes | None]
_Work = Callable[[bytes], Awaitable[None]]


@dataclass(slots=True)
class _Found:
    sums: Sums = field(default_factory=Sums)
    envelopes: int = 0
    drops: int = 0
    prekeys: int = 0
    routes: list[bytes] = field(default_factory=list[bytes])
    # The first that went wrong; the others were swept all the same.
    problem: BaseException | None = None


class StoreSweep:
    """Sweeps and counts. Raises StoreFault at the end where a server was away."""

    def __init__(self, shards: Shards, accounts: Accounts, figures: Figures, node: str) -> None:
        self._shards = shards
        self._accounts = accounts
        self._figures = figures
        self._node = node.encode()
        self._has_it = False
        # Never, as long as this one only counts.
        self._renewed = math.inf

    async def has_turn(self) -> bool:
        """Take, or keep, the turn.

        Raises StoreFault where its server is away; whoever had it then goes on with the others.
        """
        try:
            self._has_it = await self._take_turn()
        except ServerError:
            return True  # full: sweeping frees room, and two that sweep only work twice
        except errors.StoreFault:
            if not self._has_it:
                raise
        self._renewed = asyncio.get_running_loop().time()
        return self._has_it

    async def _take_turn(self) -> bool:
        ask = self._shards.ask
        taken = await ask(SWEEP_KEY, b"SET", SWEEP_KEY, self._node, b"NX", b"EX", _TURN_SECONDS)
        if taken is None and await ask(SWEEP_KEY, b"GET", SWEEP_KEY) != self._node:
            return False
        await ask(SWEEP_KEY, b"EXPIRE", SWEEP_KEY, _TURN_SECONDS)
        return True

    async def sweep(self, now: float) -> tuple[SweepReport, Sums]:
        """Sweep everything, and count what stays."""
        found = _Found()
        self._accounts.begin_sweep()

        async def mailbox(route: bytes) -> None:
            await self._sweep_mailbox(route, now, found)

        async def account(account_id: bytes) -> None:
            left, pruned = await self._accounts.look_after(account_id, admission.day_of(now))
            found.sums.accounts += left
            found.prekeys += pruned

        await self._each(ALL_MAILBOXES, route_named_by, mailbox, found)
        await self._each(ALL_ACCOUNTS, account_named_by, account, found)
        if found.problem is not None:
            raise found.problem
        report = SweepReport(found.envelopes, found.drops, found.prekeys, tuple(found.routes))
        return report, found.sums

    async def count(self) -> Sums:
        """Count what is there, and change nothing. Raises StoreFault where a server is away."""
        found = _Found()

        async def mailbox(route: bytes) -> None:
            key = mailbox_keys(route)[0]
            figures = answers.items(await self._shards.ask(key, b"HMGET", key, b"queued", b"bytes"))
            queued, size = (int(answers.blob(figure or b"0")) for figure in figures)
            found.sums.add(Sums(0, queued, size))

        async def account(_account_id: bytes) -> None:
            found.sums.accounts += 1

        await self._each(ALL_MAILBOXES, route_named_by, mailbox, found)
        await self._each(ALL_ACCOUNTS, account_named_by, account, found)
        if found.problem is not None:
            raise found.problem
        return found.sums

    # -- inner ----------------------------------------------------------------------------------

    async def _sweep_mailbox(self, route: bytes, now: float, found: _Found) -> None:
        keys = mailbox_keys(route)
        answer = answers.items(await self._shards.run("sweep", keys, int(now)))
        claim = answers.blob(answer.pop(3))
        envelopes, size, drops, damaged, queued, queued_bytes = answers.numbers(answer)
        if envelopes or drops:
            self._figures.on_deleted(size)
        if damaged:
            self._figures.note_damage(keys[0])
        found.envelopes += envelopes
        found.drops += drops
        if envelopes:
            found.routes.append(route)
        if not claim or not await self._accounts.release_orphan(route, claim):
            found.sums.add(Sums(0, queued, queued_bytes))

    async def _each(self, pattern: bytes, name: _Name, work: _Work, found: _Found) -> None:
        """Do the work for whatever a key names; one that fails keeps no other one back."""
        for address in self._shards.primaries:
            try:
                async for keys in self._in_batches(address, pattern):
                    named = {key: of_it for key in keys if (of_it := name(key)) is not None}
                    ends = await asyncio.gather(*map(work, named.values()), return_exceptions=True)
                    for key, end in zip(named, ends, strict=True):
                        self._note(key, end, found)
                    await self._keep_turn()
            except errors.StoreFault as fault:
                found.problem = found.problem or fault

    async def _keep_turn(self) -> None:
        if asyncio.get_running_loop().time() - self._renewed >= RENEW_SECONDS:
            # Where the turn's server is away, or the turn is lost: two sweep, and only work twice.
            with suppress(errors.StoreFault):
                await self.has_turn()

    def _note(self, key: bytes, end: BaseException | None, found: _Found) -> None:
        if isinstance(end, (Unreadable, errors.StoreDamaged, ValueError)):
            self._figures.note_damage(key)
        elif end is not None:
            found.problem = found.problem or end

    async def _in_batches(self, address: Address, pattern: bytes) -> AsyncIterator[list[bytes]]:
        """Yield the keys of a pattern at one primary, some at a time; one may come twice."""
        cursor = b""
        while cursor != b"0":
            answer = await self._shards.ask_server(
                address, b"SCAN", cursor or b"0", b"MATCH", pattern, b"COUNT", _SCAN_COUNT
            )
            following, scanned = answers.items(answer)
            cursor = answers.blob(following)
            keys = [answers.blob(key) for key in answers.items(scanned)]
            for start in range(0, len(keys), _SWEEPS_AT_ONCE):
                yield keys[start : start + _SWEEPS_AT_ONCE]
