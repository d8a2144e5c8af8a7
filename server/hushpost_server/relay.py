"""The relay itself: builds what sessions share, listens, keeps time, drains.

`async with RelayServer(configuration) as relay:` serves in this process until the block ends;
`serve` in `hushpost_server.command` is the same with signals around it.
"""

from __future__ import annotations

import asyncio
import errno
import secrets
import ssl
import time
from collections.abc import Callable
from typing import Self, TypedDict

from hushpost_store.interface import Holding, Shared, Store
from hushpost_store.rows import SweepReport
from hushpost_wire.control import Registration
from hushpost_wire.host import parse_host
from hushpost_wire.identifiers import RelayPublicKey
from hushpost_wire.limits import DRAIN_SECONDS_MAX
from hushpost_wire.terms import Terms

from hushpost_server.announcement import announce
from hushpost_server.answer_tick import AnswerTick, TickClock
from hushpost_server.checkup import Checkup
from hushpost_server.clock import Clock, SystemClock
from hushpost_server.commit_watch import CommitWatch
from hushpost_server.configuration import Configuration
from hushpost_server.damage_watch import DamageWatch
from hushpost_server.data_folder import DataFolder
from hushpost_server.decisions import Decisions
from hushpost_server.errors import ListenRefused, OperatorError, StoreUnfit
from hushpost_server.health import Health, HealthServer
from hushpost_server.identity import RelayIdentity
from hushpost_server.listener import CLOSE_SECONDS_MAX
from hushpost_server.logging import EventLog, quieten_libraries
from hushpost_server.login import notify_expired
from hushpost_server.metrics import Metrics
from hushpost_server.presence import Presence
from hushpost_server.quiet_submits import QuietIntake
from hushpost_server.rate_limits import PrefixTable, TokenBucket, configured_rates
from hushpost_server.reception import Reception
from hushpost_server.refusal_tick import RefusalTick
from hushpost_server.requests import serve
from hushpost_server.services import Services
from hushpost_server.session import Session
from hushpost_server.shared_logins import SharedLogins
from hushpost_server.shared_service import identity_for, join
from hushpost_server.store_watch import WATCH_SECONDS, StoreWatch
from hushpost_server.submits import Intake, Submissions, charge_refusal
from hushpost_server.sweeper import Sweeper
from hushpost_server.take_limits import TakeLimits
from hushpost_server.transport_safety import tls_context

# How often deadlines are looked at; a slot of connections each time.
DEADLINE_INTERVAL_SECONDS = 0.5
# What ended connections left in freed memory is overwritten so often, if any ended: it takes some
# tens of milliseconds, in steps of tenths and a few of whole ones.
OVERWRITE_INTERVAL_SECONDS = 2.0


class RelayServer:
    """A running relay. `start` raises an `OperatorError` that says what to mend.

    `store` None: the one the configuration names, opened and closed here. A store that is given is
    opened and closed here as well.
    """

    def __init__(
        self,
        configuration: Configuration | None = None,
        *,
        clock: Clock | None = None,
        store: Store | None = None,
        log: EventLog | None = None,
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self.configuration = configuration if configuration is not None else Configuration()
        self.clock: Clock = clock if clock is not None else SystemClock()
        self.metrics = Metrics()
        self.metrics_url = ""
        self.url = ""
        """`ws://host:port` or `wss://host:port`, once started."""
        self.host = ""
        """What clients sign and addresses name."""
        self._given_store = store
        self._log = log if log is not None else EventLog()
        self._random = random
        self._tasks: list[asyncio.Task[None]] = []
        self._decisions: Decisions | None = None
        self._answer_tick: AnswerTick | None = None
        self._health_server: HealthServer | None = None
        self._folder: DataFolder | None = None
        self._draining = False
        self._hurry = asyncio.Event()

    async def __aenter__(self) -> Self:
        """Start serving."""
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Drain and stop."""
        await self.stop()

    # -- starting --------------------------------------------------------------------------------

    async def start(self) -> None:
        """Open the store, listen, and serve; everything is undone when a step fails."""
        if not self.configuration.unsafe_third_party_logs:
            quieten_libraries()
        context = tls_context(self.configuration)
        loop = asyncio.get_running_loop()
        self._folder = DataFolder(
            self.configuration, now=self.clock.now, random=self._random, log=self._log
        )
        try:
            rates = configured_rates(self.configuration)
            found = self._folder.find_identity()
            self.store = self._given_store or self._folder.make_store()
            await self._folder.open_store(self.store)
            identity = await identity_for(self._folder, self.store, found)
            self.reception = Reception(
                self.configuration,
                loop,
                now=self.clock.now,
                metrics=self.metrics,
                log=self._log,
                prefixes=PrefixTable(rates, now=loop.time(), random=self._random),
            )
            port = await self._listen(self.reception, context)
            self._name(port, secure=context is not None)
            self._watch = await self._join(identity, is_new=found is None)
            self.services = self._build(identity)
            if self._answer_tick is not None:
                self._answer_tick.start()
            await self.reception.start(self.services)
            await self._start_health()
        except BaseException:
            await self._undo()
            raise
        self._start_tasks(loop)
        given = self._given_store is not None
        announce(self._log, self.configuration, given_store=given, tls=context is not None)

    async def _join(self, identity: RelayIdentity, *, is_new: bool) -> StoreWatch | None:
        """Be one of the relays of a shared store, or be refused by them."""
        if not isinstance(self.store, Shared):
            return None
        mark = None
        if self.configuration.store != "memory":  # then the identity is nobody's, and ends with it
            try:
                mark = await join(self.store, identity, self.host)
            except OperatorError:
                if is_new and self._folder is not None:
                    self._folder.forget_identity()
                raise
        return StoreWatch(self.store, mark, self._log)

    def _start_tasks(self, loop: asyncio.AbstractEventLoop) -> None:
        self._tasks = [
            loop.create_task(self._every(DEADLINE_INTERVAL_SECONDS, self._keep_time)),
            loop.create_task(self._every(self.configuration.sweep_interval_seconds, self._sweep)),
            loop.create_task(
                self._every(OVERWRITE_INTERVAL_SECONDS, self.reception.overwrite_freed)
            ),
        ]
        if self._watch is not None:
            self._tasks.append(loop.create_task(self._every(WATCH_SECONDS, self._watch.look)))

    async def _listen(self, reception: Reception, context: ssl.SSLContext | None) -> int:
        configuration = self.configuration
        host, port = configuration.listen_host, configuration.listen_port
        try:
            return await reception.listen(host, port, context)
        except UnicodeError:  # the system of names has no room for it
            raise ListenRefused(f"{host} is no name of a host: correct listen_host") from None
        except OSError as error:
            reason = {
                errno.EADDRINUSE: "is taken by another program: choose another listen_port, or stop"
                " that program",
                errno.EACCES: "may not be used by this user: choose a listen_port above 1023",
                errno.EADDRNOTAVAIL: "is no address of this machine: correct listen_host",
            }.get(error.errno or 0, f"cannot be listened on: {error.strerror or error}")
            raise ListenRefused(f"{host}:{port} {reason}") from None

    def _name(self, port: int, *, secure: bool) -> None:
        listen_host = self.configuration.listen_host
        name = f"[{listen_host}]" if ":" in listen_host else listen_host
        self.port = port
        self.url = f"{'wss' if secure else 'ws'}://{name}:{port}"
        self.host = self.configuration.public_host or f"{name}:{port}"

    def _build(self, identity: RelayIdentity) -> Services:
        loop = asyncio.get_running_loop()
        configuration = self.configuration
        presence = Presence()
        self._commits = CommitWatch(self.store, self._log, loop.time)
        if isinstance(self.store, Shared):
            self.store.watch(SharedLogins(presence))
        self.intake = self._make_intake(presence)
        rates = configured_rates(configuration)
        return Services(
            store=self.store,
            terms=Terms(
                host=parse_host(self.host),
                relay_key=RelayPublicKey(identity.public_key),
                registration=Registration(configuration.registration),
                handovers=tuple(handover.to_bytes() for handover in identity.handovers),
                limits=configuration.limits(),
            ),
            identity=identity,
            tokens=tuple(token.get_secret_value() for token in configuration.registration_tokens),
            rates=rates,
            takes=TakeLimits(rates.account_takes, now=loop.time(), random=self._random),
            presence=presence,
            intake=self.intake,
            metrics=self.metrics,
            log=self._log,
            commit_failed=self._commits.failed,
            random=self._random,
            now=self.clock.now,
            loop_time=loop.time,
            flush_soon=self.reception.flush_soon,
            serve=serve,
            on_fault=self.reception.session_failed,
            on_posting=self.reception.posting,
            bulk=self.reception.bulk,
            take_turns=self.reception.take_turns,
            accounts=TokenBucket(rates.accounts, loop.time()),
            quiet=configuration.quiet,
        )

    def _make_intake(self, presence: Presence) -> Submissions:
        loop = asyncio.get_running_loop()
        parts: _IntakeParts = {"metrics": self.metrics, "loop_time": loop.time}
        if not self.configuration.quiet:
            self._decisions = Decisions(self.store)
            tick = RefusalTick(
                self.configuration.refusal_tick_milliseconds / 1000,
                now=loop.time,
                call_at=loop.call_at,
                submitted=self.metrics.get("hushpost_submitted_total"),
                probe=self._decisions.when_made,
                charge=lambda poster: charge_refusal(poster, loop.time()),
            )
            return Intake(self.store, presence.feeds, tick=tick, **parts)
        if not isinstance(self.store, Holding):
            raise StoreUnfit("this store cannot hold commits back: set quiet = false")
        self._answer_tick = AnswerTick(
            self.store.commit_hold,
            self.reception,
            clock=TickClock(time.monotonic, loop.call_at),
            bytes_max=self.configuration.quiet_bytes_max,
            late=self.metrics.get("hushpost_quiet_late_ticks_total"),
            stops=self.metrics.get("hushpost_quiet_stops_total"),
            on_fault=self.reception.session_failed,
        )
        return QuietIntake(self.store, presence.feeds, tick=self._answer_tick, **parts)

    async def _start_health(self) -> None:
        self.sweeper = Sweeper(
            self.store,
            now=self.clock.now,
            expired=self.metrics.get("hushpost_expired_total"),
            log=self._log,
            notify=self._notify_expired,
        )
        self._damage = DamageWatch(self.store, self._log)
        self._damage.look()
        self._checkup = Checkup(
            configuration=self.configuration,
            store=self.store,
            reception=self.reception,
            presence=self.services.presence,
            sweeper=self.sweeper,
            watch=self._watch,
            now=self.clock.now,
        )
        self.metrics.on_collect(self._collect)
        if not self.configuration.metrics:
            return
        self._health_server = HealthServer(
            self.metrics, self.health, on_end=self.reception.connection_ended
        )
        port = self.configuration.metrics_port
        try:
            bound = await self._health_server.start(port)
        except OSError:
            raise ListenRefused(
                f"metrics_port {port} on 127.0.0.1 is taken or not permitted: choose another, 0"
                " for a free one, or set metrics = false"
            ) from None
        self.metrics_url = f"http://127.0.0.1:{bound}"

    # -- stopping --------------------------------------------------------------------------------

    async def stop(self) -> None:
        """Finish what is in flight, close every connection with 1012, commit, close the store.

        Where other relays share the store, clients go to them in waves. Health says so from the
        first moment on.
        """
        if self._draining:
            return
        self._draining = True
        self._log.write("relay_draining", connections=len(self.reception))
        self.reception.stop_listening()
        if isinstance(self.store, Shared):
            seconds = self.configuration.drain_seconds
            await self.reception.send_away(seconds, self._random, self._hurry)
        self.intake.flush_refusals()
        self.reception.drain()
        await self.reception.emptied(DRAIN_SECONDS_MAX + CLOSE_SECONDS_MAX)
        await self._undo()
        self._log.write("relay_stopped")

    def hurry(self) -> None:
        """Send all who are left away at once, if the relay is stopping in waves."""
        self._hurry.set()

    async def _undo(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._health_server is not None:
            await self._health_server.close()
        reception = getattr(self, "reception", None)
        if isinstance(reception, Reception):
            await reception.close()
        if self._answer_tick is not None:
            await self._answer_tick.stop()
        if self._decisions is not None:
            await self._decisions.end()
        if self._folder is not None:
            await self._folder.close()

    # -- keeping time ----------------------------------------------------------------------------

    async def _every(self, seconds: float, work: Callable[[], object]) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                result = work()
                if asyncio.iscoroutine(result):
                    await result
            except Exception as error:  # noqa: BLE001 - one round's fault must not end all others
                self._log.write("unhandled", origin="timer", error=error)

    def _keep_time(self) -> None:
        self.reception.check_deadlines(self.clock.now())
        self._damage.look()
        self._commits.look()

    async def _sweep(self) -> None:
        await self.sweeper.sweep()

    async def sweep(self) -> SweepReport | None:
        """Sweep now; for tests and for a clock that was moved."""
        return await self.sweeper.sweep()

    async def _notify_expired(self, report: SweepReport) -> None:
        for route in report.routes:
            session: Session | None = self.services.presence.by_route(route)
            if session is not None:
                notify_expired(session, await self.store.expired_notices(route))

    # -- health ----------------------------------------------------------------------------------

    def health(self) -> Health:
        """Say what is wrong, if anything; read by `/health` and by tests."""
        return self._checkup.look(draining=self._draining)

    def _collect(self) -> None:
        self._checkup.set_gauges(self.metrics, draining=self._draining)
        if self._answer_tick is not None:
            held = self.metrics.get("hushpost_quiet_waiting_bytes")
            held.set(self._answer_tick.counted_bytes)


class _IntakeParts(TypedDict):
    metrics: Metrics
    loop_time: Callable[[], float]
