"""The bytes that a login signs: create, log in, welcome, delete (identity.md, section 7).

Both ends build them here, so that relay and client sign and verify the same thing. Each binds the
connection (the relay's nonce), the relay (its identity key and the host the client dialled) and the
accounts named, so that nothing signed for one relay or connection is of use at another.
"""

from dataclasses import dataclass
from typing import Final

from hushpost_wire import labels
from hushpost_wire.encoding import labelled, u16, u32
from hushpost_wire.host import Host
from hushpost_wire.identifiers import (
    GENERATION_BYTES,
    AccountId,
    DeviceId,
    RelayPublicKey,
    Route,
    StoreGeneration,
)

NONCE_BYTES: Final = 32
INBOX_ROLE: Final = b"inbox"


@dataclass(frozen=True, slots=True)
class Challenge:
    """What the relay's hello fixed for this connection; `host` is what the client dialled."""

    nonce: bytes
    host: Host
    relay_key: RelayPublicKey
    protocol_min: int
    protocol_max: int

    def parts(self) -> tuple[bytes, ...]:
        """Return the fields that every transcript of this connection begins with."""
        if len(self.nonce) != NONCE_BYTES:
            raise ValueError(f"the relay's nonce has {len(self.nonce)} bytes, not {NONCE_BYTES}")
        return (
            self.nonce,
            self.host.encode("ascii"),
            self.relay_key,
            INBOX_ROLE,
            u16(self.protocol_min) + u16(self.protocol_max),
        )


def account_creation(
    challenge: Challenge,
    *,
    genesis: bytes,
    device_list: bytes,
    device_id: DeviceId,
    route: Route,
    token: str | None,
) -> bytes:
    """Return what the account key signs to create its account; `token` admits it."""
    return labelled(
        labels.ACCOUNT_CREATE,
        *challenge.parts(),
        genesis,
        device_list,
        device_id,
        route,
        b"" if token is None else b"\x01" + token.encode(),
    )


def account_deletion(challenge: Challenge, account_id: AccountId) -> bytes:
    """Return what the account key signs to delete its account and everything queued for it."""
    return labelled(labels.ACCOUNT_DELETE, *challenge.parts(), account_id)


def login(
    challenge: Challenge,
    *,
    client_nonce: bytes,
    protocol: int,
    account_id: AccountId,
    device_id: DeviceId,
) -> bytes:
    """Return what the device key signs to open its inbox; the client chose `protocol`."""
    return labelled(
        labels.LOGIN_DEVICE,
        *challenge.parts(),
        _client_nonce(client_nonce),
        u16(protocol),
        account_id,
        device_id,
    )


def welcome(
    challenge: Challenge,
    *,
    client_nonce: bytes,
    protocol: int,
    account_id: AccountId,
    device_id: DeviceId,
    route: Route,
    prekeys_left: int,
    device_list_version: int,
    generation: StoreGeneration,
) -> bytes:
    """Return what the relay key signs to answer a login: it holds its key, now, for this device."""
    if len(generation) != GENERATION_BYTES:
        raise ValueError(f"the generation has {len(generation)} bytes, not {GENERATION_BYTES}")
    return labelled(
        labels.LOGIN_RELAY,
        *challenge.parts(),
        _client_nonce(client_nonce),
        u16(protocol),
        account_id,
        device_id,
        route,
        u32(prekeys_left),
        u32(device_list_version),
        generation,
    )


def _client_nonce(nonce: bytes) -> bytes:
    if len(nonce) != NONCE_BYTES:
        raise ValueError(f"the client's nonce has {len(nonce)} bytes, not {NONCE_BYTES}")
    return nonce
