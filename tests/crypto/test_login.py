"""Tests of hushpost_crypto.login; the wrong welcomes and handovers stand in the vectors."""

from dataclasses import replace

import nacl.signing
import pytest
from hushpost_crypto import login
from hushpost_crypto.errors import BadHandover, HushpostCryptoError, Misuse, RelayUnproven
from hushpost_crypto.keys import RelayKey
from hushpost_wire import transcripts
from hushpost_wire.host import Host
from hushpost_wire.records import RelayPublicKey, StoreGeneration
from hypothesis import given
from hypothesis import strategies as st

from tests.crypto.identity_vector_runner import run_file
from tests.crypto.identity_vectors import (
    ACCOUNT,
    ACCOUNT_ID,
    CHALLENGE,
    DEVICE,
    LOGIN,
    ROUTE,
    VECTORS,
)

GENERATION = StoreGeneration(b"g" * 16)
KEYS = [RelayKey(bytes([n]) * 32) for n in range(1, 6)]
PUBLIC = [key.public_key() for key in KEYS]
CHAIN = [
    login.make_handover(old, new, today=day)
    for day, (old, new) in enumerate(zip(KEYS[:-1], PUBLIC[1:], strict=True))
]


def test_vectors_hold() -> None:
    """Logins, welcomes and handovers are made and refused as published."""
    assert run_file((VECTORS / "identity.json").read_bytes()) == []


def test_relay_verifies_with_another_library() -> None:
    """What the client signs verifies with PyNaCl over bytes that hushpost_wire builds."""
    message = transcripts.login(
        CHALLENGE,
        client_nonce=LOGIN.client_nonce,
        protocol=LOGIN.protocol,
        account_id=LOGIN.account_id,
        device_id=LOGIN.device_id,
    )
    nacl.signing.VerifyKey(DEVICE.public_key()).verify(message, LOGIN.sign(DEVICE))
    deletion = login.sign_account_deletion(ACCOUNT, CHALLENGE, ACCOUNT_ID)
    nacl.signing.VerifyKey(ACCOUNT.public_key()).verify(
        transcripts.account_deletion(CHALLENGE, ACCOUNT_ID), deletion
    )


def test_signature_for_one_host_is_void_at_another() -> None:
    """The same login to another host, relay or connection is another signature."""
    signatures = {
        replace(LOGIN, challenge=challenge).sign(DEVICE)
        for challenge in (
            CHALLENGE,
            replace(CHALLENGE, host=Host("evil.example")),
            replace(CHALLENGE, relay_key=PUBLIC[4]),
            replace(CHALLENGE, nonce=bytes(32)),
            replace(CHALLENGE, protocol_max=9),
        )
    }
    assert len(signatures) == 5


@given(st.binary(max_size=80))
def test_no_invented_welcome_passes(signature: bytes) -> None:
    """Arbitrary bytes are no welcome, whatever their length."""
    with pytest.raises(RelayUnproven):
        LOGIN.verify_welcome(
            signature, route=ROUTE, prekeys_left=1, device_list_version=1, generation=GENERATION
        )


def _reached_with(place: int, data: bytes) -> RelayPublicKey:
    chain = [*CHAIN[:place], login.read_handover(data), *CHAIN[place + 1 :]]
    return login.reach_relay_key(PUBLIC[0], PUBLIC[4], chain)


@pytest.mark.parametrize("known", range(4))
def test_any_earlier_key_leads_to_the_newest(known: int) -> None:
    """A client that was away for some handovers follows the rest."""
    assert login.reach_relay_key(PUBLIC[known], PUBLIC[4], CHAIN) == PUBLIC[4]


@given(st.integers(0, 135 * 8), st.integers(0, 3))
def test_any_flipped_bit_of_a_handover_breaks_the_chain(bit: int, place: int) -> None:
    """One bit changed in one record and the new key is not reached."""
    data = bytearray(CHAIN[place].to_bytes())
    data[bit // 8] ^= 1 << bit % 8
    with pytest.raises(HushpostCryptoError):
        _reached_with(place, bytes(data))


def test_lost_relay_key_asks_the_person() -> None:
    """A relay that shows another key and nothing that leads there is not logged in to."""
    with pytest.raises(RelayUnproven, match="confirm the new key with its operator"):
        login.reach_relay_key(PUBLIC[0], PUBLIC[1], [])
    with pytest.raises(BadHandover):
        login.reach_relay_key(PUBLIC[0], RelayPublicKey(PUBLIC[2]), CHAIN)


def test_first_visit_trusts_the_key_shown() -> None:
    """Without a known key the shown one is remembered."""
    assert login.reach_relay_key(None, PUBLIC[0], []) == PUBLIC[0]


def test_handover_to_the_same_key_is_a_misuse() -> None:
    """A relay cannot hand over to itself."""
    with pytest.raises(Misuse):
        login.make_handover(KEYS[0], PUBLIC[0], today=1)
