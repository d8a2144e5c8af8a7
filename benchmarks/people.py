"""Accounts of the load, as real as any client's: keys, genesis, device list, login, drops.

All of it through hushpost_crypto and hushpost_wire; the relay's welcome is verified. Only what
carries the messages of a phase is the load's own (`link`, `pair`).
"""

import time
from dataclasses import dataclass
from typing import TypeVar

from hushpost_crypto.device_list import issue_first
from hushpost_crypto.drops import Drop, make_drop, make_route
from hushpost_crypto.genesis import make_genesis
from hushpost_crypto.keys import AccountKey, DeviceKey, IdentityKey, RecoveryKey, device_entry
from hushpost_crypto.login import LoginAttempt, sign_account_creation
from hushpost_crypto.primitives import random_bytes
from hushpost_wire.control import (
    AccountCreated,
    Control,
    CountPrekeys,
    CreateAccount,
    Done,
    DropKind,
    Hello,
    Login,
    PrekeyCount,
    PrekeysLow,
    RegisterDrop,
    Welcome,
    decode_control_to_client,
    encode_control,
)
from hushpost_wire.host import Host
from hushpost_wire.limits import INBOX_PATH, POST_PATH, SUBPROTOCOL
from hushpost_wire.records import DeviceList, Genesis, Route
from hushpost_wire.transcripts import Challenge

from benchmarks.errors import LoadFailure
from benchmarks.link import Link

Answer = TypeVar("Answer")
_SECONDS_A_DAY = 86_400


@dataclass(slots=True)
class Person:
    """One account with one device."""

    account_key: AccountKey
    device_key: DeviceKey
    genesis: Genesis
    device_list: DeviceList
    route: Route

    @classmethod
    def make(cls) -> "Person":
        """Make the keys and records."""
        account_key, device_key = AccountKey.generate(), DeviceKey.generate()
        genesis = make_genesis(account_key, RecoveryKey.generate())
        entry = device_entry(device_key, IdentityKey.generate())
        today = int(time.time()) // _SECONDS_A_DAY
        device_list = issue_first(account_key, genesis, entry, today=today)
        return cls(account_key, device_key, genesis, device_list, make_route())

    async def open_inbox(self, url: str, *, create: bool, source: str | None = None) -> Link:
        """Log in on a new connection, on the first visit creating the account before."""
        link, hello = await greet(url, INBOX_PATH, source=source)
        if create:
            await self._create(link, hello)
        await self.log_in(link, hello)
        return link

    async def register(self, inbox: Link, kind: DropKind = DropKind.CONTACT) -> Drop:
        """Register a fresh drop, a contact's if not told otherwise; the caller posts through it."""
        drop = make_drop(self.route)
        request = RegisterDrop(id=1, drop_hash=drop.hash(), kind=kind)
        await ask(inbox, request, Done)
        return drop

    async def _create(self, link: Link, hello: Hello) -> None:
        await ask(link, self.creation(hello), AccountCreated)

    def creation(self, hello: Hello) -> CreateAccount:
        """Sign the request to make this account on the connection that `hello` came on."""
        device = self.device_list.entries[0].device_id()
        signature = sign_account_creation(
            self.account_key,
            challenge_of(hello),
            genesis=self.genesis,
            device_list=self.device_list,
            device_id=device,
            route=self.route,
            token=None,
        )
        return CreateAccount(
            id=1,
            genesis=self.genesis.to_bytes(),
            device_list=self.device_list.to_bytes(),
            device=device,
            route=self.route,
            signature=signature,
        )

    async def log_in(self, link: Link, hello: Hello) -> None:
        """Log in; deliveries may follow the welcome at once, so `link` must be ready for them."""
        attempt = LoginAttempt(
            challenge=challenge_of(hello),
            client_nonce=random_bytes(32),
            protocol=hello.protocol.max,
            account_id=self.genesis.account_id(),
            device_id=self.device_list.entries[0].device_id(),
        )
        request = Login(
            id=2,
            account=attempt.account_id,
            device=attempt.device_id,
            protocol=attempt.protocol,
            client_nonce=attempt.client_nonce,
            signature=attempt.sign(self.device_key),
        )
        welcome = await ask(link, request, Welcome)
        attempt.verify_welcome(
            welcome.signature,
            route=welcome.route,
            prekeys_left=welcome.prekeys_left,
            device_list_version=welcome.device_list_version,
            generation=welcome.generation,
        )


async def greet(url: str, path: str, *, source: str | None = None) -> tuple[Link, Hello]:
    """Connect to an endpoint, from an address of this machine, and take the relay's hello."""
    link = await Link.connect(url, path, SUBPROTOCOL, source=source)
    return link, await _expect(link, Hello)


async def open_post(url: str, *, source: str | None = None) -> Link:
    """Open an anonymous connection to post on."""
    link, _ = await greet(url, POST_PATH, source=source)
    return link


async def commit_barrier(inbox: Link) -> None:
    """Return once everything that this inbox acknowledged before is deleted durably.

    Counting prekeys is an operation in the writer's queue behind those deletions.
    """
    await ask(inbox, CountPrekeys(id=3), PrekeyCount)


async def ask(link: Link, request: Control, answer: type[Answer]) -> Answer:
    """Send a request and wait for its answer; anything else is a `LoadFailure`."""
    link.send_text(encode_control(request))
    return await _expect(link, answer)


def challenge_of(hello: Hello) -> Challenge:
    """Return what every signature on this connection binds."""
    return Challenge(
        nonce=hello.nonce,
        host=Host(hello.host),
        relay_key=hello.relay_key,
        protocol_min=hello.protocol.min,
        protocol_max=hello.protocol.max,
    )


async def _expect(link: Link, kind: type[Answer]) -> Answer:
    while True:
        data = await link.message()
        if isinstance(data, bytes):
            raise LoadFailure(f"waited for {kind.__name__}, got a binary message")
        message = decode_control_to_client(data)
        if isinstance(message, kind):
            return message
        if not isinstance(message, PrekeysLow):  # nobody here publishes any
            raise LoadFailure(f"waited for {kind.__name__}, got {data[:200]}")
