"""A device for tests of the relay: real keys, real sockets, and no client library."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import TypeVar

from hushpost_wire import transcripts
from hushpost_wire.account_records import NO_PREVIOUS, DeviceEntry, DeviceList, Genesis
from hushpost_wire.control import (
    AccountCreated,
    Control,
    ControlToClient,
    CreateAccount,
    Done,
    DropKind,
    Hello,
    Login,
    RegisterDrop,
    Welcome,
    decode_control_to_client,
    encode_control,
)
from hushpost_wire.frames import (
    Accepted,
    Deliver,
    FrameToClient,
    Refused,
    Submit,
    decode_to_client,
    encode_acknowledge,
    encode_submit,
)
from hushpost_wire.host import Host
from hushpost_wire.identifiers import (
    AccountId,
    AccountPublicKey,
    DeviceId,
    DevicePublicKey,
    DropSecret,
    EnvelopeId,
    IdentityPublicKey,
    ListHead,
    PrekeyId,
    RecoveryHash,
    Route,
    Signature,
    drop_hash,
)
from hushpost_wire.prekey_records import PrekeyKind, PrekeyRecord, SealRecord
from hushpost_wire.transcripts import Challenge
from hushpost_wire.ttl import TtlClass, not_after
from nacl.signing import SigningKey
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

Message = TypeVar("Message")
NOW = 1_790_000_000.0
TODAY = int(NOW // 86400)


@dataclass
class Wire:
    """One open connection to a relay, with everything it said."""

    socket: ClientConnection
    hello: Hello
    next_id: int = 0
    kept: list[ControlToClient | FrameToClient] = field(default_factory=list)

    async def receive(self) -> ControlToClient | FrameToClient:
        """Return the next message."""
        data = await self.socket.recv()
        return decode_control_to_client(data) if isinstance(data, str) else decode_to_client(data)

    async def wait_for(self, kind: type[Message]) -> Message:
        """Return the next message of `kind`; others are kept for a later call."""
        for message in self.kept:
            if isinstance(message, kind):
                self.kept.remove(message)
                return message
        while True:
            message = await self.receive()
            if isinstance(message, kind):
                return message
            self.kept.append(message)

    async def send(self, message: Control) -> None:
        """Send a control message."""
        await self.socket.send(encode_control(message))

    async def ask(self, message: Control, kind: type[Message]) -> Message:
        """Send a request and return its answer."""
        await self.send(message)
        return await self.wait_for(kind)

    def id(self) -> int:
        """Return a fresh request id."""
        self.next_id += 1
        return self.next_id

    @property
    def challenge(self) -> Challenge:
        """Return what signatures on this connection bind."""
        hello = self.hello
        return Challenge(
            nonce=hello.nonce,
            host=Host(hello.host),
            relay_key=hello.relay_key,
            protocol_min=hello.protocol.min,
            protocol_max=hello.protocol.max,
        )

    async def submit(self, submit: Submit) -> Accepted | Refused:
        """Submit an envelope and return the verdict."""
        await self.socket.send(encode_submit(submit))
        return await self.verdict()

    async def verdict(self) -> Accepted | Refused:
        """Return the next verdict."""
        while True:
            for message in self.kept:
                if isinstance(message, Accepted | Refused):
                    self.kept.remove(message)
                    return message
            self.kept.append(await self.receive())

    async def ended(self) -> int:
        """Read until the relay closes, and return its close code."""
        while True:
            try:
                self.kept.append(await self.receive())
            except ConnectionClosed as closed:
                return 1006 if closed.rcvd is None else closed.rcvd.code

    async def acknowledge(self, *deliveries: Deliver) -> None:
        """Acknowledge deliveries."""
        await self.socket.send(encode_acknowledge([delivery.tag for delivery in deliveries]))


@asynccontextmanager
async def dial(url: str, path: str) -> AsyncGenerator[Wire, None]:
    """Connect and take the relay's hello."""
    async with connect(
        url + path,
        subprotocols=[Subprotocol("hushpost.v1")],
        compression=None,
        proxy=None,
        ping_interval=None,
        max_size=None,
        max_queue=None,  # a full queue would keep the close frame unread
    ) as socket:
        data = await socket.recv()
        assert isinstance(data, str)
        hello = decode_control_to_client(data)
        assert isinstance(hello, Hello)
        yield Wire(socket, hello)


class TestDevice:
    """An account with one device and its mailbox."""

    __test__ = False

    def __init__(self, url: str) -> None:
        self.url = url
        self.account_key = SigningKey.generate()
        self.device_key = SigningKey.generate()
        self.genesis = Genesis(
            AccountPublicKey(bytes(self.account_key.verify_key)),
            RecoveryHash(secrets.token_bytes(32)),
        )
        self.account_id: AccountId = self.genesis.account_id()
        self.entry = DeviceEntry(
            DevicePublicKey(bytes(self.device_key.verify_key)),
            IdentityPublicKey(secrets.token_bytes(32)),
        )
        self.device_id: DeviceId = self.entry.device_id()
        self.route = Route(secrets.token_bytes(16))
        self.lists = [self.make_list(1, NO_PREVIOUS)]

    def make_list(
        self, version: int, previous: ListHead, *, day: int = TODAY, key: SigningKey | None = None
    ) -> DeviceList:
        """Make a signed device list of this one device."""
        unsigned = DeviceList(
            self.account_id, version, previous, day, (self.entry,), Signature(bytes(64))
        )
        signer = key if key is not None else self.account_key
        return replace(
            unsigned, signature=Signature(signer.sign(unsigned.signed_bytes()).signature)
        )

    def creation(self, wire: Wire, *, token: str | None = None) -> CreateAccount:
        """Make a signed request to create the account."""
        device_list = self.lists[0].to_bytes()
        signed = transcripts.account_creation(
            wire.challenge,
            genesis=self.genesis.to_bytes(),
            device_list=device_list,
            device_id=self.device_id,
            route=self.route,
            token=token,
        )
        return CreateAccount(
            id=wire.id(),
            genesis=self.genesis.to_bytes(),
            device_list=device_list,
            device=self.device_id,
            route=self.route,
            token=token,
            signature=Signature(self.account_key.sign(signed).signature),
        )

    def login(self, wire: Wire, challenge: Challenge | None = None) -> Login:
        """Make a signed login, for this connection or another challenge."""
        nonce = secrets.token_bytes(32)
        signed = transcripts.login(
            challenge if challenge is not None else wire.challenge,
            client_nonce=nonce,
            protocol=1,
            account_id=self.account_id,
            device_id=self.device_id,
        )
        return Login(
            id=wire.id(),
            account=self.account_id,
            device=self.device_id,
            protocol=1,
            client_nonce=nonce,
            signature=Signature(self.device_key.sign(signed).signature),
        )

    @asynccontextmanager
    async def inbox(self, *, create: bool = False) -> AsyncGenerator[Wire, None]:
        """Log in on a new connection, creating the account first if told to."""
        async with dial(self.url, "/v1/inbox") as wire:
            if create:
                await self.create_on(wire)
            await wire.ask(self.login(wire), Welcome)
            yield wire

    async def create_on(self, wire: Wire) -> None:
        """Create the account on an open connection."""
        await wire.ask(self.creation(wire), AccountCreated)

    async def open_drop(self, wire: Wire, kind: DropKind = DropKind.CONTACT) -> bytes:
        """Register a fresh drop and return its secret."""
        secret = secrets.token_bytes(32)
        hashed = drop_hash(self.route, DropSecret(secret))
        await wire.ask(RegisterDrop(id=wire.id(), drop_hash=hashed, kind=kind), Done)
        return secret

    def prekey(
        self,
        kind: PrekeyKind = PrekeyKind.ONE_TIME,
        *,
        issue: int = TODAY,
        expiry: int = TODAY + 7,
        key: SigningKey | None = None,
    ) -> bytes:
        """Make a signed prekey record."""
        unsigned = PrekeyRecord(
            kind=kind,
            device_id=self.device_id,
            prekey_id=PrekeyId(secrets.token_bytes(16)),
            x25519_key=secrets.token_bytes(32),
            mlkem_key=secrets.token_bytes(1568),
            issue_day=issue,
            expiry_day=expiry,
            signature=Signature(bytes(64)),
        )
        signer = key if key is not None else self.device_key
        signature = signer.sign(unsigned.signed_bytes(self.account_id)).signature
        return replace(unsigned, signature=Signature(signature)).to_bytes()

    def seal(self, host: str, *, route: bytes | None = None) -> bytes:
        """Make a signed seal record."""
        unsigned = SealRecord(
            account_id=self.account_id,
            device_id=self.device_id,
            key_id=PrekeyId(secrets.token_bytes(16)),
            host=Host(host),
            route=self.route if route is None else Route(route),
            knock_secret=None,
            seal_key=secrets.token_bytes(1216),
            issue_day=TODAY,
            expiry_day=TODAY + 7,
            signature=Signature(bytes(64)),
        )
        signature = self.device_key.sign(unsigned.signed_bytes()).signature
        return replace(unsigned, signature=Signature(signature)).to_bytes()


def envelope_for(
    route: bytes,
    secret: bytes,
    *,
    request: int = 1,
    body: bytes | None = None,
    ttl: TtlClass = TtlClass.FORTNIGHT,
    now: float = NOW,
) -> Submit:
    """Make an envelope of the small bucket for a drop."""
    envelope = body if body is not None else secrets.token_bytes(4096)
    return Submit(
        int(ttl),
        request,
        Route(route),
        DropSecret(secret),
        EnvelopeId(sha256(envelope).digest()[:16]),
        not_after(ttl, now),
        envelope,
    )
