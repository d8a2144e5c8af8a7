"""What a client posts and what the relay says of it (docs/spec/delivery.md)."""

from dataclasses import dataclass, field

from hushpost_wire.frames import RefusalReason
from hushpost_wire.identifiers import DropSecret, EnvelopeId, Route


@dataclass(frozen=True, slots=True)
class Posting:
    """An envelope for a drop, as it lies in the outbox. Sent again, it is the same bytes."""

    ttl_class: int
    route: Route
    drop_secret: DropSecret = field(repr=False)
    envelope_id: EnvelopeId
    not_after: int
    envelope: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the relay said of one posting; ``reason`` is None if it was accepted."""

    reason: RefusalReason | None
    retry_after_seconds: int = 0

    @property
    def accepted(self) -> bool:
        """The relay has it durably, or the recipient has it."""
        return self.reason is None
