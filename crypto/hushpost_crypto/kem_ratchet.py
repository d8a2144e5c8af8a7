"""The post-quantum half of the ratchet: ML-KEM-768 steps between DH steps (pairwise.md, 6).

    own key:   none --(own chain begins, a step is due)--> outstanding
               outstanding --(peer's next chain, MUST bring the ciphertext)--> none
    peer key:  none --(peer's chain brings a key)--> to answer
               to answer --(own next chain brings the ciphertext)--> none

What a chain carries is fixed when it begins: every header of the chain repeats it, so that any one
message that arrives is enough. This module knows nothing of chains, keys of messages or headers; it
gives the double ratchet a secret to mix into a root step and the fields to put into headers.
"""

from dataclasses import dataclass, replace
from typing import Final, NewType

from hushpost_wire.encoding import labelled_sha256
from hushpost_wire.labels import RATCHET_KEM_ROOT, RATCHET_KEM_STEP, RATCHET_ROOT

from hushpost_crypto import primitives
from hushpost_crypto.concealed import Concealed
from hushpost_crypto.keys import Random
from hushpost_crypto.limits import KEM_STEP_MESSAGES, KEM_STEP_SECONDS
from hushpost_crypto.primitives import MlKem768Secret

# Which KEM fields the headers of a chain carry: the flags byte of the header. Plain integers, since
# this is looked at several times for each message.
KemShape = NewType("KemShape", int)
ORDINARY: Final = KemShape(0)
CIPHERTEXT: Final = KemShape(1)
KEY: Final = KemShape(2)
CIPHERTEXT_AND_KEY: Final = KemShape(3)

# Bytes of the KEM fields, by shape.
SHAPE_BYTES: Final = (
    0,
    primitives.MLKEM768_CIPHERTEXT_BYTES,
    primitives.MLKEM768_KEY_BYTES,
    primitives.MLKEM768_CIPHERTEXT_BYTES + primitives.MLKEM768_KEY_BYTES,
)


@dataclass(frozen=True, slots=True)
class KemFields:
    """What the headers of one chain carry: an answer to the peer's key, a key of one's own."""

    ciphertext: bytes = b""
    key: bytes = b""

    @classmethod
    def from_bytes(cls, shape: KemShape, data: bytes) -> "KemFields":
        """Cut the fields apart; ``data`` has the length that the shape names."""
        if not shape:
            return NO_FIELDS
        cut = primitives.MLKEM768_CIPHERTEXT_BYTES if shape & CIPHERTEXT else 0
        return cls(data[:cut], data[cut:])

    def to_bytes(self) -> bytes:
        """Ciphertext, then key; absent fields take no room."""
        return self.ciphertext + self.key

    @property
    def shape(self) -> KemShape:
        """Which of the fields there are."""
        return _shape(bool(self.ciphertext), bool(self.key))


NO_FIELDS: Final = KemFields()


@dataclass(frozen=True, slots=True, repr=False)
class RootInput(Concealed):
    """What a KEM step adds to a root step: a secret behind the DH output, and the info."""

    secret: bytes
    info: bytes


NO_STEP: Final = RootInput(b"", RATCHET_ROOT)


@dataclass(frozen=True, slots=True, repr=False)
class KemRatchet(Concealed):
    """One side's outstanding key, the peer's unanswered one, and when the last step was.

    ``own_secret`` and ``own_key`` stand or fall together. ``offers_first`` says that this side's
    step at session start is still to come. ``stepped_at`` and ``stepped_message`` are the time and
    the session's message count when this side last offered, answered or was answered.
    """

    own_secret: MlKem768Secret | None
    own_key: bytes
    peer_key: bytes
    offers_first: bool
    stepped_at: int
    stepped_message: int

    @classmethod
    def begin(cls, now: float) -> "KemRatchet":
        """Give the state at session start."""
        return cls(None, b"", b"", True, int(now), 0)

    def is_due(self, messages: int, now: float) -> bool:
        """Whether a sending chain that begins now offers a key.

        None of one's own is outstanding then: the chain received before brought its answer.
        A chain that answers a key offers none, but for the one at session start: a step heals both
        sides, and a second one at once would double the cost.
        """
        if self.offers_first:
            return True
        if self.peer_key:
            return False
        return (
            messages - self.stepped_message >= KEM_STEP_MESSAGES
            or now - self.stepped_at >= KEM_STEP_SECONDS
        )

    def sending_shape(self, messages: int, now: float) -> KemShape:
        """Tell what the headers of a sending chain that begins now will carry."""
        return _shape(bool(self.peer_key), self.is_due(messages, now))

    def receiving_shapes(self) -> tuple[KemShape, ...]:
        """Tell what the peer's next chain may carry: an outstanding key MUST be answered."""
        return (CIPHERTEXT, CIPHERTEXT_AND_KEY) if self.own_secret else (ORDINARY, KEY)


def begin_sending(
    kem: KemRatchet, messages: int, now: float, random: Random
) -> tuple[KemRatchet, KemFields, RootInput]:
    """Answer the peer's key, and offer an own one if a step is due."""
    due = kem.is_due(messages, now)
    if not due and not kem.peer_key:
        return kem, NO_FIELDS, NO_STEP
    ciphertext, step = b"", NO_STEP
    if kem.peer_key:
        secret, ciphertext = primitives.mlkem768_encapsulate(kem.peer_key)
        step = _root_input(secret, kem.peer_key, ciphertext)
    own_secret, own_key = None, b""
    if due:
        own_secret = MlKem768Secret(random(primitives.MLKEM_SEED_BYTES))
        own_key = own_secret.public_key()
    offers_first = kem.offers_first and not due
    after = KemRatchet(own_secret, own_key, b"", offers_first, int(now), messages)
    return after, KemFields(ciphertext, own_key), step


def begin_receiving(
    kem: KemRatchet, fields: KemFields, messages: int, now: float
) -> tuple[KemRatchet, RootInput]:
    """Take the answer to the outstanding key, and note the peer's key; raises `BadKey`.

    The caller has tried only shapes that `KemRatchet.receiving_shapes` allows: a ciphertext comes
    if and only if a key is outstanding.
    """
    if fields is NO_FIELDS:
        return kem, NO_STEP
    if fields.key:
        primitives.mlkem768_check_key(fields.key)
    if kem.own_secret is None:
        return replace(kem, peer_key=fields.key), NO_STEP
    secret = kem.own_secret.decapsulate(fields.ciphertext)
    step = _root_input(secret, kem.own_key, fields.ciphertext)
    return KemRatchet(None, b"", fields.key, kem.offers_first, int(now), messages), step


def _shape(ciphertext: bool, key: bool) -> KemShape:
    return KemShape((CIPHERTEXT if ciphertext else 0) | (KEY if key else 0))


def _root_input(secret: bytes, key: bytes, ciphertext: bytes) -> RootInput:
    """Bind key and ciphertext, so that no secret is made to stand for another key."""
    return RootInput(secret, RATCHET_KEM_ROOT + labelled_sha256(RATCHET_KEM_STEP, key, ciphertext))
