"""How much one mailbox may hold (docs/spec/store.md, "Quotas").

Every bound is announced by the relay and can be set by its operator; the defaults are for
people who write to people.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quotas:
    """The bounds a store holds each mailbox to; accepted mail is never trimmed to fit them."""

    # Two weeks away from home with 700 envelopes a day, or 64 MiB on the operator's disk.
    mailbox_envelopes_max: int = 10_000
    mailbox_bytes_max: int = 64 << 20
    # One contact alone must not fill the mailbox against all others.
    drop_envelopes_max: int = 2_500
    drop_bytes_max: int = 16 << 20
    # Strangers: refilled when the UTC day changes, never by draining, so that a reader who is
    # online does not hand a flooder fresh quota.
    knocks_per_day: int = 20
    knock_bytes_max: int = 512 << 10
    # 1,000 contacts, their reply drops and open invitations.
    drops_max: int = 2_048
    # What a device keeps here and no more: a take can only make room for a refill that is under
    # way, a batch that comes again counts once, and what is past its day is not counted.
    prekeys_max: int = 100
    # An invitation on paper should live as long as the prekeys it leads to.
    once_drop_days: int = 30
    # What `FULL` proposes; coarse, so that it says nothing about when the reader drains.
    full_retry_seconds: int = 300
