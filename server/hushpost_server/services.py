"""What every session of a relay shares: one object instead of a dozen arguments."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hushpost_store.interface import Store
from hushpost_wire.control import Request
from hushpost_wire.frames import RefusalReason
from hushpost_wire.terms import Terms

from hushpost_server.logging import EventLog
from hushpost_server.metrics import Counter, Metrics
from hushpost_server.presence import Presence
from hushpost_server.rate_limits import Rates, TokenBucket
from hushpost_server.submits import Submissions
from hushpost_server.take_limits import TakeLimits
from hushpost_server.turnstile import Turnstile

if TYPE_CHECKING:
    from hushpost_server.identity import RelayIdentity
    from hushpost_server.session import Session


@dataclass(slots=True, kw_only=True)
class Services:
    """Built once by the relay before it listens; sessions read it and change nothing in it."""

    store: Store
    terms: Terms
    identity: RelayIdentity
    tokens: tuple[str, ...]
    rates: Rates
    takes: TakeLimits
    presence: Presence
    intake: Submissions
    metrics: Metrics
    log: EventLog
    commit_failed: Callable[[Exception], None]
    random: Callable[[int], bytes]
    now: Callable[[], float]
    loop_time: Callable[[], float]
    flush_soon: Callable[[Session], None]
    serve: Callable[[Session, Request], Awaitable[None]]
    on_fault: Callable[[Session, Exception], None]
    on_posting: Callable[[Session], None]
    bulk: Turnstile
    take_turns: Turnstile
    accounts: TokenBucket
    quiet: bool = False
    tasks: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])
    refusals: dict[int, Counter] = field(init=False)
    acknowledged: Counter = field(init=False)
    controls: Counter = field(init=False)
    delivered: tuple[Counter, Counter] = field(init=False)

    def __post_init__(self) -> None:
        get = self.metrics.get
        self.refusals = {
            int(reason): get("hushpost_refused_total", reason.name.lower())
            for reason in RefusalReason
        }
        self.acknowledged = get("hushpost_acknowledged_total")
        self.controls = get("hushpost_control_total")
        self.delivered = (
            get("hushpost_delivered_live_total"),
            get("hushpost_delivered_backlog_total"),
        )

    def spawn(self, work: Coroutine[Any, Any, None], session: Session) -> None:
        """Run `work` for `session`; what it raises closes that connection and no other."""
        task = asyncio.get_running_loop().create_task(self._guard(work, session))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        # One that is cancelled before it began has not begun its work, which nobody awaits then.
        task.add_done_callback(lambda _: work.close())

    async def _guard(self, work: Coroutine[Any, Any, None], session: Session) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - a task's edge: one session must not end others
            self.on_fault(session, error)
