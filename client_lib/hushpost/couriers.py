"""Couriers: one task a contact device, posting its outbox in order (docs/spec/content.md, 5 and 7).

    take up to 16 that may go -> post them in order -> commit all verdicts at once -> again

What was not accepted is posted again, from the first such envelope on, with the same bytes: after
a refusal with a hint, a lost connection, or a crash of this process. Its reader may get it each
time and counts: too many repeats look like a relay that replays (content.md, 8).
"""

import asyncio
import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Final

from hushpost_wire.frames import RefusalReason
from hushpost_wire.ttl import has_passed

from hushpost.engine import event_log, outbox
from hushpost.engine.desk import Desk
from hushpost.engine.outbox import RETRY_SECONDS_MAX, UNACCEPTED_MAX, OutboxEntry
from hushpost.engine.posting_results import posting_accepted, posting_expired, posting_refused
from hushpost.errors import RelayError, RelayIdentityChanged, RelayUnreachable, VaultError
from hushpost.events import AlarmKind
from hushpost.retry import NO_PAUSE, Backoff, Pause, fraction
from hushpost.steps import VAULT_RETRY_SECONDS, Steps, report
from hushpost.transport_post import PostOffice
from hushpost.transport_posting import Posting, Verdict

_DEVICE_KEY_BYTES = 48
# While a relay cannot commit, its refusals in a row double the wait, to five minutes: sixteen of
# them, the first that look like a replay, then take twenty minutes at least.
_RETRY_WAITS: Final = Backoff(base_seconds=2.0, cap_seconds=300.0)


@dataclass(frozen=True, slots=True)
class Result:
    """An entry and what the relay said of it; no verdict if the connection ended before."""

    key: bytes
    verdict: Verdict | None


class Couriers:
    """All couriers of a client. `start` loads the outbox; `close` ends the tasks."""

    def __init__(self, steps: Steps, office: PostOffice) -> None:
        self._steps = steps
        self._office = office
        self._couriers: dict[bytes, Courier] = {}
        self._closed = False

    def start(self) -> None:
        """Take up what an earlier run left in the outbox."""
        self.mail([entry.key for entry in self._steps.look(outbox.whole_outbox)])

    def mail(self, keys: Sequence[bytes]) -> None:
        """Post these entries, in this order, behind what is there already."""
        if self._closed:
            return  # they are in the outbox, and go at the next open
        for key in keys:
            device_key = key[:_DEVICE_KEY_BYTES]
            courier = self._couriers.get(device_key)
            if courier is None:
                courier = Courier(self._steps, self._office)
                self._couriers[device_key] = courier
            courier.add(key)

    def wake(self) -> None:
        """Have every courier look again at what it holds."""
        for courier in self._couriers.values():
            courier.wake()

    async def close(self) -> None:
        """End all tasks; what has no verdict stays in the outbox."""
        self._closed = True
        couriers = list(self._couriers.values())
        for courier in couriers:
            courier.task.cancel()
        await asyncio.gather(*(courier.task for courier in couriers), return_exceptions=True)


class Courier:
    """Posts for one device."""

    def __init__(self, steps: Steps, office: PostOffice) -> None:
        self._steps = steps
        self._office = office
        self._keys: deque[bytes] = deque()
        self._woken = asyncio.Event()
        self._backoff = Backoff()
        self._pause = NO_PAUSE
        self._retries = 0
        self.task = asyncio.get_running_loop().create_task(self._run())

    def add(self, key: bytes) -> None:
        """Put an entry behind the others."""
        self._keys.append(key)
        self._woken.set()

    def wake(self) -> None:
        """Look again."""
        self._woken.set()

    async def _run(self) -> None:
        failures = 0
        while True:
            try:
                went_well = await self._round()
            except VaultError:
                await asyncio.sleep(VAULT_RETRY_SECONDS)
                continue
            except Exception as error:  # noqa: BLE001  what waits for this device may not be stuck
                report("hushpost could not post", error)
                went_well = False
            failures = 0 if went_well else failures + 1
            if failures:
                wait = self._backoff.delay(failures, self._steps.random, self._pause)
                await asyncio.sleep(wait)

    async def _round(self) -> bool:
        """Post what may go, or wait for it; False if a connection ended before all verdicts."""
        self._woken.clear()
        entries, wait = await self._ready()
        if not entries:
            await self._sleep(wait)
            return True
        results = await self._post(entries)
        await self._commit(results)
        return all(result.verdict is not None for result in results)

    async def _ready(self) -> tuple[list[OutboxEntry], float | None]:
        """Give the first entries that may go now, or how long to wait for the first."""
        ready: list[OutboxEntry] = []
        now = self._steps.clock()
        for key in list(self._keys)[:UNACCEPTED_MAX]:
            entry = self._steps.look(outbox.find_entry, key)
            if entry is None:
                self._keys.remove(key)
            elif has_passed(entry.not_after, now):
                await self._steps.run(posting_expired, key)
                self._keys.remove(key)
            elif entry.waits_for is not None:
                return ready, None
            elif 0 < entry.not_before - now <= RETRY_SECONDS_MAX:
                return ready, entry.not_before - now
            else:
                ready.append(entry)
        return ready, None if not self._keys else 0.0

    async def _post(self, entries: list[OutboxEntry]) -> list[Result]:
        """Post in order by one connection; what its end leaves open has no verdict."""
        first = entries[0]
        same = takewhile(lambda entry: entry.host == first.host, entries)
        try:
            pending = await self._office.submit_all(
                first.account_id, first.host, [_posting(entry) for entry in same]
            )
        except RelayError as error:
            if isinstance(error, RelayIdentityChanged):
                kind = AlarmKind.RELAY_KEY_CHANGED
                await self._steps.run(event_log.safety_alarm, first.account_id, kind, str(error))
            pending = []
            self._pause = _pause_of([error])
        verdicts = await asyncio.gather(*pending, return_exceptions=True)
        if pending:
            self._pause = _pause_of(verdicts)
        answered = [verdict if isinstance(verdict, Verdict) else None for verdict in verdicts]
        answered += [None] * (len(entries) - len(answered))
        return [
            Result(entry.key, verdict) for entry, verdict in zip(entries, answered, strict=True)
        ]

    async def _commit(self, results: list[Result]) -> None:
        if not any(result.verdict for result in results):
            return
        is_retry = any(r.verdict and r.verdict.reason is RefusalReason.RETRY for r in results)
        self._retries = self._retries + 1 if is_retry else 0
        wait = retry_wait(self._retries, self._steps.random) if is_retry else 0
        for key in await self._stored(results, wait):
            self._keys.remove(key)

    async def _stored(self, results: list[Result], wait: int) -> list[bytes]:
        """Store the verdicts; while the disk refuses them nothing is posted: it would be again."""
        while True:
            try:
                return await self._steps.run(_work_in, results, wait)
            except VaultError:
                await asyncio.sleep(VAULT_RETRY_SECONDS)

    async def _sleep(self, seconds: float | None) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            pass


def retry_wait(times: int, random: Callable[[int], bytes]) -> int:
    """Give the seconds to wait after so many RETRY in a row: the upper half of a doubling bound."""
    bound = _RETRY_WAITS.bound(times)
    return math.ceil(bound / 2 + bound / 2 * fraction(random))


def _work_in(desk: Desk, results: list[Result], retry_seconds: int) -> list[bytes]:
    gone: list[bytes] = []
    for result in results:
        verdict = result.verdict
        if verdict is None:
            continue
        if verdict.reason is None:
            posting_accepted(desk, result.key)
            gone.append(result.key)
            continue
        wait = verdict.retry_after_seconds
        if verdict.reason is RefusalReason.RETRY:
            wait = max(wait, retry_seconds)
        if posting_refused(desk, result.key, verdict.reason, wait) is None:
            gone.append(result.key)
    return gone


def _pause_of(ends: Sequence[object]) -> Pause:
    """Return what the relay asked for when it ended the connection, if it did."""
    asked = (end.pause for end in ends if isinstance(end, RelayUnreachable))
    return next(asked, NO_PAUSE)


def _posting(entry: OutboxEntry) -> Posting:
    return Posting(
        entry.ttl_class,
        entry.route,
        entry.secret,
        entry.envelope_id,
        entry.not_after,
        entry.envelope,
    )


async def post_once(office: PostOffice, entry: OutboxEntry) -> None:
    """Post what is never repeated, a typing notice; nobody hears whether it arrived."""
    try:
        await (await office.submit(entry.account_id, entry.host, _posting(entry)))
    except RelayError:
        return
