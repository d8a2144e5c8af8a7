"""Slots in which a submission just failed: for a moment nothing more is taken for them.

A sender has several envelopes on their way. If the first of them fails, with the server that owned
the slot, and those behind it reach the server that replaced it, the mailbox has them in another
order than they were sent in, and the recipient's client takes that for a relay that reorders. So
what follows a failure is told the same, until its sender must have heard of it and begins again
from the first (docs/spec/store.md, "In flight"). By slot and not by mailbox: whoever asks learns
nothing of a single one. Submissions alone are stalled: owners log in, read and acknowledge
meanwhile, which is what makes room on a server that is full.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from hushpost_store.redis.connection import slot_of
from hushpost_store.redis.keys import mailbox_keys

# As long as RETRY asks a sender to wait: what comes sooner was sent before it heard.
STALL_SECONDS: Final = 1.0


class Stalls:
    """`clock` is monotonic, in seconds. Holds one moment for each slot at most, none for long."""

    __slots__ = ("_clock", "_ends", "_until")

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._until: dict[int, float] = {}
        self._ends = 0.0

    def begin(self, route: bytes) -> None:
        """Note that a submission into this mailbox failed now."""
        self._ends = self._clock() + STALL_SECONDS
        self._until[_slot(route)] = self._ends

    def holds(self, route: bytes) -> bool:
        """Whether a submission into the slot of this mailbox failed a moment ago."""
        return self._is_any() and self.holds_slot(_slot(route))

    def holds_slot(self, slot: int) -> bool:
        """Whether a submission into this slot failed a moment ago."""
        return self._is_any() and self._clock() < self._until.get(slot, 0.0)

    def _is_any(self) -> bool:
        """Whether any slot is stalled. What ended is not kept: fair weather costs nothing."""
        if self._until and self._clock() >= self._ends:
            self._until.clear()
        return bool(self._until)


def _slot(route: bytes) -> int:
    return slot_of(mailbox_keys(route)[0])
