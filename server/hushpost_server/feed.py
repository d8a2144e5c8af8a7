"""The stream of deliveries to one logged-in device (docs/spec/delivery.md, section 5).

    OPENING --mailbox opened--> CATCHING_UP --nothing left to read--> LIVE
                                    ^----window or write buffer full----'

Live, an envelope is pushed within the call that admitted it, before its commit. Catching up, pages
are read from the store while the window has room, and what is admitted meanwhile is kept (bounded)
or, when that overflows, found by the next page. So nothing is missed, doubled or overtaken.

Where other relays post into the same mailbox, sequences admitted here have gaps: what does not
follow directly on what was delivered is read from the store, with what fills the gap.

Refuses to know: whose mailbox it is, and who posts.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from enum import Enum
from typing import Any, Final, NamedTuple

from hushpost_store.interface import MailboxStore, Shared
from hushpost_store.rows import OpenedMailbox
from hushpost_wire.identifiers import DropReference, EnvelopeId
from hushpost_wire.relay_protocol import RelayProtocol
from hushpost_wire.transitions import State

from hushpost_server.metrics import Counter

# Envelopes read from the store at a time: 1 MiB of large ones, one commit's worth of small ones.
PAGE_ENVELOPES: Final = 64
# Admitted while a page is read: as much again; beyond, the next page finds them.
EARLY_MAX: Final = 64
# Catching up goes on when a quarter of the window is free, so that a page is worth its reading.
WINDOW_REFILL: Final = 4


class Arrival(NamedTuple):
    """An envelope that was admitted for this device."""

    sequence: int
    envelope_id: EnvelopeId
    drop_ref: DropReference
    not_after: int
    envelope: bytes


class Phase(Enum):
    """Where a feed stands."""

    OPENING = 1
    CATCHING_UP = 2
    LIVE = 3
    ENDED = 4


_LIVE: Final = Phase.LIVE


class Feed:
    """Deliveries of one login epoch. `end` when the connection ends or is displaced.

    `send_soon` has the machine's output sent at the end of this turn of the loop; `spawn` runs a
    coroutine that reads pages.
    """

    __slots__ = (
        "_backlog_end",
        "_early",
        "_early_lost",
        "_last_sequence",
        "_live_count",
        "_machine",
        "_now",
        "_others_post",
        "_page_count",
        "_paused",
        "_pumping",
        "_send_soon",
        "_spawn",
        "_store",
        "_window",
        "epoch",
        "phase",
        "route",
    )

    def __init__(
        self,
        machine: RelayProtocol,
        store: MailboxStore,
        *,
        route: bytes,
        window: int,
        now: Callable[[], float],
        send_soon: Callable[[], None],
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        counts: tuple[Counter, Counter],
    ) -> None:
        self._machine = machine
        self._store = store
        self._window = window
        self._now = now
        self._send_soon = send_soon
        self._spawn = spawn
        self._live_count, self._page_count = counts
        self._early: list[Arrival] | None = None
        self._early_lost = False
        self._backlog_end = 0
        self._last_sequence = 0
        self._others_post = isinstance(store, Shared)
        self._paused = False
        self._pumping = False
        self.route = route
        self.epoch = 0
        self.phase = Phase.OPENING

    def opened(self, mailbox: OpenedMailbox) -> None:
        """Start delivering: the login was answered, and this is its mailbox."""
        if self.phase is Phase.OPENING:
            self.epoch = mailbox.epoch
            self._backlog_end = mailbox.backlog_end
            self.phase = Phase.CATCHING_UP
            self._pump_soon()

    def end(self) -> None:
        """Deliver nothing more; the store keeps what was not acknowledged."""
        self.phase = Phase.ENDED
        self._early = None

    def push(
        self,
        sequence: int,
        envelope_id: EnvelopeId,
        drop_ref: DropReference,
        not_after: int,
        envelope: bytes,
    ) -> None:
        """Deliver an envelope that was just admitted: the hot path."""
        if self.phase is _LIVE:
            machine = self._machine
            if self._others_post and sequence != self._last_sequence + 1:
                self.wake(sequence)
            elif not self._paused and machine.deliveries_left > 0:
                self._last_sequence = sequence
                self._live_count.value += 1
                machine.deliver(
                    sequence,
                    backlog=False,
                    not_after=not_after,
                    drop_ref=drop_ref,
                    envelope_id=envelope_id,
                    envelope=envelope,
                )
                self._send_soon()
            else:
                self.phase = Phase.CATCHING_UP
        elif self.phase is not Phase.ENDED:
            self._keep(Arrival(sequence, envelope_id, drop_ref, not_after, envelope))

    def wake(self, sequence: int) -> None:
        """Read what waits up to `sequence`, if it was not delivered: another relay took it in."""
        if self.phase is Phase.LIVE and sequence > self._last_sequence:
            self.phase = Phase.CATCHING_UP
            self._pump_soon()
        elif self.phase is Phase.CATCHING_UP and self._pumping:
            # The page under way may have been read before it came.
            self._early_lost = True

    def push_ephemeral(
        self, envelope_id: EnvelopeId, drop_ref: DropReference, not_after: int, envelope: bytes
    ) -> None:
        """Deliver what is never queued, or let it fall when the device cannot take it now."""
        live = self.phase is Phase.LIVE and not self._paused
        if live and self._machine.state is State.OPEN:
            self._machine.deliver_ephemeral(
                not_after=not_after, drop_ref=drop_ref, envelope_id=envelope_id, envelope=envelope
            )
            self._send_soon()

    def acknowledged(self, sequences: tuple[int, ...]) -> None:
        """Have the store delete what the device has committed."""
        self._store.acknowledge(self.route, self.epoch, sequences, self._now())
        if self.phase is Phase.CATCHING_UP:
            self._pump_soon()

    def pause(self) -> None:
        """Stop until `resume`: the peer does not read."""
        self._paused = True

    def resume(self) -> None:
        """Catch up with what came meanwhile: the peer reads again."""
        self._paused = False
        if self.phase is Phase.CATCHING_UP:
            self._pump_soon()

    # -- catching up -----------------------------------------------------------------------------

    def _keep(self, arrival: Arrival) -> None:
        if self._early is None:
            self._early = []
        if len(self._early) < EARLY_MAX:
            self._early.append(arrival)
        else:
            self._early_lost = True

    def _pump_soon(self) -> None:
        enough = self._machine.deliveries_left * WINDOW_REFILL >= self._window
        if enough and not self._pumping and not self._paused:
            self._pumping = True
            self._spawn(self._pump())

    async def _pump(self) -> None:
        """Read pages while there is room; ends live, full, paused or ended."""
        try:
            while self.phase is Phase.CATCHING_UP and not self._paused:
                room = self._machine.deliveries_left
                if room <= 0:
                    return
                if not await self._page(min(room, PAGE_ENVELOPES)) and not self._early_lost:
                    self._go_live()
        finally:
            self._pumping = False

    async def _page(self, limit: int) -> bool:
        """Deliver one page; False when the store had nothing more at the time of the call."""
        self._early = None
        self._early_lost = False
        rows = await self._store.read_backlog(
            self.route,
            self.epoch,
            after_sequence=self._last_sequence,
            limit=limit,
            now=self._now(),
        )
        if self.phase is not Phase.CATCHING_UP:
            return False
        for row in rows:
            if self._machine.deliveries_left <= 0:  # the connection drains: the next login's
                self.end()
                return False
            self._last_sequence = row.sequence
            self._machine.deliver(
                row.sequence,
                backlog=True,
                not_after=row.not_after,
                drop_ref=DropReference(row.drop_ref),
                envelope_id=EnvelopeId(row.envelope_id),
                envelope=row.envelope,
            )
        self._page_count.value += len(rows)
        if rows:
            self._send_soon()
        return bool(rows)

    def _go_live(self) -> None:
        if self.phase is not Phase.CATCHING_UP:
            return
        self.phase = Phase.LIVE
        # All up to there has been read, also where a sequence of it is no more.
        self._last_sequence = max(self._last_sequence, self._backlog_end)
        early, self._early = self._early, None
        for arrival in early or ():
            if arrival.sequence > self._last_sequence:
                self.push(*arrival)
