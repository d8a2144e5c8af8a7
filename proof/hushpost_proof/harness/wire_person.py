"""A client that is nothing but the wire: opaque envelopes, real sockets, a memory for an outbox.

It keeps docs/spec/delivery.md to the letter and no more: the same bytes again after a lost
connection, from the first that was not accepted; a seen-set of envelope ids; an acknowledgement
after what it received is written down. What it sends is random bytes, so no cryptography hides a
fault of the relay.
"""

import asyncio
import random
import secrets
import time
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from hushpost_wire.account_records import NO_PREVIOUS
from hushpost_wire.client_protocol import ClientEvent, ClientProtocol
from hushpost_wire.close_codes import CloseCode
from hushpost_wire.control import Error, Hello, PrekeysLow, Role, Welcome
from hushpost_wire.frames import Accepted, Deliver, RefusalReason, Refused
from hushpost_wire.identifiers import (
    DropReference,
    DropSecret,
    EnvelopeId,
    Route,
    drop_hash,
    envelope_id,
)
from hushpost_wire.limits import INBOX_PATH, MESSAGE_BYTES_MAX, POST_PATH
from hushpost_wire.ttl import TtlClass, not_after
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Subprotocol

from hushpost_proof.harness.device import TestDevice, Wire
from hushpost_proof.harness.journal import Journal, What

ENVELOPE_BYTES = 4096
# Unanswered envelopes of one person: enough that a killed relay leaves several in each state.
WINDOW = 8
# Short, so that a relay is under load again at once after its start.
RECONNECT_SECONDS_MAX = 0.1
_GONE = (OSError, ConnectionClosed, InvalidHandshake, EOFError, TimeoutError)
# Verdicts after which the same bytes may come again.
TRANSIENT = (RefusalReason.RETRY, RefusalReason.FULL, RefusalReason.SLOW_DOWN)


class LoginFailed(Exception):
    """The relay does not know this device."""


@dataclass(frozen=True, slots=True)
class Letter:
    """An envelope in the outbox of one person."""

    number: int
    envelope_id: EnvelopeId
    envelope: bytes
    not_after: int


class Link:
    """A connection and the client's machine of the wire."""

    def __init__(self, socket: ClientConnection, role: Role) -> None:
        self.socket = socket
        self.machine = ClientProtocol(role, now=time.monotonic())

    async def receive(self) -> list[ClientEvent]:
        """Wait for a message and return what it means; a violation by the relay fails the test."""
        self.machine.receive_data(await self.socket.recv())
        closing = self.machine.closing
        assert closing is None or closing.code is CloseCode.NORMAL, closing
        return self.machine.events_received()

    async def flush(self) -> None:
        """Send all that the machine has to send."""
        for message in self.machine.data_to_send():
            await self.socket.send(message)


@asynccontextmanager
async def open_link(url: str, role: Role) -> AsyncGenerator[tuple[Link, Hello]]:
    """Connect to an endpoint and take the relay's hello."""
    async with connect(
        url + (INBOX_PATH if role is Role.INBOX else POST_PATH),
        subprotocols=[Subprotocol("hushpost.v1")],
        compression=None,
        proxy=None,
        ping_interval=None,
        max_size=MESSAGE_BYTES_MAX,
        close_timeout=1,
    ) as socket:
        link = Link(socket, role)
        (hello,) = await link.receive()
        assert isinstance(hello, Hello)
        yield link, hello


@dataclass(slots=True)
class Outbox:
    """What waits to be accepted: `posted` of it, from the front, on the present connection."""

    letters: deque[Letter] = field(default_factory=deque[Letter])
    posted: int = 0
    asked: dict[int, Letter] = field(default_factory=dict[int, Letter])

    def connection_lost(self) -> int:
        """Go back to the first that was not accepted; return how many are posted again."""
        again, self.posted = self.posted, 0
        self.asked.clear()
        return again

    def accepted(self, request: int) -> Letter:
        """Take out what the relay accepted."""
        letter = self.asked.pop(request)
        self.letters.remove(letter)
        self.posted -= 1
        return letter


class WirePerson:
    """One end of a pair: an account with a mailbox, a peer to write to, and a history."""

    def __init__(self, name: str, url: str, journal: Journal) -> None:
        self.name = name
        self.journal = journal
        self.device = TestDevice(url)
        today = int(time.time() // 86_400)
        self.device.lists = [self.device.make_list(1, NO_PREVIOUS, day=today)]
        self.outbox = Outbox()
        self.resent = 0
        self.redelivered = 0
        self.received = 0
        self._url = url
        self._peer: WirePerson | None = None
        self._route = Route(bytes(16))
        self._secret = DropSecret(bytes(32))
        self._names: dict[DropReference, str] = {}
        self._seen: set[EnvelopeId] = set()
        self.written = 0
        self._more = asyncio.Event()

    def where(self) -> str:
        """Return where the next connection goes; of several relays any will do."""
        return self._url

    async def register(self) -> None:
        """Create the account."""
        async with self.device.inbox(create=True):
            pass

    async def befriend(self, peer: "WirePerson") -> None:
        """Open a drop in the peer's mailbox for this person, who holds its secret."""
        async with peer.device.inbox() as wire:
            self._secret = DropSecret(await peer.device.open_drop(wire))
        self._peer, self._route = peer, peer.device.route
        reference = DropReference(drop_hash(self._route, self._secret)[:16])
        peer._names[reference] = self.name

    @property
    def is_settled(self) -> bool:
        """Whether all that this person wrote was accepted and has arrived."""
        arrived = self.written if self._peer is None else self._peer.received
        return not self.outbox.letters and arrived >= self.written

    # ---- writing

    def write(self) -> None:
        """Put a new message into the outbox."""
        assert self._peer is not None
        self.written += 1
        envelope = secrets.token_bytes(ENVELOPE_BYTES)
        known_as = envelope_id(envelope)
        hour = not_after(TtlClass.FORTNIGHT, time.time())
        self.journal.write(What.SENDING, peer=self._peer.name, number=self.written, body=envelope)
        self.outbox.letters.append(Letter(self.written, known_as, envelope, hour))
        self.journal.write(
            What.SENT, peer=self._peer.name, number=self.written, message_id=known_as.hex()
        )
        self._more.set()

    async def post(self) -> None:
        """Post what the outbox holds, for ever, on one connection after another."""
        while True:
            try:
                async with (
                    open_link(self.where(), Role.POST) as (link, _),
                    asyncio.TaskGroup() as group,
                ):
                    group.create_task(self._submit(link))
                    group.create_task(self._take_verdicts(link))
            except* _GONE:
                pass
            self.resent += self.outbox.connection_lost()
            await self.rest()

    async def rest(self) -> None:
        """Wait before posting again on another connection."""
        await _pause()

    async def _submit(self, link: Link) -> None:
        outbox = self.outbox
        while True:
            self._more.clear()
            while outbox.posted < min(WINDOW, len(outbox.letters)):
                letter = outbox.letters[outbox.posted]
                request = link.machine.submit(
                    ttl_class=int(TtlClass.FORTNIGHT),
                    route=self._route,
                    drop_secret=self._secret,
                    envelope_id=letter.envelope_id,
                    not_after=letter.not_after,
                    envelope=letter.envelope,
                    now=time.monotonic(),
                )
                outbox.asked[request] = letter
                outbox.posted += 1
            await link.flush()
            await self._more.wait()

    async def _take_verdicts(self, link: Link) -> None:
        while True:
            for event in await link.receive():
                if isinstance(event, Refused) and event.reason in TRANSIENT:
                    raise EOFError  # go on, on a new connection, from the first not accepted
                assert isinstance(event, Accepted), event
                for request in event.requests:
                    letter = self.outbox.accepted(request)
                    self.journal.write(What.ACCEPTED, message_id=letter.envelope_id.hex())
            self._more.set()

    # ---- reading

    async def listen(self) -> None:
        """Read the mailbox, for ever, on one connection after another."""
        while True:
            try:
                async with open_link(self.where(), Role.INBOX) as (link, hello):
                    login = self.device.login(Wire(link.socket, hello))
                    link.machine.send(login, time.monotonic())
                    await link.flush()
                    await self._take_deliveries(link)
            except _GONE:
                pass
            await _pause()

    async def _take_deliveries(self, link: Link) -> None:
        while True:
            for event in await link.receive():
                if isinstance(event, Deliver):
                    self._take(event)
                    link.machine.acknowledge(event.tag)
                elif isinstance(event, Error):
                    raise LoginFailed(f"{self.name}: {event.code}")
                else:
                    # Raw keys publish no prekeys, so the relay says that there are few.
                    assert isinstance(event, Welcome | PrekeysLow), event
            await link.flush()

    def _take(self, deliver: Deliver) -> None:
        if deliver.envelope_id in self._seen:
            self.redelivered += 1
            return
        peer = self._names.get(deliver.drop_ref, "a stranger")
        known_as = deliver.envelope_id.hex()
        self.journal.write(What.RECEIVED, peer=peer, message_id=known_as, body=deliver.envelope)
        self._seen.add(deliver.envelope_id)
        self.received += 1
        self.journal.write(What.ACKNOWLEDGED, peer=peer, message_id=known_as)


async def _pause() -> None:
    await asyncio.sleep(random.uniform(0, RECONNECT_SECONDS_MAX))
