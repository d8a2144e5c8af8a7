"""What one process has seen come and go since it last counted all that Redis holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


def _nobody(_deleted_bytes: int) -> None:
    """Listen to no deletion."""


@dataclass(slots=True)
class Figures:
    """Sums over all mailboxes, never one's own."""

    accounts: int = 0
    queued_envelopes: int = 0
    queued_bytes: int = 0
    committed: int = 0
    failed: int = 0
    is_faulty: bool = False
    # Told of every deletion: how many bytes of envelopes went.
    on_deleted: Callable[[int], None] = _nobody

    def count_in(self, envelope_bytes: int) -> None:
        """Note that an envelope was queued."""
        self.queued_envelopes += 1
        self.queued_bytes += envelope_bytes

    def count_out(self, envelopes: int, envelope_bytes: int) -> None:
        """Note that envelopes left the store."""
        self.queued_envelopes -= envelopes
        self.queued_bytes -= envelope_bytes
        if envelopes:
            self.on_deleted(envelope_bytes)
