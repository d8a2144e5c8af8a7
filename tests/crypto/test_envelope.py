"""Tests of hushpost_crypto.envelope."""

import hashlib
import hmac

import pytest
from hushpost_crypto import errors
from hushpost_crypto.envelope import (
    Bucket,
    Commitment,
    Opening,
    assemble,
    bucket_for,
    check_envelope,
    pad,
    room,
    take_apart,
    unpad,
    verify_opening,
)
from hushpost_wire.records import EnvelopeId, envelope_id
from hypothesis import given
from hypothesis import strategies as st

from tests.crypto.identity_vector_runner import run_file
from tests.crypto.identity_vectors import VECTORS

OVERHEAD = 98
KEY = bytes(range(32))


@given(st.binary(max_size=room(Bucket.SMALL, OVERHEAD)), st.sampled_from(Bucket))
def test_round_trip_fills_the_bucket(body: bytes, bucket: Bucket) -> None:
    """Any body that fits comes back, and the finished envelope is exactly the bucket."""
    opening = Opening(KEY, body)
    plaintext = pad(opening, bucket, OVERHEAD)
    envelope = assemble(opening.commitment(), plaintext + bytes(OVERHEAD))
    assert len(envelope) == bucket
    commitment, sealed = take_apart(envelope)
    assert unpad(sealed[:-OVERHEAD], commitment) == opening
    verify_opening(opening, envelope)


@given(st.binary(max_size=60), st.data())
def test_any_flipped_bit_of_the_plaintext_fails(body: bytes, data: st.DataObject) -> None:
    """Key, length, body and padding are all under the commitment or the zero rule."""
    opening = Opening(KEY, body)
    plaintext = bytearray(pad(opening, Bucket.SMALL, 4096 - 32 - 128))
    bit = data.draw(st.integers(0, len(plaintext) * 8 - 1))
    plaintext[bit // 8] ^= 1 << bit % 8
    with pytest.raises(errors.Undecryptable):
        unpad(bytes(plaintext), opening.commitment())


@given(st.binary(max_size=200), st.binary(min_size=32, max_size=32))
def test_any_bytes_give_the_one_error(plaintext: bytes, commitment: bytes) -> None:
    """Arbitrary plaintexts fail as any ciphertext that does not open."""
    with pytest.raises(errors.Undecryptable):
        unpad(plaintext, Commitment(commitment))


def test_commitment_is_the_hmac_of_the_specification() -> None:
    """The commitment equals the HMAC written out by hand from envelope.md, section 3."""
    message = b"hushpost/v1/envelope/commitment\0" + b"\0\0\0\x06" + b"letter"
    assert Opening(KEY, b"letter").commitment() == hmac.digest(KEY, message, hashlib.sha256)


def test_smallest_bucket_is_taken() -> None:
    """A body goes in the small bucket while it fits, then in the large one, then nowhere."""
    assert bucket_for(room(Bucket.SMALL, OVERHEAD), OVERHEAD) is Bucket.SMALL
    assert bucket_for(room(Bucket.SMALL, OVERHEAD) + 1, OVERHEAD) is Bucket.LARGE
    with pytest.raises(errors.BodyTooLong, match="in parts or as an attachment"):
        bucket_for(room(Bucket.LARGE, OVERHEAD) + 1, OVERHEAD)
    with pytest.raises(errors.BodyTooLong):
        pad(Opening(KEY, bytes(room(Bucket.SMALL, OVERHEAD) + 1)), Bucket.SMALL, OVERHEAD)


@pytest.mark.parametrize("size", [0, 1, 4095, 4097, 16383, 16385, 65536])
def test_no_other_size_is_an_envelope(size: int) -> None:
    """Bytes of no bucket are refused before their id is even looked at."""
    data = bytes(size)
    with pytest.raises(errors.BadEnvelope):
        check_envelope(data, envelope_id(data))
    if size >= 32:
        with pytest.raises(errors.BadLength):
            assemble(Commitment(data[:32]), data[32:])


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_commitment_has_one_length(size: int) -> None:
    """What would fill the bucket with a longer or shorter commitment is no envelope either."""
    with pytest.raises(errors.BadLength, match="a commitment is 32 bytes"):
        assemble(Commitment(bytes(size)), bytes(Bucket.SMALL - size))


def test_id_that_does_not_match_is_refused() -> None:
    """An envelope under an id that differs in any one bit is refused."""
    envelope = bytes(4096)
    right = envelope_id(envelope)
    check_envelope(envelope, right)
    for bit in range(128):
        wrong = bytearray(right)
        wrong[bit // 8] ^= 1 << bit % 8
        with pytest.raises(errors.BadEnvelope):
            check_envelope(envelope, EnvelopeId(bytes(wrong)))


def test_report_of_another_body_is_void() -> None:
    """An opening proves the body it was made with and no other."""
    opening = Opening(KEY, b"said")
    envelope = assemble(opening.commitment(), bytes(4064))
    verify_opening(opening, envelope)
    for wrong in (Opening(KEY, b"unsaid"), Opening(bytes(32), b"said")):
        with pytest.raises(errors.BadOpening):
            verify_opening(wrong, envelope)


def test_repr_hides_key_and_body() -> None:
    """An opening shows neither its key nor what was said."""
    assert repr(Opening(KEY, b"letter")) == "Opening()"


def test_opening_key_has_one_length() -> None:
    """HMAC hashes long keys down, so any other length is refused: two keys would open one."""
    for size in (0, 31, 33, 64):
        with pytest.raises(errors.BadLength):
            Opening(bytes(size), b"")


def test_vectors_hold() -> None:
    """The published envelopes are judged as stated."""
    assert run_file((VECTORS / "envelope.json").read_bytes()) == []
