"""All connections of a relay: who is let in, what is flushed when, and when reading stops.

Implements the connection caps and rates of docs/spec/wire.md section 10, the relay's end of a loop
turn (everything a connection has to say leaves in one write), and back-pressure: while the store is
behind, posts are not read, so that its intake stays bounded.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Final

from hushpost_wire.close_codes import CloseCode
from hushpost_wire.control import Role

from hushpost_server.configuration import Configuration
from hushpost_server.departure import waves
from hushpost_server.freed_pools import overwrite_pools
from hushpost_server.handshake import LEAVING
from hushpost_server.listener import Connection
from hushpost_server.logging import EventLog
from hushpost_server.metrics import CLOSES, Metrics
from hushpost_server.rate_limits import PrefixTable, Rate
from hushpost_server.receive_buffer import ReceiveBuffer
from hushpost_server.services import Services
from hushpost_server.session import Session
from hushpost_server.turnstile import Turnstile
from hushpost_server.unsent import Unsent

# Connections whose deadlines are looked at together: all of them come round in 8 intervals.
DEADLINE_SLOTS: Final = 8
# Connections beyond capacity whose handshake is made so that a close code tells them; others are
# told in one line that costs nothing.
REJECTED_MAX: Final = 64
# Handshakes that wait for their turn: two seconds' worth. Behind them everybody is turned back.
DOOR_WAITING_MAX: Final = 800
# With more than this waiting for its commit, who sends much is not read: an eighth of a second's
# writing on a slow disk, and the most that an acceptance of anybody else waits behind.
BULK_PENDING_BYTES_MAX: Final = 2 * 1024 * 1024
# Reads of those who send much, a second: each takes about half a millisecond and its commit as much
# again, so that more than half of a core is left to everybody else.
BULK_READS: Final = Rate(per_second=400, burst=4)
# Takes of prekeys a second, from everybody, so that most of the loop's time is left to messages
# (docs/overload.md): a stranger can wait longer for one than people for a message between them.
TAKES: Final = Rate(per_second=500, burst=20)
TAKES_WAITING_MAX: Final = 500

_CLOSE_LABELS: Final = {
    int(CloseCode.NORMAL): "normal",
    int(CloseCode.GOING_AWAY): "normal",
    **{int(code): code.name.lower() for code in CloseCode if code.name.lower() in CLOSES},
}


class Reception:
    """The listener's `Host`: counts connections in and out and makes their sessions."""

    def __init__(
        self,
        configuration: Configuration,
        loop: asyncio.AbstractEventLoop,
        *,
        now: Callable[[], float],
        metrics: Metrics,
        log: EventLog,
        prefixes: PrefixTable,
    ) -> None:
        self.handshake_seconds_max = configuration.handshake_seconds_max
        self.slow_reader_seconds = configuration.slow_reader_seconds
        self.write_buffer_bytes_max = configuration.write_buffer_bytes_max
        self.proxy_address_header = configuration.proxy_address_header
        self.receive_buffer = ReceiveBuffer()
        self._configuration = configuration
        self._loop = loop
        self.unsent = Unsent(configuration.unsent_bytes_max)
        self._door = self._turnstile(prefixes.rates.connects, DOOR_WAITING_MAX)
        # Whoever is connected may wait here, once each.
        self.bulk = self._turnstile(BULK_READS, configuration.connections_max, self._has_room)
        self.take_turns = self._turnstile(TAKES, TAKES_WAITING_MAX)
        self._now = now
        self._metrics = metrics
        self._log = log
        self._prefixes = prefixes
        self._services: Services | None = None
        self._server: asyncio.Server | None = None
        self._connections: set[Connection] = set()
        self._sessions: dict[Connection, Session] = {}
        self._slots: list[set[Session]] = [set() for _ in range(DEADLINE_SLOTS)]
        self._slot = 0
        self._checked = now()
        self._number = 0
        self._turned_away = 0
        self._left_traces = False
        self._is_leaving = False
        self._dirty: list[Session] = []
        self._reading_stopped = False
        self._posts_stopped: set[Connection] | None = None
        self._empty = asyncio.Event()
        self._empty.set()

    def __len__(self) -> int:
        return len(self._connections)

    # -- life ------------------------------------------------------------------------------------

    async def listen(self, host: str, port: int, context: ssl.SSLContext | None) -> int:
        """Bind and return the port; nothing is served before `start`. OSError when it is taken."""
        self._server = await self._loop.create_server(
            self._make,
            host,
            port,
            ssl=context,
            backlog=self._configuration.backlog_connects_max,
            start_serving=False,
        )
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def start(self, services: Services) -> None:
        """Begin to accept connections."""
        assert self._server is not None
        self._services = services
        await self._server.start_serving()

    def stop_listening(self) -> None:
        """Accept nothing more; what is open stays."""
        self._is_leaving = True
        if self._server is not None:
            self._server.close()

    async def send_away(
        self, seconds_max: float, random: Callable[[int], bytes], hurry: asyncio.Event
    ) -> None:
        """Close with 1012 in waves over at most so long; `hurry` ends the waves, not the rest.

        Until its wave comes a connection is served as ever. Handshakes are turned back at once.
        """
        for connection in self._connections - self._sessions.keys():
            connection.turn_back(LEAVING)
        began = self._loop.time()
        for wave in waves(tuple(self._sessions.values()), seconds_max, random):
            try:
                async with asyncio.timeout_at(began + wave.after):
                    await hurry.wait()
                return
            except TimeoutError:
                for session in wave.clients:
                    session.drain()

    def drain(self) -> None:
        """Have every session finish and close with 1012; turn handshakes back."""
        for connection in tuple(self._connections):
            session = self._sessions.get(connection)
            if session is None:
                connection.turn_back(LEAVING)
            else:
                session.drain()

    async def emptied(self, seconds_max: float) -> None:
        """Return when no connection is left, or after `seconds_max`."""
        try:
            async with asyncio.timeout(seconds_max):
                await self._empty.wait()
        except TimeoutError:
            return

    async def close(self) -> None:
        """Cut what is left and free the port."""
        self.stop_listening()
        for connection in tuple(self._connections):
            connection.abort()
        await self.emptied(1.0)
        if self._services is not None:
            tasks = tuple(self._services.tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    # -- what connections call -------------------------------------------------------------------

    def _make(self) -> Connection:
        self._number += 1
        return Connection(self, self._loop)

    def _turnstile(
        self, rate: Rate, waiting_max: int, is_open: Callable[[], bool] = lambda: True
    ) -> Turnstile:
        loop = self._loop
        return Turnstile(
            rate,
            waiting_max=waiting_max,
            now=loop.time,
            call_later=loop.call_later,
            is_open=is_open,
        )

    def _has_room(self) -> bool:
        """Whether the store keeps up: who sends much waits long before everybody has to."""
        services = self._services
        return services is None or services.store.stats().pending_bytes <= BULK_PENDING_BYTES_MAX

    def came(self, connection: Connection) -> None:
        """Let a connection make its handshake, now or in its turn, or turn it back."""
        if self._is_leaving:
            connection.turn_back(LEAVING)
        elif not self._door.pass_or_wait(connection.wait_at_door, connection.enter):
            self._metrics.get("hushpost_rejected_total").add()
            connection.turn_back()

    def client_address(self, header: str | None, address: str) -> str:
        """Return the address that limits apply to: behind a proxy the last one it names."""
        if header is None:
            return address
        return header.rpartition(",")[2].strip()

    def arrived(self, connection: Connection, address: str) -> CloseCode | None:
        """Count a connection in; a code means that it is told and closed after its handshake."""
        now = self._loop.time()
        self._connections.add(connection)
        self._empty.clear()
        entry = self._prefixes.allowance(address, now)
        verdict = None
        if len(self._connections) - self._turned_away > self._configuration.connections_max:
            verdict = CloseCode.AT_CAPACITY
            if not self._turned_away:  # once for a crowd: a flood must not fill the log
                self._log.write("at_capacity", connections=len(self._connections))
        elif not self._prefixes.admit_connection(entry, now):
            verdict = CloseCode.RATE_LIMITED
        if verdict is None:
            connection.allowance = entry
            return None
        self._turned_away += 1
        connection.turned_away = True
        self._metrics.get("hushpost_rejected_total").add()
        if self._turned_away > REJECTED_MAX:
            connection.turn_back()
        return verdict

    def opened(self, connection: Connection, role: Role) -> Session:
        """Make the session of a connection whose handshake is done."""
        assert self._services is not None
        assert connection.allowance is not None
        session = Session(self._services, connection, role, connection.allowance)
        self._sessions[connection] = session
        self._slots[id(session) // 16 % DEADLINE_SLOTS].add(session)
        self._metrics.get("hushpost_connections", role.value).add(1)
        self._metrics.get("hushpost_connections_total", role.value).add(1)
        if self._reading_stopped:
            connection.pause_reading()
        if role is Role.POST and self._posts_stopped is not None:
            self._stop_post(connection)
        if self._is_leaving:  # it was in the middle of its handshake
            session.drain()
        return session

    def ended(self, connection: Connection, code: int | None) -> None:
        """Count a connection out."""
        self.connection_ended()
        self._connections.discard(connection)
        if connection.turned_away:
            self._turned_away -= 1
        if connection.allowance is not None:
            PrefixTable.connection_lost(connection.allowance)
        session = self._sessions.pop(connection, None)
        if self._posts_stopped is not None:
            self._posts_stopped.discard(connection)
        if session is not None:
            self._slots[id(session) // 16 % DEADLINE_SLOTS].discard(session)
            self._metrics.get("hushpost_connections", session.machine.role.value).add(-1)
            label = "lost" if code is None else _CLOSE_LABELS.get(code, "other")
            self._metrics.get("hushpost_closes_total", label).add()
        if not self._connections:
            self._empty.set()

    def failed(self, connection: Connection, error: Exception) -> None:
        """Log what should not happen, by its class and place alone."""
        self._log.write("connection_failed", error=error)

    def session_failed(self, session: Session, error: Exception) -> None:
        """Log it and close that session: its state is unknown, and the client starts afresh."""
        self._log.write("connection_failed", error=error)
        session.close(CloseCode.GOING_AWAY)

    def connection_ended(self) -> None:
        """Note that freed memory holds what came on a connection."""
        self._left_traces = True

    async def overwrite_freed(self) -> None:
        """Overwrite what ended connections left in freed memory, in steps between other work."""
        if self._left_traces:
            self._left_traces = False
            for _ in overwrite_pools():
                await asyncio.sleep(0)

    # -- the end of a turn -----------------------------------------------------------------------

    def flush_soon(self, session: Session) -> None:
        """Send what `session` has to say at the end of this turn of the loop."""
        if not self._dirty:
            self._loop.call_soon(self._flush)
        self._dirty.append(session)

    def _flush(self) -> None:
        dirty, self._dirty = self._dirty, []
        for session in dirty:
            session.flush()
        assert self._services is not None
        if not self._reading_stopped and self._services.store.under_pressure():
            self._stop_reading()

    def _stop_reading(self) -> None:
        assert self._services is not None
        self._reading_stopped = True
        stats = self._services.store.stats()
        self._log.write("intake_paused", waiting_bytes=stats.pending_bytes)
        self._metrics.get("hushpost_intake_pauses_total").add()
        for connection in self._sessions:
            connection.pause_reading()
        task = self._loop.create_task(self._read_again())
        self._services.tasks.add(task)
        task.add_done_callback(self._services.tasks.discard)

    async def _read_again(self) -> None:
        assert self._services is not None
        await self._services.store.pressure_relieved()
        self._reading_stopped = False
        for connection in tuple(self._sessions):
            connection.resume_reading()
        self._log.write("intake_resumed")

    # -- the quiet profile's memory bound --------------------------------------------------------

    def stop_posts(self) -> None:
        """See `answer_tick.Bound`; acknowledgements of who only listens are still read."""
        self._posts_stopped = set()
        for connection, session in self._sessions.items():
            if session.has_posted:
                self._stop_post(connection)

    def resume_posts(self) -> None:
        """See `answer_tick.Bound`."""
        stopped, self._posts_stopped = self._posts_stopped, None
        for connection in stopped or ():
            connection.resume_reading()

    def posting(self, session: Session) -> None:
        """Count a device among those that post: it does so for the first time."""
        connection = session.connection
        if self._posts_stopped is not None and connection not in self._posts_stopped:
            self._stop_post(connection)

    def _stop_post(self, connection: Connection) -> None:
        assert self._posts_stopped is not None
        self._posts_stopped.add(connection)
        connection.pause_reading()

    # -- deadlines -------------------------------------------------------------------------------

    def check_deadlines(self, now: float, *, everyone: bool = False) -> None:
        """Look at the deadlines of one slot of connections, or of all."""
        if now < self._checked:  # else nobody would be pinged, or cut, until it is then again
            for session in self._sessions.values():
                session.machine.clock_set_back(now)
        self._checked = now
        self._forget_passed_hour()
        self._slot = (self._slot + 1) % DEADLINE_SLOTS
        slots = self._slots if everyone else [self._slots[self._slot]]
        for slot in slots:
            for session in tuple(slot):
                session.check_deadline(now)

    def _forget_passed_hour(self) -> None:
        """Forget what limits remember, also where nobody comes by to have it forgotten."""
        now = self._loop.time()
        self._prefixes.forget(now)
        if self._services is not None:
            self._services.takes.forget(now)
