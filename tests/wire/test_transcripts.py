"""Tests of hushpost_wire.transcripts."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hushpost_wire import transcripts
from hushpost_wire.host import Host
from hushpost_wire.records import AccountId, DeviceId, RelayPublicKey, Route, StoreGeneration
from hushpost_wire.transcripts import Challenge

CHALLENGE = Challenge(bytes([1]) * 32, Host("a"), RelayPublicKey(bytes([2]) * 32), 1, 2)
ACCOUNT, DEVICE, ROUTE = AccountId(b"A" * 32), DeviceId(b"D" * 16), Route(b"R" * 16)
NONCE = b"N" * 32


def _field(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


COMMON = b"".join(
    _field(part)
    for part in (b"\1" * 32, b"a", b"\2" * 32, b"inbox", b"\0\1\0\2")
)  # fmt: skip


def _create(challenge: Challenge, token: str | None = None) -> bytes:
    return transcripts.account_creation(
        challenge, genesis=b"G", device_list=b"L", device_id=DEVICE, route=ROUTE, token=token
    )


def _login(challenge: Challenge, protocol: int = 1, nonce: bytes = NONCE) -> bytes:
    return transcripts.login(
        challenge, client_nonce=nonce, protocol=protocol, account_id=ACCOUNT, device_id=DEVICE
    )


def _welcome(
    challenge: Challenge, *, left: int = 7, version: int = 3, generation: int = 9
) -> bytes:
    return transcripts.welcome(
        challenge,
        client_nonce=NONCE,
        protocol=1,
        account_id=ACCOUNT,
        device_id=DEVICE,
        route=ROUTE,
        prekeys_left=left,
        device_list_version=version,
        generation=StoreGeneration(bytes([generation]) * 16),
    )


def _delete(challenge: Challenge) -> bytes:
    return transcripts.account_deletion(challenge, ACCOUNT)


def test_bytes_are_those_of_the_specification() -> None:
    """identity.md, section 7, written out by hand."""
    device, account, route = _field(DEVICE), _field(ACCOUNT), _field(ROUTE)
    records = _field(b"G") + _field(b"L") + device + route
    assert _create(CHALLENGE) == b"hushpost/v1/account/create\0" + COMMON + records + _field(b"")
    assert _create(CHALLENGE, "t").endswith(route + _field(b"\1t"))
    proof = COMMON + _field(NONCE) + _field(b"\0\1") + account + device
    assert _login(CHALLENGE) == b"hushpost/v1/login/device\0" + proof
    figures = route + _field(b"\0\0\0\7") + _field(b"\0\0\0\3") + _field(b"\x09" * 16)
    assert _welcome(CHALLENGE) == b"hushpost/v1/login/relay\0" + proof + figures
    assert _delete(CHALLENGE) == b"hushpost/v1/account/delete\0" + COMMON + account


@pytest.mark.parametrize("build", [_create, _login, _welcome, _delete])
def test_everything_of_the_connection_is_bound(build: Callable[[Challenge], bytes]) -> None:
    """Another nonce, host, relay key or protocol range gives other bytes."""
    variants = [
        CHALLENGE,
        replace(CHALLENGE, nonce=bytes(32)),
        replace(CHALLENGE, host=Host("b")),
        replace(CHALLENGE, relay_key=RelayPublicKey(bytes(32))),
        replace(CHALLENGE, protocol_min=0),
        replace(CHALLENGE, protocol_max=3),
    ]
    assert len({build(challenge) for challenge in variants}) == len(variants)


def test_what_the_welcome_says_is_bound() -> None:
    """Prekeys left, list version and the store's generation stand in what the relay signs."""
    said = {_welcome(CHALLENGE), _welcome(CHALLENGE, left=8), _welcome(CHALLENGE, version=4)}
    said.add(_welcome(CHALLENGE, generation=8))
    assert len(said) == 4
    assert len({_login(CHALLENGE), _login(CHALLENGE, protocol=2)}) == 2


def test_token_absent_and_empty_differ() -> None:
    """No token, an empty one and a full one are three things."""
    assert len({_create(CHALLENGE), _create(CHALLENGE, ""), _create(CHALLENGE, "t")}) == 3


def test_short_nonces_are_refused() -> None:
    """A nonce of another length than 32 bytes is never signed."""
    with pytest.raises(ValueError, match="relay's nonce has 31"):
        _delete(replace(CHALLENGE, nonce=bytes(31)))
    with pytest.raises(ValueError, match="client's nonce has 33"):
        _login(CHALLENGE, nonce=bytes(33))


@pytest.mark.parametrize("size", [0, 15, 17])
def test_a_welcome_names_a_whole_generation(size: int) -> None:
    """A generation of another length is refused before anything is signed."""
    with pytest.raises(ValueError, match="the generation has"):
        transcripts.welcome(
            CHALLENGE,
            client_nonce=bytes(32),
            protocol=1,
            account_id=AccountId(bytes(32)),
            device_id=DeviceId(bytes(16)),
            route=Route(bytes(16)),
            prekeys_left=1,
            device_list_version=1,
            generation=StoreGeneration(bytes(size)),
        )
