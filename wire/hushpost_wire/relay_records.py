"""Handover record: how a relay's identity passes from one key to the next (identity.md, section 8).

Parsed and canonical, no more: the signature and the place in the chain are the caller's to check.
"""

from dataclasses import dataclass
from typing import Final, Self

from hushpost_wire import labels
from hushpost_wire.encoding import SUITE, Reader, labelled, read_suite, sized, u16, u32
from hushpost_wire.errors import MalformedRecord
from hushpost_wire.identifiers import (
    KEY_BYTES,
    SIGNATURE_BYTES,
    RelayPublicKey,
    Signature,
)

HANDOVER_BYTES: Final = 136


@dataclass(frozen=True, slots=True)
class Handover:
    """A relay's old identity key naming its successor (identity.md, section 8)."""

    old_key: RelayPublicKey
    new_key: RelayPublicKey
    issue_day: int
    signature: Signature

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Parse; raises `MalformedRecord`. The signature is the caller's to check."""
        reader = Reader(data, "relay handover")
        read_suite(reader, "relay handover")
        if reader.u16():
            raise MalformedRecord("relay handover with its reserved bytes set")
        issue_day = reader.u32()
        old_key = RelayPublicKey(reader.take(KEY_BYTES))
        new_key = RelayPublicKey(reader.take(KEY_BYTES))
        signature = Signature(reader.take(SIGNATURE_BYTES))
        reader.finish()
        if old_key == new_key:
            raise MalformedRecord("relay handover to the same key")
        return cls(old_key, new_key, issue_day, signature)

    def unsigned_bytes(self) -> bytes:
        """Everything before the signature, 72 bytes."""
        return (
            u16(SUITE)
            + u16(0)
            + u32(self.issue_day)
            + sized(self.old_key, KEY_BYTES, "old relay key")
            + sized(self.new_key, KEY_BYTES, "new relay key")
        )

    def signed_bytes(self) -> bytes:
        """Return what the old relay key signs."""
        return labelled(labels.RELAY_HANDOVER, self.unsigned_bytes())

    def to_bytes(self) -> bytes:
        """Return the one encoding, 136 bytes."""
        return self.unsigned_bytes() + sized(self.signature, SIGNATURE_BYTES, "signature")
