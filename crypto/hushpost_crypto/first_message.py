"""First messages: the header that lets a stranger begin, and the seal around it (pairwise.md, 7).

    envelope without its commitment = HPKE(seal key, first header || message)

The seal hides from the relay who writes. What comes out of it is a claim and no more: nothing of it
may be shown, stored or acted upon before the message inside has opened, which `SessionBook.accept`
does. `open_first` needs the seal secrets only, so that a caller can find out whose book to ask.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hushpost_wire.encoding import Reader, fields, u8, u16, u32
from hushpost_wire.errors import MalformedRecord
from hushpost_wire.host import Host
from hushpost_wire.labels import SEAL_FIRST_MESSAGE
from hushpost_wire.records import (
    GENESIS_BYTES,
    PREKEY_ID_BYTES,
    AccountId,
    DeviceId,
    DeviceList,
    Genesis,
    PrekeyId,
    Route,
    SealRecord,
)

from hushpost_crypto import primitives
from hushpost_crypto.errors import Undecryptable
from hushpost_crypto.limits import SEAL_TRIALS_MAX
from hushpost_crypto.pqxdh import LINK_ID_BYTES, Opening, RemoteDevice
from hushpost_crypto.prekeys import SealSecret

VERSION: Final = 1
_ONE_TIME: Final = 1
_LINKED: Final = 2
_FLAGS: Final = _ONE_TIME | _LINKED


@dataclass(frozen=True, slots=True)
class SealAddress:
    """Where a seal key belongs: bound into every seal, so that none opens anywhere else."""

    host: Host
    account_id: AccountId
    device_id: DeviceId
    route: Route

    def info(self, key_id: PrekeyId) -> bytes:
        """Give the HPKE info for one of this place's seal keys."""
        return SEAL_FIRST_MESSAGE + fields(
            self.host.encode("ascii"), self.account_id, self.device_id, key_id, self.route
        )


@dataclass(frozen=True, slots=True)
class SealTarget:
    """The public part of a seal record that sealing needs again until the first reply."""

    seal_key: bytes
    info: bytes
    expiry_day: int

    @classmethod
    def from_record(cls, record: SealRecord) -> "SealTarget":
        """Keep what is needed of a verified record."""
        address = SealAddress(record.host, record.account_id, record.device_id, record.route)
        return cls(record.seal_key, address.info(record.key_id), record.expiry_day)

    def seal(self, first_header: bytes, message: bytes) -> bytes:
        """Seal one message; 1136 bytes longer than what goes in."""
        return primitives.hpke_seal(self.seal_key, self.info, first_header + message)


@dataclass(frozen=True, slots=True)
class FirstHeader:
    """Who writes, to which prekeys, under which list; repeated in every sealed message."""

    sender: RemoteDevice
    responder_list_version: int
    signed_id: PrekeyId
    one_time_id: PrekeyId | None
    opening: Opening

    def to_bytes(self) -> bytes:
        """Give the one encoding: 1915 bytes for a list of one device, with a one-time prekey."""
        flags = (_ONE_TIME if self.one_time_id else 0) | (_LINKED if self.opening.link_id else 0)
        device_list = self.sender.device_list.to_bytes()
        return b"".join(
            (
                u8(VERSION),
                u8(flags),
                u32(self.opening.generation),
                u32(self.responder_list_version),
                self.signed_id,
                self.one_time_id or b"",
                self.opening.link_id,
                self.opening.ephemeral_key,
                self.opening.kem_ciphertext,
                u8(self.sender.device_list.entries.index(self.sender.entry)),
                self.sender.genesis.to_bytes(),
                u16(len(device_list)),
                device_list,
            )
        )

    @classmethod
    def read(cls, reader: Reader) -> "FirstHeader":
        """Take a header off the front; raises `MalformedRecord`. Nothing is verified."""
        version, flags = reader.u8(), reader.u8()
        if version != VERSION or flags & ~_FLAGS:
            raise MalformedRecord("first header of an unknown version or with unknown flags")
        generation, list_version = reader.u32(), reader.u32()
        signed_id = PrekeyId(reader.take(PREKEY_ID_BYTES))
        one_time_id = PrekeyId(reader.take(PREKEY_ID_BYTES)) if flags & _ONE_TIME else None
        link_id = reader.take(LINK_ID_BYTES) if flags & _LINKED else b""
        ephemeral_key = reader.take(primitives.KEY_BYTES)
        kem_ciphertext = reader.take(primitives.MLKEM1024_CIPHERTEXT_BYTES)
        sender = _read_sender(reader)
        opening = Opening(ephemeral_key, kem_ciphertext, generation, link_id)
        return cls(sender, list_version, signed_id, one_time_id, opening)


@dataclass(frozen=True, slots=True)
class FirstMessage:
    """An opened seal. Everything in it is a claim until `SessionBook.accept` returns."""

    header: FirstHeader
    header_bytes: bytes
    message: bytes
    commitment: bytes

    @property
    def claimed_account(self) -> AccountId:
        """Whose book to ask; not authenticated."""
        return self.header.sender.account_id()

    @property
    def claimed_device(self) -> DeviceId:
        """Which device's book to ask; not authenticated."""
        return self.header.sender.device_id()

    @property
    def signed_prekey_id(self) -> PrekeyId:
        """The signed prekey whose secret `accept` needs."""
        return self.header.signed_id

    @property
    def one_time_prekey_id(self) -> PrekeyId | None:
        """The one-time prekey whose secret `accept` needs, if one was used."""
        return self.header.one_time_id


def open_first(
    sealed: bytes, secrets: Sequence[SealSecret], address: SealAddress, *, commitment: bytes
) -> FirstMessage:
    """Open a sealed first message with whichever secret fits, or raise `Undecryptable`.

    Give the secrets that are not past their erase day, the newest first; at most 8 are tried.
    """
    for secret in secrets[:SEAL_TRIALS_MAX]:
        try:
            opened = primitives.hpke_open(secret.seed, address.info(secret.key_id), sealed)
        except Undecryptable:
            continue
        return _read_first(opened, commitment)
    raise Undecryptable


def _read_first(opened: bytes, commitment: bytes) -> FirstMessage:
    try:
        header = FirstHeader.read(Reader(opened, "first message"))
    except MalformedRecord:
        raise Undecryptable from None
    header_bytes = header.to_bytes()
    return FirstMessage(header, header_bytes, opened[len(header_bytes) :], commitment)


def _read_sender(reader: Reader) -> RemoteDevice:
    index = reader.u8()
    genesis = Genesis.from_bytes(reader.take(GENESIS_BYTES))
    device_list = DeviceList.from_bytes(reader.take(reader.u16()))
    if index >= len(device_list.entries):
        raise MalformedRecord("first header names a device that its list does not hold")
    return RemoteDevice(genesis, device_list, device_list.entries[index])
