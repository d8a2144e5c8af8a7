"""NO_DROP answers leave on a tick, so that time tells their reasons apart no more than bytes do.

docs/spec/delivery.md section 3: a route that does not exist, a secret that was never registered and
a drop that was revoked are refused with the same bytes at the same time. Deciding takes a cache hit
in one case and a read from disk, behind whatever is being committed, in another. So what arrived
between two ticks is answered together, in the order of its arrival, on a later tick::

    arrives        period over: probe    answered, if the probe has come back; else a later tick
    |---- a period ----|------ a period ------|

The probe takes its turn at the store behind all reads of the period, whether there were any or not.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from operator import attrgetter
from typing import Any, NamedTuple, Protocol

from hushpost_wire.frames import RefusalReason
from hushpost_wire.relay_protocol import RelayProtocol

from hushpost_server.metrics import Counter


class Answerer(Protocol):
    """Who answers a submission."""

    machine: RelayProtocol

    def send_soon(self) -> None:
        """Send the machine's output at the end of this turn of the loop."""


class _Waiting(NamedTuple):
    number: float
    period: int
    answerer: Answerer
    request: int


class RefusalTick:
    """Holds refusals back. `call_at` is the event loop's; nothing runs while nothing arrives.

    `submitted` counts what arrives. `probe` calls back when the store has decided about everything
    that was submitted before the call. `charge` has a refusal cost its sender something: not before
    it is told, or the rate that is left would tell when it was decided.
    """

    __slots__ = (
        "_call_at",
        "_charge",
        "_decided",
        "_index",
        "_now",
        "_probe",
        "_probed",
        "_seconds",
        "_seen",
        "_submitted",
        "_waiting",
        "is_running",
        "period",
    )

    def __init__(
        self,
        seconds: float,
        *,
        now: Callable[[], float],
        call_at: Callable[[float, Callable[[], None]], object],
        submitted: Counter,
        probe: Callable[[Callable[[], None]], None],
        charge: Callable[[Any], None] | None = None,
    ) -> None:
        self._seconds = seconds
        self._now = now
        self._call_at = call_at
        self._submitted = submitted
        self._probe = probe
        self._charge = charge
        self._seen = submitted.value
        self._index = -1
        self._decided = -1
        self._probed = -1
        self._waiting: list[_Waiting] = []
        self.is_running = False
        self.period = 0
        """The one in which arrives what arrives now; a submission keeps it."""

    def __len__(self) -> int:
        return len(self._waiting)

    def begin(self) -> None:
        """Tick from now on. To be called for a submission when it does not run."""
        self.is_running = True
        self._call_at(self._next_tick(), self._tick)

    def refuse(self, answerer: Answerer, request: int, number: float, period: int) -> None:
        """Have `answerer` refuse the submission that arrived as `number`, in `period`."""
        self._waiting.append(_Waiting(number, period, answerer, request))
        if not self.is_running:
            self.begin()

    def flush(self) -> None:
        """Answer everything now: the relay is draining."""
        waiting, self._waiting = self._waiting, []
        self._answer(waiting)

    def _next_tick(self) -> float:
        # Timers come early by their rounding: each tick comes once all the same.
        self._index = max(int(self._now() / self._seconds), self._index) + 1
        return self._index * self._seconds

    def _tick(self) -> None:
        ended = self.period
        through = min(ended - 1, self._decided)
        due = [item for item in self._waiting if item.period <= through]
        self._waiting = [item for item in self._waiting if item.period > through]
        self._answer(due)
        arrived = self._submitted.value != self._seen
        self._seen = self._submitted.value
        self.period = ended + 1
        if arrived:
            self._probed = ended
            self._probe(partial(self._decide, ended))
        elif self._decided >= self._probed:
            self._decided = ended  # nothing is under way
        self.is_running = arrived or bool(self._waiting) or self._decided < ended
        if self.is_running:
            self._call_at(self._next_tick(), self._tick)

    def _decide(self, period: int) -> None:
        self._decided = max(self._decided, period)

    def _answer(self, items: list[_Waiting]) -> None:
        for item in sorted(items, key=attrgetter("number")):
            if self._charge is not None:
                self._charge(item.answerer)
            item.answerer.machine.refuse(item.request, RefusalReason.NO_DROP)
            item.answerer.send_soon()
