"""Takes in what the inbox delivers: commit in batches, then acknowledge (docs/spec/content.md, 6).

    inbox task --put--> queue --up to 32--> one transaction --commit--> acknowledge each

While too many events wait for the app nothing is taken in: the relay keeps the rest, and its quotas
tell the senders.
"""

import asyncio
from collections import deque
from dataclasses import replace
from typing import Final

from hushpost.engine import event_log, inbox
from hushpost.engine.desk import Desk
from hushpost.engine.event_log import EVENTS_WAITING_MAX
from hushpost.engine.own_account import own_account, save_own
from hushpost.engine.seen import Arrival
from hushpost.errors import VaultError
from hushpost.steps import VAULT_RETRY_SECONDS, Steps, report
from hushpost.transport_inbox import Delivery, Inbox

# One commit for many envelopes, and yet none waits long for its acknowledgement.
BATCH_MAX: Final = 32
# Typing notices that wait to be taken in. They have no window at the relay, and the older ones mean
# nothing any more when there are so many.
EPHEMERAL_MAX: Final = 64


class Receiver:
    """Owns the queue between the inbox task and the engine."""

    def __init__(self, steps: Steps, inbox_link: Inbox, *, login_number: int) -> None:
        self._steps = steps
        self._inbox = inbox_link
        self._login_number = login_number
        self._queue: deque[tuple[Delivery, int]] = deque()
        self._ephemeral = 0
        self._woken = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(self._run())

    def logged_in(self) -> None:
        """Begin to count as another login; what follows came by it."""
        self._login_number += 1

    def put(self, delivery: Delivery) -> None:
        """Queue a delivery; the relay's window bounds how many there are.

        What is ephemeral stands outside of that window: beyond a bound it is dropped.
        """
        if not delivery.deliver.tag:
            if self._ephemeral >= EPHEMERAL_MAX:
                return
            self._ephemeral += 1
        self._queue.append((delivery, self._login_number))
        self._woken.set()

    def wake(self) -> None:
        """Look whether the app made room."""
        self._woken.set()

    async def close(self) -> None:
        """Stop; what is not committed is delivered again at the next login."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            self._woken.clear()
            if not self._queue or self._steps.look(event_log.waiting) >= EVENTS_WAITING_MAX:
                await self._woken.wait()
                continue
            batch = [self._queue.popleft() for _ in range(min(BATCH_MAX, len(self._queue)))]
            try:
                await self._take_in(batch)
                self._ephemeral -= sum(not delivery.deliver.tag for delivery, _ in batch)
            except VaultError:
                # Nothing of the batch is stored or acknowledged; its order is kept.
                self._queue.extendleft(reversed(batch))
                await asyncio.sleep(VAULT_RETRY_SECONDS)

    async def _take_in(self, batch: list[tuple[Delivery, int]]) -> None:
        arrivals = [_arrival(delivery, number) for delivery, number in batch]
        try:
            await self._steps.run(_receive_all, arrivals)
        except VaultError:
            raise
        except Exception as error:  # noqa: BLE001  one envelope may not stop the mail of a person
            report("hushpost could not take in a delivery", error)
            for arrival in arrivals:
                await self._one(arrival)
        for delivery, _ in batch:
            if delivery.deliver.tag:
                self._inbox.acknowledge(delivery)

    async def _one(self, arrival: Arrival) -> None:
        try:
            await self._steps.run(_receive_all, [arrival])
        except VaultError:
            raise
        except Exception:  # noqa: BLE001  reported above; counted here, so that it is not lost
            await self._steps.run(event_log.undecryptable, b"")


def _receive_all(desk: Desk, arrivals: list[Arrival]) -> None:
    own = own_account(desk)
    number = arrivals[-1].login_number
    if own.login_number != number:
        save_own(desk, replace(own, login_number=number))
    for arrival in arrivals:
        inbox.receive(desk, arrival)


def _arrival(delivery: Delivery, login_number: int) -> Arrival:
    deliver = delivery.deliver
    return Arrival(
        drop_ref=deliver.drop_ref,
        envelope_id=deliver.envelope_id,
        not_after=deliver.not_after,
        envelope=deliver.envelope,
        login_number=login_number,
    )
