"""What runs behind an open client: inbox, receiver, couriers, errands, clock, events.

    relay --inbox task--> receiver --steps--> vault --after commit--> events, couriers, errands
                                   clock task --steps--^

Everything here is a thin shell: it decides nothing about mail, it waits for sockets and clocks.
"""

import asyncio
import weakref
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from hushpost_wire.client_protocol import Damaged
from hushpost_wire.control import Expired, Hello, PrekeysLow, Welcome

from hushpost.couriers import Couriers, post_once
from hushpost.engine import deadlines, event_log, expiry, prekey_upkeep
from hushpost.engine.desk import Desk
from hushpost.engine.ledger import Table
from hushpost.engine.outbox import OutboxEntry
from hushpost.engine.own_account import OwnAccount
from hushpost.engine.relay_greeting import Greeting, greeted
from hushpost.errand_runner import ErrandRunner
from hushpost.errors import (
    LoginDisplaced,
    MisuseError,
    RelayError,
    RelayIdentityChanged,
    VaultError,
)
from hushpost.event_stream import EventStream
from hushpost.events import AlarmKind, Connection, ConnectionChanged, StorageChanged
from hushpost.messages import Message
from hushpost.receiver import Receiver
from hushpost.steps import VAULT_RETRY_SECONDS, Steps, report
from hushpost.transport_dial import Dial, RelayPins
from hushpost.transport_inbox import Credentials, Delivery, Inbox
from hushpost.transport_post import PostOffice

_DAMAGED: Final = "the relay delivered an envelope whose bytes do not match its id; it was dropped"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a client is given from outside, or takes from the system."""

    dial: Dial
    pins: RelayPins
    clock: Callable[[], float]
    random: Callable[[int], bytes]


class Running:
    """All tasks of an open client. Made by `start`, ended by `close`."""

    def __init__(self, steps: Steps, surroundings: Surroundings, own: OwnAccount) -> None:
        self.steps: Final = steps
        self.events: Final = EventStream(steps)
        self.messages: Final[weakref.WeakValueDictionary[str, Message]] = (
            weakref.WeakValueDictionary()
        )
        self.office: Final = PostOffice(
            pins=surroundings.pins, dial=surroundings.dial, random=surroundings.random
        )
        self.inbox: Final = Inbox(
            own.host,
            Credentials(own.account_id, own.device_id, own.device_key),
            self,
            pins=surroundings.pins,
            dial=surroundings.dial,
            random=surroundings.random,
        )
        self.couriers: Final = Couriers(steps, self.office)
        self.errands: Final = ErrandRunner(steps, self.inbox, self.office)
        self.connection = Connection.OFFLINE
        self.connection_explanation = "not connected yet"
        self._receiver = Receiver(steps, self.inbox, login_number=own.login_number)
        self._clock_woken = asyncio.Event()
        self._stirred = asyncio.Event()
        self._side_tasks: set[asyncio.Task[None]] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._turned = asyncio.Event()
        # Why the inbox ended for good, if it did.
        self._final: RelayError | None = None
        self._closed = False
        self._busy: set[object] = set()
        steps.set_follower(self)

    async def start(self) -> None:
        """Do what is due, take up the outbox, connect."""
        # The outbox first: what is due now, such as receipts, goes behind what was sealed before.
        self.couriers.start()
        with suppress(VaultError):  # what is there can be read all the same; the clock task retries
            await self.steps.run(deadlines.handle_deadline)
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._run_inbox()), loop.create_task(self._run_clock())]

    async def online(self) -> None:
        """Wait until the inbox is open; raises why it never will be, or `MisuseError` if closed."""
        while self.connection is not Connection.ONLINE:
            if self._closed:
                raise MisuseError("this client is closed: open it again")
            if self._final is not None:
                raise type(self._final)(*self._final.args)
            self._turned.clear()
            await self._turned.wait()

    async def settled(self, seconds: float) -> bool:
        """Wait until nothing is left to do at relays, no longer than this; says whether so."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self.steps.look(_nothing_left):
                    self._stirred.clear()
                    await self._stirred.wait()
                    if self._closed:
                        raise MisuseError("this client is closed: open it again")
        return self.steps.look(_nothing_left)

    async def close(self) -> None:
        """End everything; what is not done is durable and goes on at the next open."""
        self._closed = True
        for task in (*self._tasks, *self._side_tasks):
            task.cancel()
        # Before the inbox: an errand that became due meanwhile would ask a closed one.
        await self.errands.close()
        await self.inbox.close()
        await self._receiver.close()
        await self.couriers.close()
        await self.office.close()
        await asyncio.gather(*self._tasks, *self._side_tasks, return_exceptions=True)
        self.connection, self.connection_explanation = Connection.OFFLINE, "this client is closed"
        self.events.close()
        for message in list(self.messages.values()):
            message.end()
        self._turned.set()
        self._stirred.set()

    # -- after each commit ---------------------------------------------------------------------

    def follow(self, desk: Desk) -> None:
        """Do what a committed step left to do."""
        if desk.mail:
            self.couriers.mail(desk.mail)
        if desk.changed_mail:
            self.couriers.wake()
        if desk.new_tasks:
            self.errands.wake()
        for change in desk.states:
            message = self.messages.get(change.inner_id.hex())
            if message is not None:
                message.move(change.state)
        if desk.transient:
            self.events.show(desk.transient)
        if desk.new_events:
            self.events.wake()
        self._receiver.wake()
        self._clock_woken.set()
        self._stirred.set()

    def troubled(self, error: VaultError | None) -> None:
        """Tell the app at once that the disk refuses, or stores again."""
        explanation = "the vault stores again" if error is None else str(error)
        self.events.show([StorageChanged(error is None, explanation)])

    def post_once(self, entries: list[OutboxEntry]) -> None:
        """Post what is never repeated; not while the last for the same device is on its way."""
        for entry in entries:
            self._aside(post_once(self.office, entry), once=entry.device_key)

    # -- what the inbox tells -------------------------------------------------------------------

    def connected(self, welcome: Welcome, hello: Hello) -> None:
        """Take note of a login; what is queued follows."""
        self._receiver.logged_in()
        self._aside(self._logged_in(welcome, hello))
        self.errands.set_online(online=True)
        self.couriers.wake()
        self._final = None
        self._show(Connection.ONLINE, f"connected to {hello.host}")

    def disconnected(self, error: RelayError | None, retry_seconds: float | None) -> None:
        """Take note of a lost connection."""
        self.errands.set_online(online=False)
        self._final = None if retry_seconds is not None else error
        explanation = "closed" if error is None else str(error)
        if retry_seconds is not None:
            self._show(Connection.OFFLINE, explanation)
        elif isinstance(error, LoginDisplaced):
            self._show(Connection.DISPLACED, explanation)
        elif error is not None:
            self._show(Connection.REFUSED, explanation)

    def delivered(self, delivery: Delivery) -> None:
        """Queue an envelope."""
        self._receiver.put(delivery)

    def damaged(self, damaged: Damaged) -> None:
        """Report an envelope that is not its id."""
        self._aside(self._alarm(AlarmKind.ALTERED, _DAMAGED), once=AlarmKind.ALTERED)

    def noticed(self, notice: PrekeysLow | Expired) -> None:
        """Refill prekeys, or tell whose mail expired."""
        if isinstance(notice, PrekeysLow):
            self._aside(self._refill(notice.left), once=PrekeysLow)
        else:
            # The relay repeats at the next login what has not been seen.
            self._aside(self._expired(notice), once=Expired)

    # -- tasks ----------------------------------------------------------------------------------

    async def _run_inbox(self) -> None:
        try:
            await self.inbox.run()
        except RelayIdentityChanged as error:
            await self._alarm(AlarmKind.RELAY_KEY_CHANGED, str(error))
        except RelayError:
            # Told by `disconnected` already; only a person can go on from here.
            return

    async def _run_clock(self) -> None:
        while True:
            self._clock_woken.clear()
            wait = self.steps.look(deadlines.next_deadline) - self.steps.clock()
            if wait > 0:
                await self._doze(wait)
                continue
            try:
                await self.steps.run(deadlines.handle_deadline)
            except VaultError:
                await asyncio.sleep(VAULT_RETRY_SECONDS)
            except Exception as error:  # noqa: BLE001  receipts and repeats of others hang on it
                report("hushpost could not do what was due", error)
                await asyncio.sleep(VAULT_RETRY_SECONDS)

    async def _doze(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._clock_woken.wait()
        except TimeoutError:
            pass

    def _aside(self, work: Coroutine[None, None, None], *, once: object = None) -> None:
        """Begin a task; none while one of that name runs, however often a relay asks for it."""
        if self._closed or (once is not None and once in self._busy):
            work.close()
            return
        if once is not None:
            self._busy.add(once)
        task = asyncio.get_running_loop().create_task(_unless_disk_full(work))
        self._side_tasks.add(task)
        task.add_done_callback(self._side_tasks.discard)
        # One that is cancelled before it began has not begun its work, which nobody awaits then.
        task.add_done_callback(lambda _: work.close())
        task.add_done_callback(lambda _: self._busy.discard(once))

    async def _logged_in(self, welcome: Welcome, hello: Hello) -> None:
        greeting = Greeting(
            welcome.route,
            welcome.prekeys_left,
            welcome.device_list_version,
            welcome.generation,
            hello.hour,
        )
        await self.steps.run(greeted, greeting)

    async def _refill(self, left: int) -> None:
        await self.steps.run(prekey_upkeep.refill, left)

    async def _expired(self, notice: Expired) -> None:
        drops = [(bytes(item.drop_ref), item.count) for item in notice.drops]
        await self.steps.run(expiry.noticed, drops)
        self.inbox.expired_seen(notice)

    async def _alarm(self, kind: AlarmKind, explanation: str) -> None:
        await self.steps.run(event_log.safety_alarm, b"", kind, explanation)

    def _show(self, connection: Connection, explanation: str) -> None:
        self.connection = connection
        self.connection_explanation = explanation
        self.events.show([ConnectionChanged(connection, explanation)])
        self._turned.set()


def _nothing_left(desk: Desk) -> bool:
    owed = (Table.TASKS, Table.OUTBOX, Table.RECEIPTS)
    return not any(desk.ledger.count(table) for table in owed)


async def _unless_disk_full(work: Coroutine[None, None, None]) -> None:
    """Let a task of its own end quietly on a full disk: the relay tells it again at next login."""
    try:
        await work
    except VaultError:
        return
    except Exception as error:  # noqa: BLE001  nobody awaits it: it would be heard of by chance
        report("hushpost could not work in what its relay told", error)
