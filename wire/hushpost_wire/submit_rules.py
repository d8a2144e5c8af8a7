"""What a relay judges of a SUBMIT by itself, before it looks at any drop.

Implements docs/spec/delivery.md, section 3: TTL class and `not_after`, the envelope's size and its
id. One `SubmitRules` serves every connection of a relay; it keeps only the current hour's window.
"""

from hashlib import sha256
from typing import Final

from hushpost_wire.frames import RefusalReason, Submit
from hushpost_wire.identifiers import ENVELOPE_ID_BYTES
from hushpost_wire.limits import ENVELOPE_BYTES_MIN_UNENFORCED, Limits
from hushpost_wire.ttl import HOUR_SECONDS, TtlWindow

_BAD_TTL: Final = RefusalReason.BAD_TTL
_BAD_ENVELOPE: Final = RefusalReason.BAD_ENVELOPE


class SubmitRules:
    """The rules of one relay, with its limits."""

    __slots__ = ("_admitted", "_sizes", "_until", "_window")

    def __init__(self, limits: Limits) -> None:
        sizes = limits.envelope_buckets
        self._sizes = (
            frozenset(sizes)
            if limits.bucket_enforcement
            else range(ENVELOPE_BYTES_MIN_UNENFORCED, max(sizes) + 1)
        )
        self._window = TtlWindow.at(0)
        self._until = 0.0
        # The lifetime that this window admitted last: nearly every envelope has the same.
        self._admitted = -1

    def judge(self, submit: Submit, now: float) -> RefusalReason | None:
        """Give the reason to refuse, or None to go on to the drop. `now` in seconds since 1970."""
        if not self._until - HOUR_SECONDS <= now < self._until:
            self._window = TtlWindow.at(now)
            self._until = (self._window.hour + 1.0) * HOUR_SECONDS
            self._admitted = -1
        ttl_class, _, _, _, identifier, hour, envelope = submit
        lifetime = hour << 8 | ttl_class
        if lifetime != self._admitted:
            if not self._window.admits(ttl_class, hour):
                return _BAD_TTL
            self._admitted = lifetime
        if (
            len(envelope) not in self._sizes
            or sha256(envelope).digest()[:ENVELOPE_ID_BYTES] != identifier
        ):
            return _BAD_ENVELOPE
        return None
