"""Envelopes: two sizes, padding inside, a commitment in front (docs/spec/envelope.md).

    envelope  = commitment 32 || sealed            exactly 4096 or 16384 bytes
    plaintext = opening key 32 || body length u32 || body || zeros      what `sealed` opens to

The commitment is HMAC-SHA-256 of the body under the opening key, which travels inside. The relay
learns nothing from it; the receiver can later show opening key and body to whoever holds the
commitment, and they can mean no other body. How `sealed` is made is not known here.
"""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, NewType

from hushpost_wire.encoding import labelled, u32
from hushpost_wire.labels import ENVELOPE_COMMITMENT
from hushpost_wire.records import EnvelopeId, envelope_id

from hushpost_crypto import primitives
from hushpost_crypto.errors import BadEnvelope, BadLength, BadOpening, BodyTooLong, Undecryptable

Commitment = NewType("Commitment", bytes)

COMMITMENT_BYTES: Final = 32
OPENING_KEY_BYTES: Final = 32
_LENGTH_BYTES: Final = 4
# What the padding costs inside the encryption before the first byte of the body.
FRAME_BYTES: Final = OPENING_KEY_BYTES + _LENGTH_BYTES


class Bucket(IntEnum):
    """The sizes that an envelope may have."""

    SMALL = 4096
    LARGE = 16384


@dataclass(frozen=True, slots=True)
class Opening:
    """What proves an envelope's body to a third party; keep it only as long as the message."""

    key: bytes = field(repr=False)
    body: bytes = field(repr=False)

    def __post_init__(self) -> None:
        # HMAC hashes longer keys down: only with one length does a commitment have one opening.
        if len(self.key) != OPENING_KEY_BYTES:
            raise BadLength(f"an opening key is {OPENING_KEY_BYTES} bytes, not {len(self.key)}")

    def commitment(self) -> Commitment:
        """Give the commitment that only this key and this body open."""
        return Commitment(
            primitives.hmac_sha256(self.key, labelled(ENVELOPE_COMMITMENT, self.body))
        )


def room(bucket: Bucket, overhead: int) -> int:
    """How many body bytes fit if sealing adds `overhead` bytes (commitment not counted)."""
    return bucket - COMMITMENT_BYTES - overhead - FRAME_BYTES


def bucket_for(body_bytes: int, overhead: int) -> Bucket:
    """Give the smallest bucket that holds the body; raises `BodyTooLong`."""
    for bucket in Bucket:
        if body_bytes <= room(bucket, overhead):
            return bucket
    raise BodyTooLong(
        f"a body of {body_bytes} bytes is over the {room(Bucket.LARGE, overhead)} that the largest "
        "envelope holds; send it in parts or as an attachment"
    )


def pad(opening: Opening, bucket: Bucket, overhead: int) -> bytes:
    """Lay out the plaintext to seal; what comes out of the sealing fills the bucket exactly.

    Draw a fresh random `opening.key` for every envelope. Raises `BodyTooLong`.
    """
    space = room(bucket, overhead) - len(opening.body)
    if space < 0:
        raise BodyTooLong(
            f"a body of {len(opening.body)} bytes is over the {room(bucket, overhead)} that fit"
        )
    return opening.key + u32(len(opening.body)) + opening.body + bytes(space)


def unpad(plaintext: bytes, commitment: Commitment) -> Opening:
    """Take apart what the sealing opened to and check it against the envelope's commitment.

    Raises `Undecryptable`, as for any ciphertext that does not open, if padding or commitment are
    not such as an honest sender makes: a body that could not be reported is not shown either.
    """
    body_start = FRAME_BYTES
    length = int.from_bytes(plaintext[OPENING_KEY_BYTES:body_start], "big")
    if length > len(plaintext) - body_start:
        raise Undecryptable
    body_end = body_start + length
    if not primitives.equal(plaintext[body_end:], bytes(len(plaintext) - body_end)):
        raise Undecryptable
    opening = Opening(plaintext[:OPENING_KEY_BYTES], plaintext[body_start:body_end])
    if not primitives.equal(opening.commitment(), commitment):
        raise Undecryptable
    return opening


def assemble(commitment: Commitment, sealed: bytes) -> bytes:
    """Put an envelope together; raises `BadLength` if it fills no bucket."""
    if len(commitment) != COMMITMENT_BYTES:
        raise BadLength(f"a commitment is {COMMITMENT_BYTES} bytes, not {len(commitment)}")
    envelope = commitment + sealed
    if len(envelope) not in tuple(Bucket):
        raise BadLength(f"an envelope of {len(envelope)} bytes fills no bucket")
    return envelope


def take_apart(envelope: bytes) -> tuple[Commitment, bytes]:
    """Give commitment and sealed bytes; raises `BadEnvelope` if the size is no bucket's."""
    if len(envelope) not in tuple(Bucket):
        raise BadEnvelope(f"{len(envelope)} bytes are no envelope; it has 4096 or 16384")
    return Commitment(envelope[:COMMITMENT_BYTES]), envelope[COMMITMENT_BYTES:]


def check_envelope(envelope: bytes, named: EnvelopeId) -> None:
    """Check size and id of a delivered envelope before anything else; raises `BadEnvelope`."""
    take_apart(envelope)
    if not primitives.equal(envelope_id(envelope), named):
        raise BadEnvelope("the envelope was delivered under another id than its own")


def verify_opening(opening: Opening, envelope: bytes) -> None:
    """Check a report: was this body in that envelope? Raises `BadOpening` or `BadEnvelope`."""
    commitment, _ = take_apart(envelope)
    if not primitives.equal(opening.commitment(), commitment):
        raise BadOpening("this key and body do not open the envelope's commitment")
