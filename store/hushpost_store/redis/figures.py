"""Sums over all mailboxes: what all relays told last, and what this one saw come and go since."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from hushpost_store import errors
from hushpost_store.redis.command import CommandRefused

# Damaged things that are told apart; a store that has more needs its operator all the same.
_DAMAGED_MAX: Final = 10_000


def _nobody(_deleted_bytes: int) -> None:
    """Listen to no deletion."""


@dataclass(slots=True)
class Sums:
    """Accounts, envelopes queued and their bytes; or how much they changed."""

    accounts: int = 0
    envelopes: int = 0
    envelope_bytes: int = 0

    def add(self, other: Sums) -> None:
        """Add what another one holds."""
        self.accounts += other.accounts
        self.envelopes += other.envelopes
        self.envelope_bytes += other.envelope_bytes


@dataclass(slots=True)
class Figures:
    """Sums over all mailboxes, never one's own."""

    known: Sums = field(default_factory=Sums)
    """What all relays together told last."""
    unsaid: Sums = field(default_factory=Sums)
    """What this one has not told yet."""
    committed: int = 0
    failed: int = 0
    is_faulty: bool = False
    # Whether a server refused what was written last; otherwise it was away, or found by nobody.
    was_refused: bool = False
    # Names of what was met and is not what was written.
    damaged: set[bytes] = field(default_factory=set[bytes])
    # Told of every deletion: how many bytes of envelopes went.
    on_deleted: Callable[[int], None] = _nobody

    @property
    def now(self) -> Sums:
        """Return the sums as far as this relay knows; another may count out what it counts in."""
        sums = replace(self.known)
        sums.add(self.unsaid)
        return Sums(max(0, sums.accounts), max(0, sums.envelopes), max(0, sums.envelope_bytes))

    def fail(self, fault: errors.StoreFault) -> None:
        """Note that what was written was not taken."""
        self.is_faulty = True
        self.was_refused = isinstance(fault, CommandRefused)

    def reached(self) -> None:
        """Note that all servers answer: who was away is back; who was full may be full still."""
        if not self.was_refused:
            self.is_faulty = False

    def count_accounts(self, accounts: int) -> None:
        """Note that accounts came, or went where negative."""
        self.unsaid.accounts += accounts

    def count_in(self, envelope_bytes: int) -> None:
        """Note that an envelope was queued."""
        self.unsaid.envelopes += 1
        self.unsaid.envelope_bytes += envelope_bytes

    def count_out(self, envelopes: int, envelope_bytes: int) -> None:
        """Note that envelopes left the store."""
        self.unsaid.envelopes -= envelopes
        self.unsaid.envelope_bytes -= envelope_bytes
        if envelopes:
            self.on_deleted(envelope_bytes)

    def note_damage(self, name: bytes) -> None:
        """Count something damaged, once however often it is met."""
        if len(self.damaged) < _DAMAGED_MAX:
            self.damaged.add(name)
