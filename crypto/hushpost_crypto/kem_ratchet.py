"""The post-quantum half of the ratchet: ML-KEM-768 steps between DH steps (pairwise.md, 6).

    own key:   none --(own chain begins, a step is due)--> outstanding
               outstanding --(peer's next chain, MUST bring the ciphertext)--> none
    peer key:  none --(peer's chain brings a key)--> to answer
               to answer --(own next chain brings the ciphertext)--> none

What a chain carries is fixed when it begins: every header of the chain repeats it, so that any one
message that arrives is enough. This module knows nothing of chains, keys of messages or headers; it
gives the double ratchet a secret to mix into a root step and the fields to put into headers.
"""

from dataclasses import dataclass
from enum import IntFlag
from typing import Final

from hushpost_crypto import primitives
from hushpost_crypto.concealed import Concealed
from hushpost_crypto.errors import BadKey
from hushpost_crypto.keys import Random
from hushpost_crypto.limits import KEM_STEP_MESSAGES, KEM_STEP_SECONDS
from hushpost_wire.encoding import labelled_sha256
from hushpost_wire.labels import RATCHET_KEM_ROOT, RATCHET_KEM_STEP, RATCHET_ROOT


class KemShape(IntFlag):
    """Which KEM fields a chain's headers carry; the flags byte of the header."""

    NONE = 0
    CIPHERTEXT = 1
    KEY = 2


SHAPE_BYTES: Final = {
    KemShape.NONE: 0,
    KemShape.CIPHERTEXT: primitives.MLKEM768_CIPHERTEXT_BYTES,
    KemShape.KEY: primitives.MLKEM768_KEY_BYTES,
    KemShape.CIPHERTEXT | KemShape.KEY: primitives.MLKEM768_CIPHERTEXT_BYTES
    + primitives.MLKEM768_KEY_BYTES,
}


@dataclass(frozen=True, slots=True)
class KemFields:
    """What the headers of one chain carry: an answer to the peer's key, a key of one's own."""

    ciphertext: bytes = b""
    key: bytes = b""

    @classmethod
    def from_bytes(cls, shape: KemShape, data: bytes) -> "KemFields":
        """Cut the fields apart; ``data`` has the length that the shape names."""
        cut = primitives.MLKEM768_CIPHERTEXT_BYTES if KemShape.CIPHERTEXT in shape else 0
        return cls(data[:cut], data[cut:])

    def to_bytes(self) -> bytes:
        """Ciphertext, then key; absent fields take no room."""
        return self.ciphertext + self.key

    @property
    def shape(self) -> KemShape:
        """Which of the fields there are."""
        shape = KemShape.CIPHERTEXT if self.ciphertext else KemShape.NONE
        return shape | KemShape.KEY if self.key else shape


@dataclass(frozen=True, slots=True, repr=False)
class RootInput(Concealed):
    """What a KEM step adds to a root step: a secret behind the DH output, and the info."""

    secret: bytes
    info: bytes


NO_STEP: Final = RootInput(b"", RATCHET_ROOT)


@dataclass(frozen=True, slots=True, repr=False)
class KemRatchet(Concealed):
    """One side's outstanding key, the peer's unanswered one, and when the last step was.

    ``own_seed`` and ``own_key`` stand or fall together. ``stepped_at`` None means never: a
    responder's first chain is always due, which is the step at session start.
    """

    own_seed: bytes = b""
    own_key: bytes = b""
    peer_key: bytes = b""
    stepped_at: int | None = None
    stepped_message: int = 0

    def is_due(self, messages: int, now: float) -> bool:
        """Whether a sending chain that begins now offers a key."""
        if self.own_seed:
            return False
        if self.stepped_at is None:
            return True
        return (
            messages - self.stepped_message >= KEM_STEP_MESSAGES
            or now - self.stepped_at >= KEM_STEP_SECONDS
        )

    def sending_shape(self, messages: int, now: float) -> KemShape:
        """What the headers of a sending chain that begins now will carry."""
        shape = KemShape.CIPHERTEXT if self.peer_key else KemShape.NONE
        return shape | KemShape.KEY if self.is_due(messages, now) else shape

    def receiving_shapes(self) -> tuple[KemShape, ...]:
        """What the peer's next chain may carry: an outstanding key MUST be answered."""
        answer = KemShape.CIPHERTEXT if self.own_seed else KemShape.NONE
        return (answer, answer | KemShape.KEY)


def begin_sending(
    kem: KemRatchet, messages: int, now: float, random: Random
) -> tuple[KemRatchet, KemFields, RootInput]:
    """Answer the peer's key, and offer an own one if a step is due."""
    due = kem.is_due(messages, now)
    ciphertext, step = b"", NO_STEP
    if kem.peer_key:
        secret, ciphertext = primitives.mlkem768_encapsulate(kem.peer_key)
        step = _root_input(secret, kem.peer_key, ciphertext)
    own_seed, own_key = kem.own_seed, kem.own_key
    if due:
        own_seed = random(primitives.MLKEM_SEED_BYTES)
        own_key = primitives.mlkem768_public_key(own_seed)
    fields = KemFields(ciphertext, own_key)
    if not fields.shape:
        return kem, fields, step
    return KemRatchet(own_seed, own_key, b"", int(now), messages), fields, step


def begin_receiving(
    kem: KemRatchet, fields: KemFields, messages: int, now: float
) -> tuple[KemRatchet, RootInput]:
    """Take the answer to the outstanding key, and note the peer's key; raises `BadKey`.

    The caller has tried only shapes that `KemRatchet.receiving_shapes` allows.
    """
    if not fields.shape:
        return kem, NO_STEP
    if fields.key:
        primitives.mlkem768_check_key(fields.key)
    if not fields.ciphertext:
        return (
            KemRatchet(kem.own_seed, kem.own_key, fields.key, kem.stepped_at, kem.stepped_message),
            NO_STEP,
        )
    if not kem.own_seed:
        raise BadKey("a KEM ciphertext answers no outstanding key")
    secret = primitives.mlkem768_decapsulate(kem.own_seed, fields.ciphertext)
    step = _root_input(secret, kem.own_key, fields.ciphertext)
    return KemRatchet(b"", b"", fields.key, int(now), messages), step


def _root_input(secret: bytes, key: bytes, ciphertext: bytes) -> RootInput:
    """Bind key and ciphertext, so that no secret is made to stand for another key."""
    return RootInput(secret, RATCHET_KEM_ROOT + labelled_sha256(RATCHET_KEM_STEP, key, ciphertext))
