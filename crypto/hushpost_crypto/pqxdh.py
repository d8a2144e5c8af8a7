"""PQXDH: the key agreement that begins a session (docs/spec/pairwise.md, section 3).

    initiator A                               responder B (published: SPK, OPK, ML-KEM keys)
    DH1 = DH(IK_A, SPK_B)   DH2 = DH(EK_A, IK_B)   DH3 = DH(EK_A, SPK_B)   DH4 = DH(EK_A, OPK_B)
    SS  = ML-KEM-1024 to the one-time key, or to the signed (last-resort) one
    SK  = HKDF(F || DH1..DH4 || SS || link, info = label || SHA-256(T))

T is the transcript: everything public that both sides must agree on. A relay that swaps, drops or
mixes any of it makes two different keys. This module neither verifies signatures nor looks at days:
whoever calls it has done both.
"""

from dataclasses import dataclass
from typing import Final

from hushpost_wire.encoding import labelled_sha256, u16, u32
from hushpost_wire.labels import (
    PQXDH_REENCAPSULATION,
    PQXDH_SECRET,
    PQXDH_TRANSCRIPT,
    SESSION_LINK,
)
from hushpost_wire.records import (
    SUITE,
    AccountId,
    DeviceEntry,
    DeviceId,
    DeviceList,
    Genesis,
    ListHead,
    PrekeyId,
    PrekeyRecord,
    SealRecord,
)

from hushpost_crypto import primitives
from hushpost_crypto.concealed import Concealed
from hushpost_crypto.keys import IdentityKey, Random
from hushpost_crypto.prekeys import PrekeySecret
from hushpost_crypto.ratchet_state import SharedKeys

LINK_ID_BYTES: Final = 16
# Keeps a DH output from ever standing first in the key material, as XEdDSA users need (PQXDH 2.2).
_F: Final = b"\xff" * 32
_SALT: Final = bytes(64)
_INITIATOR: Final = b"initiator"
_RESPONDER: Final = b"responder"


@dataclass(frozen=True, slots=True)
class Party:
    """The public half of one side as it stands in the transcript."""

    genesis: Genesis
    list_head: ListHead
    entry: DeviceEntry

    def transcript_fields(self) -> tuple[bytes, ...]:
        """Genesis, head, device key and identity key, in the order of T."""
        return (
            self.genesis.to_bytes(),
            self.list_head,
            self.entry.device_key,
            self.entry.identity_key,
        )


@dataclass(frozen=True, slots=True)
class RemoteDevice:
    """Another account's device with the list that certifies it; verified by the caller."""

    genesis: Genesis
    device_list: DeviceList
    entry: DeviceEntry

    def account_id(self) -> AccountId:
        """Whose device it is."""
        return self.genesis.account_id()

    def device_id(self) -> DeviceId:
        """Which of that account's devices it is."""
        return self.entry.device_id()

    def party(self) -> Party:
        """Its place in a transcript."""
        return Party(self.genesis, self.device_list.head(), self.entry)


@dataclass(frozen=True, slots=True)
class LocalDevice:
    """The device that runs this: its own genesis, newest list, entry and identity secret."""

    genesis: Genesis
    device_list: DeviceList
    entry: DeviceEntry
    identity_key: IdentityKey

    def party(self) -> Party:
        """Its place in a transcript, under the newest list."""
        return Party(self.genesis, self.device_list.head(), self.entry)


@dataclass(frozen=True, slots=True)
class Bundle:
    """What a device published for strangers.

    The caller has verified every signature, day and owner (identity.md, 5 and 6) beforehand.
    """

    device: RemoteDevice
    signed: PrekeyRecord
    one_time: PrekeyRecord | None
    seal: SealRecord


@dataclass(frozen=True, slots=True)
class UsedPrekeys:
    """The public prekeys of one agreement: the signed X25519, the one-time one, the KEM key."""

    signed_id: PrekeyId
    signed_x25519: bytes
    one_time_id: PrekeyId | None
    one_time_x25519: bytes
    mlkem_key: bytes


@dataclass(frozen=True, slots=True)
class Opening:
    """What the initiator tells in the first header, beside who it is."""

    ephemeral_key: bytes
    kem_ciphertext: bytes
    generation: int
    link_id: bytes


@dataclass(frozen=True, slots=True)
class Transcript:
    """T: all that both sides must have seen alike."""

    initiator: Party
    responder: Party
    prekeys: UsedPrekeys
    opening: Opening

    def digest(self) -> bytes:
        """SHA-256 of T: the session's id and associated data."""
        prekeys, opening = self.prekeys, self.opening
        return labelled_sha256(
            PQXDH_TRANSCRIPT,
            u16(SUITE),
            _INITIATOR,
            *self.initiator.transcript_fields(),
            _RESPONDER,
            *self.responder.transcript_fields(),
            opening.ephemeral_key,
            prekeys.signed_id,
            prekeys.signed_x25519,
            prekeys.one_time_id or b"",
            prekeys.one_time_x25519,
            prekeys.mlkem_key,
            opening.kem_ciphertext,
            u32(opening.generation),
            opening.link_id,
        )


@dataclass(frozen=True, slots=True, repr=False)
class LinkSecret(Concealed):
    """A secret that only the two ends of an earlier session know."""

    secret: bytes

    def link_id(self) -> bytes:
        """Give the name by which the other side finds it; it says nothing about it."""
        return labelled_sha256(SESSION_LINK, self.secret)[:LINK_ID_BYTES]


def initiate(
    local: LocalDevice,
    bundle: Bundle,
    *,
    generation: int,
    link: LinkSecret | None,
    random: Random,
) -> tuple[SharedKeys, Opening]:
    """Agree on keys with a device that need not be online; raises `BadKey`.

    The ephemeral secret lives in this call only.
    """
    ephemeral_secret = random(primitives.KEY_BYTES)
    prekeys = _published(bundle)
    kem_secret, kem_ciphertext = primitives.mlkem1024_encapsulate(prekeys.mlkem_key)
    opening = Opening(
        primitives.x25519_public_key(ephemeral_secret),
        kem_ciphertext,
        generation,
        link.link_id() if link else b"",
    )
    exchange = primitives.x25519
    secrets = [
        exchange(local.identity_key.seed, prekeys.signed_x25519),
        exchange(ephemeral_secret, bundle.device.entry.identity_key),
        exchange(ephemeral_secret, prekeys.signed_x25519),
    ]
    if prekeys.one_time_id is not None:
        secrets.append(exchange(ephemeral_secret, prekeys.one_time_x25519))
    transcript = Transcript(local.party(), bundle.device.party(), prekeys, opening)
    return _shared_keys(transcript, secrets, kem_secret, link), opening


def respond(
    local: LocalDevice,
    initiator: Party,
    opening: Opening,
    *,
    own_head: ListHead,
    signed: PrekeySecret,
    one_time: PrekeySecret | None,
    link: LinkSecret | None,
) -> tuple[SharedKeys, bytes]:
    """Agree as the one written to: keys, and what to remember against repeats.

    ``own_head`` is the head of the list under which the initiator saw this device. Raises `BadKey`.
    The keys prove nothing until a message opens under them.
    """
    kem_holder = one_time or signed
    kem_secret, mlkem_key = primitives.mlkem1024_decapsulate(
        kem_holder.mlkem_seed, opening.kem_ciphertext
    )
    prekeys = UsedPrekeys(
        signed.prekey_id,
        primitives.x25519_public_key(signed.x25519_secret),
        one_time.prekey_id if one_time else None,
        primitives.x25519_public_key(one_time.x25519_secret) if one_time else b"",
        mlkem_key,
    )
    exchange = primitives.x25519
    secrets = [
        exchange(signed.x25519_secret, initiator.entry.identity_key),
        exchange(local.identity_key.seed, opening.ephemeral_key),
        exchange(signed.x25519_secret, opening.ephemeral_key),
    ]
    if one_time is not None:
        secrets.append(exchange(one_time.x25519_secret, opening.ephemeral_key))
    responder = Party(local.genesis, own_head, local.entry)
    transcript = Transcript(initiator, responder, prekeys, opening)
    keys = _shared_keys(transcript, secrets, kem_secret, link)
    return keys, reencapsulation_id(mlkem_key, opening.kem_ciphertext)


def reencapsulation_id(mlkem_key: bytes, kem_ciphertext: bytes) -> bytes:
    """Give what a responder remembers while the key's secret lives; 32 bytes."""
    return labelled_sha256(PQXDH_REENCAPSULATION, mlkem_key, kem_ciphertext)


def _published(bundle: Bundle) -> UsedPrekeys:
    one_time = bundle.one_time
    return UsedPrekeys(
        bundle.signed.prekey_id,
        bundle.signed.x25519_key,
        one_time.prekey_id if one_time else None,
        one_time.x25519_key if one_time else b"",
        (one_time or bundle.signed).mlkem_key,
    )


def _shared_keys(
    transcript: Transcript, secrets: list[bytes], kem_secret: bytes, link: LinkSecret | None
) -> SharedKeys:
    digest = transcript.digest()
    material = _F + b"".join(secrets) + kem_secret + (link.secret if link else b"")
    out = primitives.hkdf_sha512(material, salt=_SALT, info=PQXDH_SECRET + digest, size=96)
    return SharedKeys(digest, out[:32], out[32:64], out[64:])
