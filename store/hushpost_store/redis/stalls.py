"""Slots in which a submission just failed: for a moment nothing more is taken for them.

A sender has several envelopes on their way. If the first of them fails, with the server that owned
the slot, and those behind it reach the server that replaced it, the mailbox has them in another
order than they were sent in, and the recipient's client takes that for a relay that reorders. So
what follows a failure is told the same, until its sender must have heard of it and begins again
from the first (docs/spec/store.md, "In flight").

    the slot   for a second after the failure, whoever posts: who asks learns nothing of a mailbox
    the drop   for a second after each envelope that was refused for the slot's sake, so that a
               burst which comes as the slot's second ends is refused as a whole

Submissions alone are stalled: owners log in, read and acknowledge meanwhile, which is what makes
room on a server that is full.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from hushpost_store.redis.connection import slot_of
from hushpost_store.redis.keys import mailbox_keys

# As long as RETRY asks a sender to wait: what comes sooner was sent before it heard.
STALL_SECONDS: Final = 1.0
# A drop's stall ends so long after it began: who repeats without waiting is not kept out for good.
DROP_SECONDS_MAX: Final = 5.0
# Names may be made up: a drop is looked up later. Beyond this the slot's second must do.
DROPS_MAX: Final = 4_096


class Stalls:
    """`clock` is monotonic, in seconds. Holds one moment for each slot at most, none for long."""

    __slots__ = ("_clock", "_drops", "_ends", "_until")

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._until: dict[int, float] = {}
        # By the drop's hash: when it was refused first, and until when it is.
        self._drops: dict[bytes, tuple[float, float]] = {}
        self._ends = 0.0

    def begin(self, route: bytes) -> None:
        """Note that a submission into this mailbox failed now."""
        until = self._clock() + STALL_SECONDS
        self._until[_slot(route)] = until
        self._ends = max(self._ends, until)

    def refuses(self, route: bytes, drop_hash: bytes) -> bool:
        """Whether a submission that comes now could overtake one that failed; it is noted."""
        if not self._is_any():
            return False
        now = self._clock()
        since, until = self._drops.get(drop_hash, (now, now))
        if until <= now:
            since = now
            if not self.holds_slot(_slot(route)):
                return False
        if drop_hash in self._drops or len(self._drops) < DROPS_MAX:
            until = min(now + STALL_SECONDS, since + DROP_SECONDS_MAX)
            self._drops[drop_hash] = since, until
            self._ends = max(self._ends, until)
        return True

    def holds_slot(self, slot: int) -> bool:
        """Whether a submission into this slot failed a moment ago."""
        return self._is_any() and self._clock() < self._until.get(slot, 0.0)

    def _is_any(self) -> bool:
        """Whether any slot or drop is stalled. What ended is not kept: fair weather is free."""
        if self._until and self._clock() >= self._ends:
            self._until.clear()
            self._drops.clear()
        return bool(self._until)


def _slot(route: bytes) -> int:
    return slot_of(mailbox_keys(route)[0])
