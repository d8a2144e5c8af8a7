"""A device with an account at a real relay, for the transport's tests."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from hushpost.errors import RelayError
from hushpost.retry import Backoff
from hushpost.transport_dial import Dial
from hushpost.transport_inbox import Credentials, Delivery, Inbox, challenge
from hushpost.transport_link import open_link
from hushpost.transport_posting import Posting
from hushpost_crypto.device_list import issue_first
from hushpost_crypto.drops import Drop
from hushpost_crypto.genesis import make_genesis
from hushpost_crypto.keys import AccountKey, DeviceKey, IdentityKey, RecoveryKey, device_entry
from hushpost_crypto.login import sign_account_creation
from hushpost_crypto.primitives import random_bytes
from hushpost_wire.client_protocol import Damaged
from hushpost_wire.control import (
    AccountCreated,
    CreateAccount,
    Done,
    DropKind,
    Expired,
    Hello,
    PrekeysLow,
    RegisterDrop,
    Role,
    Welcome,
)
from hushpost_wire.host import Host
from hushpost_wire.identifiers import DropSecret, RelayPublicKey, Route, envelope_id
from hushpost_wire.ttl import TtlClass, not_after


class MemoryPins:
    """Pins in memory."""

    def __init__(self) -> None:
        self.keys: dict[Host, RelayPublicKey] = {}

    def known(self, host: Host) -> RelayPublicKey | None:
        """Give the key remembered for a host."""
        return self.keys.get(host)

    async def remember(self, host: Host, key: RelayPublicKey) -> None:
        """Keep a key."""
        self.keys[host] = key


@dataclass(frozen=True)
class Ended:
    """An end of the connection, and the wait before the next attempt."""

    error: RelayError | None
    wait: float | None


@dataclass
class Ear:
    """Writes down what an inbox tells, and lets a test wait for it."""

    heard: list[object] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def connected(self, welcome: Welcome, hello: Hello) -> None:
        """Note a login."""
        self._note(welcome)

    def disconnected(self, error: RelayError | None, retry_seconds: float | None) -> None:
        """Note an end."""
        self._note(Ended(error, retry_seconds))

    def delivered(self, delivery: Delivery) -> None:
        """Note an envelope."""
        self._note(delivery)

    def damaged(self, damaged: Damaged) -> None:
        """Note a damaged envelope."""
        self._note(damaged)

    def noticed(self, notice: PrekeysLow | Expired) -> None:
        """Note a notice."""
        self._note(notice)

    async def until(self, test: Callable[[list[object]], bool]) -> None:
        """Wait until what was heard passes ``test``."""
        async with asyncio.timeout(60):
            while not test(self.heard):
                self.changed.clear()
                await self.changed.wait()

    async def until_heard(self, kind: type[object], times: int = 1) -> None:
        """Wait until something of a kind was heard so many times."""
        await self.until(lambda heard: sum(isinstance(one, kind) for one in heard) >= times)

    def deliveries(self) -> list[Delivery]:
        """Give the envelopes heard."""
        return [one for one in self.heard if isinstance(one, Delivery)]

    def ends(self) -> list[Ended]:
        """Give the ends heard."""
        return [one for one in self.heard if isinstance(one, Ended)]

    def _note(self, what: object) -> None:
        self.heard.append(what)
        self.changed.set()


@dataclass
class Person:
    """A device, its inbox and what it heard."""

    host: Host
    route: Route
    credentials: Credentials
    pins: MemoryPins
    ear: Ear
    inbox: Inbox
    running: "asyncio.Task[None]"

    async def make_drop(self) -> Drop:
        """Register a drop into this mailbox and give it."""
        drop = Drop(self.route, DropSecret(random_bytes(32)))
        answer = await self.inbox.request(
            lambda number: RegisterDrop(id=number, drop_hash=drop.hash(), kind=DropKind.CONTACT)
        )
        assert isinstance(answer, Done)
        return drop


def posting(drop: Drop, now: float, envelope: bytes | None = None) -> Posting:
    """Make a posting of one day through a drop."""
    envelope = random_bytes(4096) if envelope is None else envelope
    return Posting(
        TtlClass.DAY,
        drop.route,
        drop.secret,
        envelope_id(envelope),
        not_after(TtlClass.DAY, now),
        envelope,
    )


async def register(host: Host, pins: MemoryPins, dial: Dial) -> tuple[Credentials, Route]:
    """Create an account with one device at the relay."""
    account_key, recovery_key = (
        AccountKey.generate(random_bytes),
        RecoveryKey.generate(random_bytes),
    )
    device_key, identity_key = DeviceKey.generate(random_bytes), IdentityKey.generate(random_bytes)
    genesis = make_genesis(account_key, recovery_key)
    entry = device_entry(device_key, identity_key)
    devices = issue_first(account_key, genesis, entry, today=int(time.time() // 86400))
    route = Route(random_bytes(16))
    link = await open_link(host, Role.INBOX, dial=dial, pins=pins, random=random_bytes)
    try:
        signature = sign_account_creation(
            account_key,
            challenge(link, await link.hello()),
            genesis=genesis,
            device_list=devices,
            device_id=entry.device_id(),
            route=route,
            token=None,
        )
        answer = await link.request(
            lambda number: CreateAccount(
                id=number,
                genesis=genesis.to_bytes(),
                device_list=devices.to_bytes(),
                device=entry.device_id(),
                route=route,
                signature=signature,
            )
        )
        assert isinstance(answer, AccountCreated), answer
    finally:
        await link.close()
    return Credentials(genesis.account_id(), entry.device_id(), device_key), route


@asynccontextmanager
async def person(
    host: Host, dial: Dial | None = None, backoff: Backoff | None = None
) -> AsyncGenerator[Person, None]:
    """Be a registered person whose inbox is open."""
    pins, ear, dial = MemoryPins(), Ear(), dial or Dial()
    credentials, route = await register(host, pins, dial)
    inbox = Inbox(
        host,
        credentials,
        ear,
        pins=pins,
        dial=dial,
        random=random_bytes,
        backoff=backoff or Backoff(),
    )
    running = asyncio.get_running_loop().create_task(inbox.run())
    try:
        await ear.until_heard(Welcome)
        yield Person(host, route, credentials, pins, ear, inbox, running)
    finally:
        await inbox.close()
        await asyncio.wait((running,))
