"""One connection to a relay: a WebSocket joined to the wire's client machine (docs/spec/wire.md).

The only module that imports websockets. It moves bytes between the socket and `ClientProtocol`,
gives every question its answer, and says in this library's words why a connection ended. No
cryptography, no retry: `transport_inbox` and `transport_post` decide whether to come back.

    socket --messages--> machine --events--> listener, or whoever awaits the answer
    socket <--writer---- machine <--request, submit, acknowledge

What is logged by websockets is switched off: at DEBUG it would write frames and headers.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable
from contextlib import suppress
from copy import copy
from typing import Final, Protocol, TypeVar

from hushpost_wire.client_protocol import ClientEvent, ClientProtocol, Damaged
from hushpost_wire.close_codes import Close, CloseCode
from hushpost_wire.control import Answer, Expired, ExpiredSeen, Hello, PrekeysLow, Request, Role
from hushpost_wire.frames import Accepted, Deliver, Refused
from hushpost_wire.host import Host
from hushpost_wire.limits import (
    MESSAGE_BYTES_MAX,
    PING_INTERVAL_SECONDS,
    PING_TIMEOUT_SECONDS,
    SUBPROTOCOL,
)
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidStatus,
    ProxyError,
    WebSocketException,
)
from websockets.typing import Subprotocol

from hushpost import transport_endings as endings
from hushpost.errors import RelayError, RelayUnreachable
from hushpost.transport_dial import Dial, RelayPins, check_relay, url
from hushpost.transport_posting import Posting, Verdict

# A phone on a bad line, through Tor, needs several seconds for TCP, TLS and the upgrade.
OPEN_SECONDS_MAX: Final = 20.0
# A relay that does not answer the close frame is not waited for longer.
CLOSE_SECONDS_MAX: Final = 2.0
# Messages read ahead while the engine works on one: with MESSAGE_BYTES_MAX at most 1 MiB.
_READ_AHEAD_MESSAGES: Final = 16
_Result = TypeVar("_Result")
_SILENT: Final = logging.Logger("hushpost.websockets", logging.CRITICAL + 1)


class LinkListener(Protocol):
    """Told of what comes unasked, synchronously and in order."""

    def delivered(self, link: "Link", deliver: Deliver) -> None:
        """Commit the envelope, then call `Link.acknowledge` with its tag (unless ephemeral)."""
        ...

    def damaged(self, link: "Link", damaged: Damaged) -> None:
        """Report an envelope that is not its id, then acknowledge it."""
        ...

    def noticed(self, link: "Link", notice: PrekeysLow | Expired) -> None:
        """Take a notice of the relay."""
        ...


class _Connect(connect):
    """A relay does not send clients elsewhere: a redirect would choose who learns the address."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class Link:
    """An open connection whose relay is the one known before. Made by `open_link`."""

    def __init__(
        self, socket: ClientConnection, host: Host, role: Role, listener: LinkListener | None
    ) -> None:
        self.host: Final = host
        self._socket = socket
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._machine = ClientProtocol(role, now=self._loop.time())
        self._hello: asyncio.Future[Hello] = self._future()
        self._answers: dict[int, asyncio.Future[Answer]] = {}
        self._verdicts: dict[int, asyncio.Future[Verdict]] = {}
        # Fair: who waits first goes first, which keeps the order of postings.
        self._request_slots = asyncio.Semaphore(0)
        self._submit_slots = asyncio.Semaphore(0)
        self._outgoing = asyncio.Event()
        self._deadline: asyncio.TimerHandle | None = None
        # Why the connection ended: None if this side wanted it to. Never raises.
        self.ended: Final[asyncio.Future[RelayError | None]] = self._loop.create_future()
        self._tasks = (
            self._loop.create_task(self._read()),
            self._loop.create_task(self._write()),
        )
        self._tasks[0].add_done_callback(self._report_defect)
        self._set_deadline()

    async def hello(self) -> Hello:
        """Give the relay's greeting; raises the `RelayError` that ended the link instead."""
        return await asyncio.shield(self._hello)

    async def request(self, message: Callable[[int], Request]) -> Answer:
        """Ask; ``message`` makes the request for an id. A refusal comes back as `Error`.

        Raises the `RelayError` that ended the link before the answer came: then it is unknown
        whether the relay did it.
        """
        await self._take(self._request_slots)
        try:
            request = message(self._machine.next_id())
            self._machine.send(request, self._loop.time())
        except BaseException:
            self._request_slots.release()
            raise
        answer: asyncio.Future[Answer] = self._future()
        self._answers[request.id] = answer
        self._send_soon()
        return await asyncio.shield(answer)

    async def submit(self, posting: Posting) -> "asyncio.Future[Verdict]":
        """Post, in the order of calls, once the window has room; gives the coming verdict.

        The verdict raises the `RelayError` that ended the link before it came: the posting may or
        may not have been accepted, and is to be posted again as it is.
        """
        await self._take(self._submit_slots)
        try:
            request = self._machine.submit(
                ttl_class=posting.ttl_class,
                route=posting.route,
                drop_secret=posting.drop_secret,
                envelope_id=posting.envelope_id,
                not_after=posting.not_after,
                envelope=posting.envelope,
                now=self._loop.time(),
            )
        except BaseException:
            self._submit_slots.release()
            raise
        verdict: asyncio.Future[Verdict] = self._future()
        self._verdicts[request] = verdict
        self._send_soon()
        return verdict

    def acknowledge(self, tag: int) -> None:
        """Say that a delivery is committed here. On a link that ended it does nothing."""
        if not self.ended.done():
            self._machine.acknowledge(tag)
            self._send_soon()

    def expired_seen(self, notice: int) -> None:
        """Say that an expired notice is committed here."""
        if not self.ended.done():
            self._machine.send(ExpiredSeen(notice=notice), self._loop.time())
            self._send_soon()

    @property
    def protocol(self) -> int:
        """The protocol version of this connection."""
        return self._machine.protocol

    async def drain(self) -> None:
        """Take nothing new, return when all verdicts in flight are in and the socket is gone.

        Bounded by the machine's deadline for answers.
        """
        self._machine.drain()
        self._outgoing.set()
        await asyncio.shield(self.ended)

    async def close(self) -> None:
        """Close and return when the socket is gone. What has no verdict yet fails."""
        self._machine.close(CloseCode.NORMAL)
        self._outgoing.set()
        await asyncio.wait((self.ended,), timeout=2 * CLOSE_SECONDS_MAX)
        self._end(None)
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # -- bytes -------------------------------------------------------------------------------------

    async def _read(self) -> None:
        try:
            async for message in self._socket:
                self._machine.receive_data(message)
                for event in self._machine.events_received():
                    self._dispatch(event)
                self._send_soon()
        except ConnectionClosed:
            pass  # `_why` reads the code that came or went
        finally:
            self._end(self._why())

    async def _write(self) -> None:
        with suppress(ConnectionClosed):
            while self._machine.closing is None and not self.ended.done():
                await self._outgoing.wait()
                self._outgoing.clear()
                for data in self._machine.data_to_send():
                    await self._socket.send(data)
                self._set_deadline()
        closing = self._machine.closing or Close(CloseCode.GOING_AWAY)
        await self._socket.close(closing.code, closing.reason)

    def _send_soon(self) -> None:
        # At the end of this turn of the loop, so that acknowledgements of one turn share a frame.
        self._loop.call_soon(self._outgoing.set)

    def _set_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        when = self._machine.next_deadline()
        if when != float("inf"):
            self._deadline = self._loop.call_at(when, self._pass_deadline)

    def _pass_deadline(self) -> None:
        self._machine.handle_deadline(self._loop.time())
        self._outgoing.set()

    # -- events ------------------------------------------------------------------------------------

    def _dispatch(self, event: ClientEvent) -> None:
        if isinstance(event, Hello):
            self._request_slots = asyncio.Semaphore(event.limits.requests_in_flight_max)
            self._submit_slots = asyncio.Semaphore(event.limits.submits_in_flight_max)
            if not self._hello.done():
                self._hello.set_result(event)
        elif isinstance(event, Accepted):
            for request in event.requests:
                self._decide(request, Verdict(None))
        elif isinstance(event, Refused):
            self._decide(event.request, Verdict(event.reason, event.retry_after))
        elif isinstance(event, Deliver | Damaged | PrekeysLow | Expired):
            self._tell(event)
        elif event.id is not None:
            self._request_slots.release()
            _settle(self._answers.pop(event.id, None), event)

    def _tell(self, event: Deliver | Damaged | PrekeysLow | Expired) -> None:
        if self._listener is None:
            return
        if isinstance(event, Deliver):
            self._listener.delivered(self, event)
        elif isinstance(event, Damaged):
            self._listener.damaged(self, event)
        else:
            self._listener.noticed(self, event)

    def _decide(self, request: int, verdict: Verdict) -> None:
        self._submit_slots.release()
        _settle(self._verdicts.pop(request, None), verdict)

    async def _take(self, slots: asyncio.Semaphore) -> None:
        """Wait for room in a window; raises what ended the link, also to those who wait."""
        await slots.acquire()
        if self.ended.done() or self._machine.closing is not None:
            slots.release()  # the next in line hears of it too
            raise self._failure()

    def _future(self) -> "asyncio.Future[_Result]":
        future: asyncio.Future[_Result] = self._loop.create_future()
        future.add_done_callback(_look_at)
        return future

    def _report_defect(self, reading: asyncio.Task[None]) -> None:
        """Let an exception of a listener be heard: it is a defect of the app or the engine."""
        error = None if reading.cancelled() else reading.exception()
        if error is not None:
            self._loop.call_exception_handler(
                {"message": "a listener of a relay connection failed", "exception": error}
            )

    # -- the end -----------------------------------------------------------------------------------

    def _end(self, error: RelayError | None) -> None:
        if self.ended.done():
            return
        self.ended.set_result(error)
        if self._deadline is not None:
            self._deadline.cancel()
        self._outgoing.set()
        error = self._failure()
        _fail(self._hello, error)
        for answer in self._answers.values():
            _fail(answer, error)
        for verdict in self._verdicts.values():
            _fail(verdict, error)
        self._request_slots.release()
        self._submit_slots.release()

    def _failure(self) -> RelayError:
        error = self.ended.result() if self.ended.done() else None
        if error is not None:
            return copy(error)
        return RelayUnreachable(f"the connection to {self.host} was closed on this side")

    def _why(self) -> RelayError | None:
        """Say in this library's words why the connection ended; None if this side wanted it."""
        ours = self._machine.closing
        if ours is not None:
            return endings.own_close(self.host, ours.code, ours.reason)
        state = self._socket.protocol
        if state.close_sent is not None and not state.close_rcvd_then_sent:
            return endings.socket_close(self.host, state.close_sent.code)
        return endings.relay_close(self.host, self._socket.close_code)


async def open_link(
    host: Host,
    role: Role,
    *,
    dial: Dial,
    pins: RelayPins,
    random: Callable[[int], bytes],
    listener: LinkListener | None = None,
) -> Link:
    """Connect, hear the greeting, check that it is the relay known before.

    Raises `RelayUnreachable`, `RelayIdentityChanged`, `RelayMisbehaved`, `RelayVersionUnknown`.
    """
    tls = dial.tls_for(host)
    socket = await _connect(host, role, tls, dial.proxy_for_one(random))
    link = Link(socket, host, role, listener)
    try:
        await check_relay(host, await link.hello(), pins)
    except BaseException:
        await link.close()
        raise
    return link


async def _connect(
    host: Host, role: Role, tls: ssl.SSLContext | None, proxy: str | None
) -> ClientConnection:
    try:
        socket = await _Connect(
            url(host, role, secure=tls is not None),
            subprotocols=[Subprotocol(SUBPROTOCOL)],
            compression=None,
            user_agent_header=None,
            proxy=proxy,
            open_timeout=OPEN_SECONDS_MAX,
            close_timeout=CLOSE_SECONDS_MAX,
            # An idle inbox must notice a line that is dead; a post connection lives for minutes.
            ping_interval=PING_INTERVAL_SECONDS if role is Role.INBOX else None,
            ping_timeout=PING_TIMEOUT_SECONDS,
            max_size=MESSAGE_BYTES_MAX,
            max_queue=_READ_AHEAD_MESSAGES,
            logger=_SILENT,
            ssl=tls,
        )
    except ProxyError as error:
        raise endings.proxy_failed(host, error) from None
    except InvalidStatus as error:
        response = error.response
        retry_after = response.headers.get("Retry-After")
        raise endings.refused_upgrade(host, response.status_code, retry_after) from None
    except ssl.SSLError as error:
        raise endings.untrusted(host, error) from None
    except WebSocketException as error:
        if isinstance(error.__cause__, EOFError | OSError):
            # It ended before it said anything: what a dying relay does, or a proxy before a dead
            # one. Nothing was said, so nothing was broken.
            raise endings.hung_up(host) from None
        raise endings.no_relay(host, type(error).__name__) from None
    except (OSError, TimeoutError) as error:
        raise endings.unreachable(host, error, secure=tls is not None) from None
    if socket.subprotocol != SUBPROTOCOL:
        await socket.close()
        raise endings.no_relay(host, f"it does not speak {SUBPROTOCOL}")
    return socket


def _settle(future: "asyncio.Future[_Result] | None", result: _Result) -> None:
    if future is not None and not future.done():
        future.set_result(result)


def _fail(future: "asyncio.Future[_Result]", error: RelayError) -> None:
    if not future.done():
        # Its own: a traceback would grow with each that raises the same one.
        future.set_exception(copy(error))


def _look_at(future: "asyncio.Future[_Result]") -> None:
    if not future.cancelled():
        future.exception()  # a caller may be gone; the failure is then nobody's
