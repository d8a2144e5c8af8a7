"""A relay's and a client's machine joined by function calls: no sockets, no sleeps."""

from collections.abc import Callable

from hushpost_wire.client_protocol import ClientEvent, ClientProtocol
from hushpost_wire.control import Login, Registration, Role, Welcome
from hushpost_wire.frames import Submit
from hushpost_wire.host import Host
from hushpost_wire.identifiers import (
    AccountId,
    DeviceId,
    DropReference,
    DropSecret,
    EnvelopeId,
    RelayPublicKey,
    Route,
    Signature,
    StoreGeneration,
    envelope_id,
)
from hushpost_wire.limits import Limits
from hushpost_wire.relay_events import RelayEvent
from hushpost_wire.relay_protocol import RelayProtocol
from hushpost_wire.terms import Terms
from hushpost_wire.ttl import TtlClass, not_after

NOW = 1_764_000_000.0
ENVELOPE = bytes(4096)
HOUR = not_after(TtlClass.DAY, NOW)
DROP = DropReference(b"d" * 16)

Messages = list[str | bytes]


def untouched(messages: Messages) -> Messages:
    """Carry every message once and in order."""
    return messages


class Joined:
    """Two machines and the wire between them; `to_relay` may drop, reorder or duplicate."""

    def __init__(self, role: Role, limits: Limits | None = None) -> None:
        self.terms = Terms(
            host=Host("relay.example"),
            relay_key=RelayPublicKey(b"k" * 32),
            registration=Registration.OPEN,
            limits=limits or Limits(),
        )
        self.relay = RelayProtocol(self.terms, role, nonce=b"n" * 32, now=NOW)
        self.client = ClientProtocol(role, now=NOW)

    def to_client(self) -> list[ClientEvent]:
        """Carry what the relay has to send; give the client's events."""
        for message in self.relay.data_to_send():
            self.client.receive_data(message)
        return self.client.events_received()

    def to_relay(self, carry: Callable[[Messages], Messages] = untouched) -> list[RelayEvent]:
        """Carry what the client has to send; give the relay's events."""
        for message in carry(self.client.data_to_send()):
            self.relay.receive_data(message, NOW)
        return self.relay.events_received()

    def open(self) -> "Joined":
        """Bring the connection to open, by a login on the inbox."""
        self.to_client()
        if self.relay.role is Role.INBOX:
            self.client.send(login(self.client.next_id()), NOW)
            (event,) = self.to_relay()
            assert isinstance(event, Login)
            self.relay.answer(welcome(event.id))
            (answer,) = self.to_client()
            assert isinstance(answer, Welcome)
        return self

    def submit(self, envelope: bytes = ENVELOPE, ttl_class: int = TtlClass.DAY) -> int:
        """Let the client submit an envelope that any relay would take."""
        return self.client.submit(
            ttl_class=ttl_class,
            route=Route(b"r" * 16),
            drop_secret=DropSecret(b"s" * 32),
            envelope_id=envelope_id(envelope),
            not_after=HOUR,
            envelope=envelope,
            now=NOW,
        )

    def deliver(self, sequence: int, identifier: EnvelopeId | None = None) -> int:
        """Let the relay deliver an envelope as the given sequence."""
        return self.relay.deliver(
            sequence,
            backlog=False,
            not_after=HOUR,
            drop_ref=DROP,
            envelope_id=identifier or envelope_id(ENVELOPE),
            envelope=ENVELOPE,
        )


def login(request: int) -> Login:
    """Make a login; the machines do not look at signatures."""
    return Login(
        id=request,
        account=AccountId(b"a" * 32),
        device=DeviceId(b"d" * 16),
        protocol=1,
        client_nonce=b"c" * 32,
        signature=Signature(b"s" * 64),
    )


def welcome(request: int) -> Welcome:
    """Make the answer to a login."""
    return Welcome(
        id=request,
        protocol=1,
        route=Route(b"r" * 16),
        prekeys_left=100,
        device_list_version=1,
        generation=StoreGeneration(b"g" * 16),
        signature=Signature(b"s" * 64),
    )


def submitted(request: int) -> Submit:
    """Make the frame that `Joined.submit` sends."""
    return Submit(
        TtlClass.DAY,
        request,
        Route(b"r" * 16),
        DropSecret(b"s" * 32),
        envelope_id(ENVELOPE),
        HOUR,
        ENVELOPE,
    )
