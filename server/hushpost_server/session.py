"""One open connection: the protocol machine, and what the relay does about its events.

docs/spec/wire.md section 8 is the machine's; here its events meet the store. Control requests of a
connection are served one after the other, by a task that exists only while there are any; data
frames never wait for them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Final

from hushpost_store.errors import StoreFault
from hushpost_wire.close_codes import CloseCode
from hushpost_wire.control import (
    Answer,
    Error,
    ErrorCode,
    ExpiredSeen,
    Request,
    Role,
)
from hushpost_wire.frames import REFUSED, Submit
from hushpost_wire.relay_events import Acknowledged, PingDue, RelayEvent, Unfit
from hushpost_wire.relay_protocol import RelayProtocol
from hushpost_wire.transitions import State

from hushpost_server.errors import RequestRefused
from hushpost_server.frame_scanner import Payload
from hushpost_server.rate_limits import PrefixAllowance, TokenBucket

if TYPE_CHECKING:
    from hushpost_server.answer_tick import Ticket
    from hushpost_server.feed import Feed
    from hushpost_server.listener import Connection
    from hushpost_server.login import Device
    from hushpost_server.services import Services

# An over-eager peer is left unread for so long at most, or its refusals would cost a core.
HOLD_SECONDS_MAX: Final = 1.0
# After a store fault: long enough that a full disk is not asked twice a second.
FAULT_RETRY_SECONDS: Final = 5

Control = Request | ExpiredSeen


class Session:
    """A connection past its handshake. Made by the relay, told by the connection."""

    __slots__ = (
        "_dirty",
        "_greedy",
        "_hold_timer",
        "_requests",
        "_serving",
        "_tickets",
        "allowance",
        "bucket",
        "connection",
        "controls",
        "device",
        "feed",
        "gone",
        "has_posted",
        "machine",
        "modest",
        "services",
    )

    def __init__(
        self,
        services: Services,
        connection: Connection,
        role: Role,
        allowance: PrefixAllowance,
    ) -> None:
        self.services = services
        self.connection = connection
        self._dirty = False
        self._requests: deque[Control] | None = None
        self._serving = False
        self.allowance = allowance
        loop_time = services.loop_time()
        self.bucket = TokenBucket(services.rates.connection_submits, loop_time)
        self.controls = TokenBucket(services.rates.connection_controls, loop_time)
        self.modest = TokenBucket(services.rates.modest, loop_time)
        """What people who write to each other need; who sends more is read in its turn."""
        self._greedy = False
        self._hold_timer: asyncio.TimerHandle | None = None
        self.device: Device | None = None
        """Who logged in; None on the post endpoint and before the login."""
        self.feed: Feed | None = None
        self.gone = False
        self.has_posted = role is Role.POST
        """Whether what it posts may fill the relay's memory."""
        self._tickets: dict[int, Ticket] | None = None
        self.machine = RelayProtocol(
            services.terms, role, nonce=services.random(32), now=services.now()
        )
        self.machine.tells_unfit = services.quiet
        self.send_soon()

    # -- what the connection calls ---------------------------------------------------------------

    def received(self, batch: list[Payload]) -> None:
        """Take the messages of one read: the hot path."""
        now = self.services.now()
        machine = self.machine
        for is_text, payload in batch:
            if is_text:
                try:
                    machine.receive_data(payload.decode(), now)
                except UnicodeDecodeError:
                    machine.close(CloseCode.PROTOCOL_ERROR, "a text message is not UTF-8")
            else:
                machine.receive_data(payload, now)
        self._handle(machine.events_received(), now)
        if machine.refused_unseen:
            self._charge(machine.refused_unseen)
            machine.refused_unseen = 0
        self.send_soon()
        if self._greedy:
            self._greedy = False
            connection = self.connection
            self.services.bulk.pass_or_wait(connection.pause_reading, connection.resume_reading)

    def pong(self) -> None:
        """Note that the peer lives."""
        self.machine.receive_pong(self.services.now())

    def write_paused(self) -> None:
        """Push nothing to a peer that does not read."""
        if self.feed is not None:
            self.feed.pause()

    def write_resumed(self) -> None:
        """Push again."""
        if self.feed is not None:
            self.feed.resume()

    def lost(self) -> None:
        """Forget everything; nothing more is answered."""
        self.gone = True
        if self._hold_timer is not None:
            self._hold_timer.cancel()
        self.machine.close(CloseCode.GOING_AWAY)
        self._forget_unsent()
        self._requests = None
        if self.feed is not None:
            self.services.presence.leave(self)
            self.services.store.close_mailbox(self.feed.route, self.feed.epoch)

    def _forget_unsent(self) -> None:
        """Drop what nobody will receive: whole deliveries would stay until the machine is freed."""
        self.machine.data_to_send()
        self.machine.events_received()

    # -- what the relay calls --------------------------------------------------------------------

    def send_soon(self) -> None:
        """Send the machine's output at the end of this turn of the loop."""
        if not self._dirty:
            self._dirty = True
            self.services.flush_soon(self)

    def flush(self) -> None:
        """Send what the machine has to say, and close if it says so."""
        self._dirty = False
        if self.gone:
            return
        self.transmit(self.collect())

    def collect(self) -> list[str | bytes]:
        """Return what the machine has to say, for `transmit`."""
        messages = self.machine.data_to_send()
        for message in messages:
            if message[0] == REFUSED:
                self.services.refusals[int(message[1])].value += 1
        return messages

    def transmit(self, messages: list[str | bytes]) -> None:
        """Send what was collected, and close if the machine says so."""
        if self.gone:
            return
        if messages:
            self.connection.write(messages)
        closing = self.machine.closing
        if closing is not None:
            self.connection.close(closing.code, closing.reason)

    def answer(self, message: Answer) -> None:
        """Answer a request, now or on the tick to which its arrival was noted."""
        ticket = None
        if self._tickets and message.id is not None:
            ticket = self._tickets.pop(message.id, None)
        if ticket is not None:
            ticket.settle(partial(self.machine.answer, message))
        elif not self.gone:
            self.machine.answer(message)
            self.send_soon()

    def close(self, code: CloseCode) -> None:
        """Close after what is still to be sent."""
        self.machine.close(code)
        self.send_soon()

    def drain(self) -> None:
        """Finish what is in flight and then close (1012)."""
        if self.feed is not None:
            self.feed.end()
        self.machine.drain(self.services.now())
        self.send_soon()

    def check_deadline(self, now: float) -> None:
        """Ping or close if it is time; a peer that the relay itself does not read is spared."""
        if self.connection.reading_paused or now < self.machine.next_deadline():
            return
        self.machine.handle_deadline(now)
        self._handle(self.machine.events_received(), now)
        self.send_soon()

    # -- events ----------------------------------------------------------------------------------

    def _handle(self, events: list[RelayEvent], now: float) -> None:
        left = -1
        for event in events:
            if isinstance(event, Submit):
                if left < 0:
                    left = self._grant(events)
                if left == 0:
                    self.services.intake.slow_down(self, event)
                    continue
                left -= 1
                if not self.has_posted:
                    self.has_posted = True
                    self.services.on_posting(self)
                self.services.intake.submit(self, event, now)
            elif isinstance(event, Acknowledged):
                self.services.acknowledged.value += len(event.sequences)
                if self.feed is not None:
                    self.services.intake.acknowledged(self.feed, event.sequences)
            elif isinstance(event, Unfit):
                self.machine.refused_unseen += 1
                self.services.intake.unfit(self, event)
            elif isinstance(event, PingDue):
                self.connection.ping()
            else:
                self._queue(event)

    def _grant(self, events: list[RelayEvent]) -> int:
        wanted = 0
        for event in events:
            if isinstance(event, Submit):
                wanted += 1
        if self.modest.take(wanted, self.services.loop_time()) < wanted:
            self._greedy = True
        granted = self.services.intake.grant(self, wanted)
        if granted < wanted:
            self._hold(self.bucket)
        return granted

    def _charge(self, refused: int) -> None:
        """Take rate tokens for what the machine refused: malformed envelopes cost as much."""
        if self.services.intake.grant(self, refused) < refused:
            self._hold(self.bucket)

    def _hold(self, bucket: TokenBucket) -> None:
        # A refusal alone would be answered by the next frame at once: the socket is not read.
        self._hold_for(min(bucket.retry_after(), HOLD_SECONDS_MAX))

    def _hold_for(self, seconds: float) -> None:
        """Leave the peer unread for a while: it sends faster than it may."""
        if self._hold_timer is None and not self.connection.closing:
            self.connection.pause_reading()
            loop = asyncio.get_running_loop()
            self._hold_timer = loop.call_later(seconds, self._let_go)

    def _let_go(self) -> None:
        self._hold_timer = None
        self.connection.resume_reading()

    def _queue(self, request: Control) -> None:
        if self._requests is None:
            self._requests = deque()
        self._requests.append(request)
        self._note_arrival(request)
        if not self._serving:
            self._serving = True
            self.services.spawn(self._serve(), self)

    def _note_arrival(self, request: Control) -> None:
        # On the inbox a device asks about itself; of others it can only ask on post.
        if self.machine.role is Role.POST and not isinstance(request, ExpiredSeen):
            ticket = self.services.intake.owe(self)
            if ticket is not None:
                if self._tickets is None:
                    self._tickets = {}
                self._tickets[request.id] = ticket

    async def _serve(self) -> None:
        try:
            while self._requests:
                await self._serve_one(self._requests.popleft())
        finally:
            self._serving = False

    async def _serve_one(self, request: Control) -> None:
        services = self.services
        services.controls.value += 1
        if isinstance(request, ExpiredSeen):
            if self.feed is not None:
                await services.store.expired_seen(self.feed.route, request.notice)
            return
        try:
            if self.controls.take(1, services.loop_time()) != 1:
                raise RequestRefused(ErrorCode.SLOW_DOWN, self.controls.retry_after())
            await services.serve(self, request)
        except RequestRefused as refusal:
            if refusal.code is ErrorCode.SLOW_DOWN:
                self._hold_for(min(refusal.retry_after or 1, HOLD_SECONDS_MAX))
            self._answer_error(request, refusal.code, refusal.retry_after)
        except StoreFault as fault:
            services.commit_failed(fault)
            self._answer_error(request, ErrorCode.RETRY, FAULT_RETRY_SECONDS)

    def _answer_error(self, request: Request, code: ErrorCode, retry_after: int | None) -> None:
        if self.machine.state is not State.CLOSED:
            self.answer(Error(id=request.id, code=code, retry_after=retry_after))
