"""Tests of hushpost_crypto.prekeys; the wrong cases by name stand in the vectors."""

from pathlib import Path

import pytest
from hushpost_crypto import errors, primitives
from hushpost_crypto.prekeys import (
    ERASE_DAYS,
    ONE_TIME_RECORDS,
    REFILL_BELOW,
    ROTATE_DAYS,
    PrekeySecret,
    SealSecret,
    make_one_time,
    make_prekey,
    make_seal,
    read_prekey,
    read_seal,
)
from hushpost_wire.host import Host
from hushpost_wire.records import PrekeyKind
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.crypto.identity_vector_runner import run_file
from tests.crypto.identity_vectors import ACCOUNT_ID, DEVICE, ENTRY, ROUTE, SECRET, TODAY, VECTORS

SIGNED = make_prekey(PrekeyKind.SIGNED, today=TODAY)
RECORD = SIGNED.record(DEVICE, ENTRY.device_id(), ACCOUNT_ID).to_bytes()
SEAL = make_seal(today=TODAY)
SEAL_RECORD = SEAL.record(
    DEVICE, ENTRY.device_id(), ACCOUNT_ID, host=Host("a.example"), route=ROUTE, knock_secret=SECRET
).to_bytes()
REFUSED = (errors.BadRecord, errors.BadSignature, errors.BadKey)


def test_vectors_hold() -> None:
    """Bad signature, past day, wrong kind and weak keys are refused as the vectors state."""
    assert run_file((VECTORS / "prekeys.json").read_bytes()) == []


def test_record_answers_to_its_secret() -> None:
    """The public keys of a record are those of the stored secret."""
    record = read_prekey(RECORD, PrekeyKind.SIGNED, ACCOUNT_ID, ENTRY, today=TODAY)
    shared, ciphertext = primitives.mlkem1024_encapsulate(record.mlkem_key)
    stored = PrekeySecret.from_bytes(SIGNED.to_bytes())
    assert primitives.mlkem1024_decapsulate(stored.mlkem_seed, ciphertext)[0] == shared
    assert primitives.x25519_public_key(stored.x25519_secret) == record.x25519_key


def test_seal_record_answers_to_its_secret() -> None:
    """What is sealed to the record opens with the stored seed."""
    record = read_seal(SEAL_RECORD, ACCOUNT_ID, ENTRY, today=TODAY)
    sealed = primitives.hpke_seal(record.seal_key, b"info", b"letter")
    stored = SealSecret.from_bytes(SEAL.to_bytes())
    assert primitives.hpke_open(stored.seed, b"info", sealed) == b"letter"


def test_one_time_prekeys_differ() -> None:
    """A batch of a hundred has a hundred ids and secrets."""
    batch = make_one_time(100, today=TODAY)
    assert len({secret.prekey_id for secret in batch}) == 100
    assert len({secret.x25519_secret + secret.mlkem_seed for secret in batch}) == 100
    assert {secret.kind for secret in batch} == {PrekeyKind.ONE_TIME}
    assert make_one_time(0, today=TODAY) == ()
    for count in (-1, 101):
        with pytest.raises(errors.LimitExceeded):
            make_one_time(count, today=TODAY)


def test_numbers_are_those_of_the_specification() -> None:
    """What content.md, section 10, says a device keeps, refills, rotates and erases, this does."""
    page = Path(__file__).parents[2] / "docs" / "spec" / "content.md"
    text = " ".join(page.read_text().split())
    for sentence in (
        f"keeps {ONE_TIME_RECORDS} one-time prekeys",
        f"refills when fewer than {REFILL_BELOW} are left",
        f"rotates the signed prekey and the seal key every {ROTATE_DAYS} days",
        f"erased when it was used, and like signed prekey and seal secrets {ERASE_DAYS} days after",
    ):
        assert sentence in text


def test_secrets_live_longer_than_what_is_sealed_to_them() -> None:
    """Last day of use, fourteen days of life, rounding and skew end before the erasure."""
    record = read_prekey(RECORD, PrekeyKind.SIGNED, ACCOUNT_ID, ENTRY, today=TODAY)
    assert record.expiry_day + 14 + 1 + 1 <= SIGNED.erase_day == TODAY + 37
    assert SEAL.erase_day == SIGNED.erase_day


def test_repr_hides_the_secrets() -> None:
    """No secret byte stands in a repr."""
    for secret, hidden in (
        (SIGNED, SIGNED.x25519_secret),
        (SIGNED, SIGNED.mlkem_seed),
        (SEAL, SEAL.seed),
    ):
        assert repr(hidden)[2:10] not in repr(secret)
        assert hidden.hex() not in repr(secret)


def test_a_stored_secret_has_one_length() -> None:
    """A byte more or less than was written is refused."""
    for secret in (SIGNED, SEAL):
        stored = secret.to_bytes()
        assert type(secret).from_bytes(stored).to_bytes() == stored
        for other in (stored + b"\0", stored[:-1]):
            with pytest.raises(errors.RecordMalformed):
                type(secret).from_bytes(other)


@given(st.binary(max_size=200))
def test_stored_secrets_read_or_are_refused(data: bytes) -> None:
    """Arbitrary bytes are a secret in the one encoding, or RecordMalformed."""
    for kind in (PrekeySecret, SealSecret):
        try:
            assert kind.from_bytes(data).to_bytes() == data
        except errors.RecordMalformed:
            continue


@given(st.integers(0, len(RECORD) * 8 - 1))
def test_any_flipped_bit_of_a_prekey_fails(bit: int) -> None:
    """One bit changed anywhere and the prekey record is refused."""
    data = bytearray(RECORD)
    data[bit // 8] ^= 1 << bit % 8
    with pytest.raises(REFUSED):
        read_prekey(bytes(data), PrekeyKind.SIGNED, ACCOUNT_ID, ENTRY, today=TODAY)


@given(st.integers(0, len(SEAL_RECORD) * 8 - 1))
def test_any_flipped_bit_of_a_seal_record_fails(bit: int) -> None:
    """One bit changed anywhere and the seal record is refused."""
    data = bytearray(SEAL_RECORD)
    data[bit // 8] ^= 1 << bit % 8
    with pytest.raises(REFUSED):
        read_seal(bytes(data), ACCOUNT_ID, ENTRY, today=TODAY)


@settings(max_examples=50)
@given(st.integers(0, len(RECORD) - 1), st.binary(min_size=1, max_size=70))
def test_truncated_and_extended_fail(cut: int, tail: bytes) -> None:
    """A record cut anywhere or with anything behind it is malformed."""
    for wrong in (RECORD[:cut], RECORD + tail):
        with pytest.raises(errors.RecordMalformed):
            read_prekey(wrong, PrekeyKind.SIGNED, ACCOUNT_ID, ENTRY, today=TODAY)
    for wrong in (SEAL_RECORD[: min(cut, len(SEAL_RECORD) - 1)], SEAL_RECORD + tail):
        with pytest.raises(errors.RecordMalformed):
            read_seal(wrong, ACCOUNT_ID, ENTRY, today=TODAY)
