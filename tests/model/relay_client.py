"""A client of a relay on a still loop: the pure machines of WebSocket and wire, and no socket."""

from __future__ import annotations

from typing import cast

from hushpost_proof.harness.device import Wire
from hushpost_wire.client_protocol import ClientEvent, ClientProtocol
from hushpost_wire.control import ExpiredSeen, Hello, Request, Role
from hushpost_wire.host import Host
from hushpost_wire.identifiers import DropSecret, EnvelopeId, Route
from hushpost_wire.limits import SUBPROTOCOL
from hushpost_wire.transcripts import Challenge
from websockets.client import ClientProtocol as WebSocket
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from tests.model.still_loop import Pipe, StillLoop


class Link:
    """One connection. `pump` reads and answers; nothing happens by itself."""

    def __init__(self, loop: StillLoop, pipe: Pipe, role: Role) -> None:
        self.loop = loop
        self.pipe = pipe
        self.machine = ClientProtocol(role, now=loop.time())
        self.reading = True
        self.hello: Hello | None = None
        self.events: list[ClientEvent] = []
        self._socket = WebSocket(
            parse_uri(f"ws://relay.example/v1/{role.value}"),
            subprotocols=[Subprotocol(SUBPROTOCOL)],
            max_size=None,
        )
        self._socket.send_request(self._socket.connect())
        self._leave()

    @property
    def close_code(self) -> int | None:
        """The relay's close code, once it closed."""
        return self._socket.close_rcvd.code if self._socket.close_rcvd is not None else None

    @property
    def open(self) -> bool:
        """Whether more can be said."""
        return self._socket.state is OPEN and not self.pipe.cut

    def pump(self) -> bool:
        """Read all that waits and say all there is to say; False: there was nothing."""
        data = self.pipe.read() if self.reading else b""
        if data:
            self._socket.receive_data(data)
        for event in self._socket.events_received():
            if isinstance(event, Frame) and event.opcode in (Opcode.TEXT, Opcode.BINARY):
                text = event.opcode is Opcode.TEXT
                payload = bytes(event.data)
                self.machine.receive_data(payload.decode() if text else payload)
        events = self.machine.events_received()
        self.events += events
        for message in events:
            if isinstance(message, Hello):
                self.hello = message
        self.say()
        return bool(data)

    def say(self, turns: int = 0) -> None:
        """Say what the machine has to say, so many turns of the loop later."""
        if self._socket.state is OPEN:
            for message in self.machine.data_to_send():
                if isinstance(message, str):
                    self._socket.send_text(message.encode())
                else:
                    self._socket.send_binary(message)
        self._leave(turns)

    def _leave(self, turns: int = 0) -> None:
        data = b"".join(self._socket.data_to_send())
        if data:
            self.loop.after_turns(turns, lambda: self.pipe.arrive(data))

    def take(self) -> list[ClientEvent]:
        """Give what came since the last call."""
        events, self.events = self.events, []
        return events

    def ask(self, request: Request | ExpiredSeen) -> None:
        """Send a control message."""
        self.machine.send(request, self.loop.time())

    def submit(
        self,
        *,
        route: bytes,
        secret: bytes,
        envelope: bytes,
        identifier: bytes,
        ttl: int,
        not_after: int,
    ) -> int:
        """Submit an envelope and give its request."""
        return self.machine.submit(
            ttl_class=ttl,
            route=Route(route),
            drop_secret=DropSecret(secret),
            envelope_id=EnvelopeId(identifier),
            not_after=not_after,
            envelope=envelope,
            now=self.loop.time(),
        )

    # -- what `TestDevice` asks of a wire

    def id(self) -> int:
        """Give a fresh request id."""
        return self.machine.next_id()

    @property
    def challenge(self) -> Challenge:
        """What signatures on this connection bind."""
        hello = self.hello
        assert hello is not None
        return Challenge(
            nonce=hello.nonce,
            host=Host(hello.host),
            relay_key=hello.relay_key,
            protocol_min=hello.protocol.min,
            protocol_max=hello.protocol.max,
        )

    def as_wire(self) -> Wire:
        """Stand in for a wire of sockets: `id` and `challenge` are all that is asked."""
        return cast(Wire, self)

    def cut(self) -> None:
        """Break the connection without a word."""
        self.loop.call_soon(self.pipe.abort)
