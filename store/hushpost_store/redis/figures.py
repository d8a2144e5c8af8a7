"""What one process has seen come and go since it last counted all that Redis holds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Figures:
    """Sums over all mailboxes, never one's own."""

    accounts: int = 0
    queued_envelopes: int = 0
    queued_bytes: int = 0
    committed: int = 0
    failed: int = 0
    is_faulty: bool = False

    def count_in(self, envelope_bytes: int) -> None:
        """Note that an envelope was queued."""
        self.queued_envelopes += 1
        self.queued_bytes += envelope_bytes

    def count_out(self, envelopes: int, envelope_bytes: int) -> None:
        """Note that envelopes left the store."""
        self.queued_envelopes -= envelopes
        self.queued_bytes -= envelope_bytes
