"""Which captured envelope is what: noted where real clients of this process seal it.

And one defect that must be found: a client whose typing notices are a byte longer than all else.
"""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from hushpost.content_kinds import Kind
from hushpost.engine import outbox
from hushpost_crypto import double_ratchet
from hushpost_wire.identifiers import EnvelopeId

FIRST = "first message"
KEM_STEP = "KEM step"


@dataclass(slots=True)
class Labels:
    """The kinds of all envelopes that were sealed; one envelope may bear several."""

    kinds: dict[EnvelopeId, frozenset[str]] = field(
        default_factory=dict[EnvelopeId, frozenset[str]]
    )

    def of(self, envelope_id: EnvelopeId) -> frozenset[str]:
        """Return what an envelope is; empty for one that no client here sealed."""
        return self.kinds.get(envelope_id, frozenset())


@contextmanager
def labelled(*, is_leaky: bool = False) -> Generator[Labels]:
    """Note every envelope that is sealed in this process until the context ends."""
    labels = Labels()
    original: dict[str, Any] = {
        name: getattr(outbox, name) for name in ("_seal", "assemble", "seal_typing")
    }
    encrypt = double_ratchet.encrypt
    state = {"steps": False, "typing": False}

    def encrypting(*given: Any, **named: Any) -> Any:
        after, message = encrypt(*given, **named)
        plain = len(message) - len(given[1]) == double_ratchet.ORDINARY_OVERHEAD_BYTES
        state["steps"] = not plain
        return after, message

    def sealing(*given: Any, **named: Any) -> Any:
        entry = original["_seal"](*given, **named)
        kinds = {Kind(entry.kind).name.lower()}
        kinds |= {FIRST} if entry.sealed_first else set()
        kinds |= {KEM_STEP} if state["steps"] else set()
        labels.kinds[entry.envelope_id] = frozenset(kinds)
        return entry

    def typing(*given: Any, **named: Any) -> Any:
        state["typing"] = True
        try:
            return original["seal_typing"](*given, **named)
        finally:
            state["typing"] = False

    def assembling(*given: Any) -> bytes:
        envelope: bytes = original["assemble"](*given)
        return envelope + b"\0" if is_leaky and state["typing"] else envelope

    replacements = {"_seal": sealing, "assemble": assembling, "seal_typing": typing}
    for name, replacement in replacements.items():
        setattr(outbox, name, replacement)
    double_ratchet.encrypt = encrypting
    try:
        yield labels
    finally:
        for name, function in original.items():
            setattr(outbox, name, function)
        double_ratchet.encrypt = encrypt
