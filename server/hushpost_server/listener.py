"""The edge of the relay: TCP to WebSocket messages and back (docs/spec/wire.md, sections 2 and 3).

The only file that imports websockets, and of it only the Sans-I/O state machine: a connection is an
`asyncio.BufferedProtocol`, without a task, a queue or a future of its own. What arrives in one read
is handed up as one batch; what is sent in one turn of the event loop leaves as one write. Whole
data frames take the short way through `FrameScanner`; all else is judged by the library.

Refuses to know: cookies, user agents and query strings; an address only until its prefix was
counted.

    HANDSHAKE --accepted--> OPEN --close, fail--> CLOSING --lost--> gone
        '------rejected, late------------------------^
"""

from __future__ import annotations

import asyncio
from typing import Final, cast

from hushpost_wire.close_codes import CloseCode
from hushpost_wire.control import Role
from hushpost_wire.limits import MESSAGE_BYTES_MAX, SUBPROTOCOL
from websockets.exceptions import InvalidState
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import OPEN
from websockets.server import ServerProtocol
from websockets.speedups import apply_mask
from websockets.typing import Subprotocol

from hushpost_server.connection_sides import Host, Session
from hushpost_server.fragments import Fragments
from hushpost_server.frame_header import framed
from hushpost_server.frame_scanner import (
    FrameScanner,
    Payload,
    RawFrame,
    first_close,
)
from hushpost_server.handshake import BUSY, RequestHead, Unserved, endpoint_of
from hushpost_server.parser_release import release
from hushpost_server.rate_limits import CONTROL_FRAMES, PrefixAllowance, TokenBucket

# How long a peer may take to answer a close frame before the connection is cut.
CLOSE_SECONDS_MAX: Final = 3.0
# Twice the window of large envelopes; who sends more after our close has not read it and will not.
LATE_BYTES_MAX: Final = 8 * 1024 * 1024


class Connection(asyncio.BufferedProtocol):
    """One client connection. Sessions use `write`, `close`, `ping` and the read switch."""

    __slots__ = (
        "_close_timer",
        "_control_frames",
        "_fragments",
        "_head",
        "_host",
        "_late_bytes",
        "_loop",
        "_pauses",
        "_protocol",
        "_scanner",
        "_slow_timer",
        "_turn_away",
        "allowance",
        "closing",
        "role",
        "session",
        "transport",
        "turned_away",
    )

    def __init__(self, host: Host, loop: asyncio.AbstractEventLoop) -> None:
        self._host = host
        self._loop = loop
        self.role: Role | None = None
        self.session: Session | None = None
        self.allowance: PrefixAllowance | None = None
        self.closing = self.turned_away = False
        self._pauses = self._late_bytes = 0
        self._fragments: Fragments | None = None
        self._head: RequestHead | None = RequestHead()
        self._scanner: FrameScanner | None = None
        self._slow_timer: asyncio.TimerHandle | None = None
        self._close_timer: asyncio.TimerHandle | None = None
        self._control_frames: TokenBucket | None = None
        self._turn_away: CloseCode | None = None
        self.transport: asyncio.Transport | None = None
        self._protocol = ServerProtocol(
            extensions=None,  # compression would tell secrets by length, and cost 64 KiB each
            subprotocols=[Subprotocol(SUBPROTOCOL)],
            max_size=MESSAGE_BYTES_MAX,
        )

    # -- what the event loop calls ---------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the handshake's deadline."""
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass of it
        self.transport.set_write_buffer_limits(high=self._host.write_buffer_bytes_max)
        self._close_timer = self._loop.call_later(self._host.handshake_seconds_max, self.abort)
        self._host.came(self)
        if not self._host.proxy_address_header and not self.closing:
            self._arrive(None)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Lend the buffer of all connections, which `buffer_updated` empties at once."""
        return self._host.receive_buffer.memory

    def buffer_updated(self, nbytes: int) -> None:
        """Take what was read: the hot path when the connection is open."""
        self._take(self._host.receive_buffer.take(nbytes))

    def _take(self, data: bytes) -> None:
        try:
            if self.closing:
                self._await_close(data)
            elif self._scanner is not None:
                self._scan(data)
            else:
                self._handshake(data)
        except Exception as error:  # noqa: BLE001 - one connection's fault must not reach others
            self._host.failed(self, error)
            self.abort()

    def eof_received(self) -> bool:
        """Tell the library; the transport then closes by itself."""
        self._protocol.receive_eof()
        self._send_library_output()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """End the session; its deliveries are void."""
        for timer in (self._slow_timer, self._close_timer):
            if timer is not None:
                timer.cancel()
        self.closing = True
        self._scanner = None
        self._host.unsent.discard(self)
        session, self.session = self.session, None
        if session is not None:
            session.lost()
        first = self._protocol.close_sent or self._protocol.close_rcvd
        release(self._protocol)
        self._host.ended(self, None if first is None else int(first.code))

    def pause_writing(self) -> None:
        """Push nothing, read nothing, and give the peer that does not read its time."""
        self.pause_reading()
        if self._slow_timer is None:
            self._slow_timer = self._loop.call_later(self._host.slow_reader_seconds, self.too_slow)
            self._host.unsent.add(self)
        if self.session is not None:
            self.session.write_paused()

    def resume_writing(self) -> None:
        """Read and push again: the peer has caught up."""
        if self._slow_timer is not None:
            self._slow_timer.cancel()
            self._slow_timer = None
            self._host.unsent.discard(self)
        self.resume_reading()
        if self.session is not None:
            self.session.write_resumed()

    # -- what sessions call ----------------------------------------------------------------------

    def write(self, messages: list[str | bytes]) -> None:
        """Send messages, text or binary, in one write: the hot path."""
        if self.closing or self.transport is None:
            return
        self.transport.write(framed(messages))

    def close(self, code: CloseCode, reason: str = "") -> None:
        """Send a close frame behind what was sent, wait for the answer, then cut."""
        if self.closing or self.transport is None:
            return
        self.closing = True
        try:
            self._protocol.send_close(code, reason)
        except InvalidState:
            self.abort()
            return
        self._send_library_output()
        self._cut_later()

    def fail(self, code: CloseCode, reason: str = "") -> None:
        """Close because of the peer: nothing more is read from it."""
        if self.closing or self.transport is None:
            return
        self.closing = True
        self._scanner = None
        self._protocol.fail(code, reason)
        self._send_library_output()
        self._cut_later()

    def wait_at_door(self) -> None:
        """Keep the request until `enter`; to pause is undone by uvloop on a new transport."""
        if self._head is not None:
            self._head.waits = True

    def enter(self) -> None:
        """Make the handshake now."""
        if self._head is not None and not self.closing:
            self._take(self._head.release())

    def turn_back(self, answer: bytes = BUSY) -> None:
        """Say that the relay is busy, or leaving, and end it unread."""
        if self.transport is not None and not self.closing:
            self.closing = True
            self.transport.write(answer)
            self.transport.close()

    def abort(self) -> None:
        """Cut at once."""
        self.closing = True
        self._scanner = None
        if self.transport is not None:
            self.transport.abort()

    def ping(self) -> None:
        """Ask the peer for a sign of life."""
        if not self.closing and self._protocol.state is OPEN:
            self._protocol.send_ping(b"")
            self._send_library_output()

    def pause_reading(self) -> None:
        """Stop reading; every call needs its `resume_reading`."""
        self._pauses += 1
        if self._pauses == 1 and self.transport is not None and not self.transport.is_closing():
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Read again when no other reason to pause is left."""
        self._pauses -= 1
        if self._pauses == 0 and self.transport is not None and not self.transport.is_closing():
            self.transport.resume_reading()

    @property
    def reading_paused(self) -> bool:
        """Whether the relay itself keeps this peer from being heard."""
        return self._pauses > 0

    def _arrive(self, header: str | None) -> None:
        assert self.transport is not None
        peer = cast(tuple[str, int] | None, self.transport.get_extra_info("peername"))
        address = self._host.client_address(header, peer[0] if peer else "")
        self._turn_away = self._host.arrived(self, address)

    def _handshake(self, data: bytes) -> None:
        head = self._head
        assert head is not None
        if head.waits:
            if not head.keep(data):
                self.abort()
            return
        cut = head.cut(data)
        self._protocol.receive_data(data[:cut])
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                self._answer(event)
        if self.session is None and head.too_long:
            self.abort()
            return
        self._send_library_output()
        if self._scanner is not None and data[cut:]:
            self._scan(data[cut:])

    def _answer(self, request: Request) -> None:
        protocol = self._protocol
        endpoint = endpoint_of(request.method, request.path)
        if isinstance(endpoint, Unserved):
            response = protocol.reject(endpoint.status, endpoint.sentence)
            if endpoint.allow:
                response.headers["Allow"] = endpoint.allow
        else:
            response = protocol.accept(request)
        del response.headers["Date"]  # by its drift a relay would be known under any other name
        protocol.send_response(response)
        if protocol.state is not OPEN or isinstance(endpoint, Unserved):
            self._cut_later()
            return
        if self._host.proxy_address_header:
            values = request.headers.get_all(self._host.proxy_address_header)
            self._arrive(values[-1] if values else None)
            if self.closing:
                return
        self._send_library_output()
        self._open(endpoint)

    def _open(self, role: Role) -> None:
        self._cancel_close_timer()
        self.role = role
        self._head = None
        if self._turn_away is not None:
            self.fail(self._turn_away)
            return
        self.session = self._host.opened(self, role)
        self._scanner = FrameScanner(payload_bytes_max=MESSAGE_BYTES_MAX, unmask=apply_mask)

    def _scan(self, data: bytes) -> None:
        assert self._scanner is not None
        found = self._scanner.feed(data)
        if not self._scanner.saw_raw:
            if found and self.session is not None:
                self.session.received(found)  # type: ignore[arg-type]  # no raw frames among them
            return
        if self._scanner.flooded:
            self.fail(CloseCode.RATE_LIMITED, "too many small frames")
            return
        batch: list[Payload] = []
        for item in found:
            if not isinstance(item, RawFrame):
                batch.append(item)
                continue
            self._deliver(batch)
            batch = []
            if self.closing:
                return
            self._feed_library(item.data)
        self._deliver(batch)

    def _await_close(self, data: bytes) -> None:
        """Pass over what still arrives after our close, but for the peer's own."""
        self._late_bytes += len(data)
        if self._late_bytes > LATE_BYTES_MAX:
            self.abort()
        elif self._scanner is None:
            self._feed_library(data)  # which failed the connection and only discards
        else:
            close = first_close(self._scanner.feed(data))
            if close is not None:
                self._feed_library(close.data)
            elif self._scanner.rejected:
                self.abort()

    def _deliver(self, batch: list[Payload]) -> None:
        if batch and self.session is not None and not self.closing:
            self.session.received(batch)

    def _feed_library(self, data: bytes) -> None:
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                self._frame(event)
        self._send_library_output()

    def _frame(self, frame: Frame) -> None:
        if frame.opcode in (Opcode.PING, Opcode.PONG):
            now = self._loop.time()
            if self._control_frames is None:
                self._control_frames = TokenBucket(CONTROL_FRAMES, now)
            if self._control_frames.take(1, now) != 1:
                self.fail(CloseCode.RATE_LIMITED, "too many pings")
            elif frame.opcode is Opcode.PONG and self.session is not None:
                self.session.pong()
        elif frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            self._fragment(frame)

    def _fragment(self, frame: Frame) -> None:
        fragments = self._fragments
        if fragments is None:
            fragments = self._fragments = Fragments()
        if frame.opcode is not Opcode.CONT:
            fragments.begin(is_text=frame.opcode is Opcode.TEXT)
        whole = fragments.add(bytes(frame.data), last=frame.fin)
        if fragments.too_many:
            self.fail(CloseCode.PROTOCOL_ERROR, "too many fragments")
        elif whole is not None:
            self._deliver([whole])

    def _send_library_output(self) -> None:
        if self.transport is None:
            return
        for data in self._protocol.data_to_send():
            if data:
                self.transport.write(data)
                continue
            self.closing = True  # the library's end-of-stream mark
            self._scanner = None
            if self.transport.can_write_eof() and not self.transport.is_closing():
                self.transport.write_eof()
            self._cut_later()

    def too_slow(self) -> None:
        """Close: it left too much unread for too long, or too many did."""
        self._slow_timer = None
        self.fail(CloseCode.SLOW_READER)

    def _cut_later(self) -> None:
        self._cancel_close_timer()
        self._close_timer = self._loop.call_later(CLOSE_SECONDS_MAX, self.abort)

    def _cancel_close_timer(self) -> None:
        if self._close_timer is not None:
            self._close_timer.cancel()
            self._close_timer = None
