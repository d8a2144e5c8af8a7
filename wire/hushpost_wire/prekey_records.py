"""Prekey and seal records: what a stranger needs to write to a device for the first time.

Implements docs/spec/identity.md, sections 5 and 6. Parsed and canonical, no more: signature, dates
and kind are the caller's to check.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Self

from hushpost_wire import labels
from hushpost_wire.encoding import SUITE, Reader, labelled, read_suite, sized, u8, u16, u32
from hushpost_wire.errors import MalformedRecord
from hushpost_wire.host import Host, parse_host
from hushpost_wire.identifiers import (
    ACCOUNT_ID_BYTES,
    DEVICE_ID_BYTES,
    DROP_SECRET_BYTES,
    KEY_BYTES,
    MLKEM1024_KEY_BYTES,
    PREKEY_ID_BYTES,
    ROUTE_BYTES,
    SIGNATURE_BYTES,
    XWING_KEY_BYTES,
    AccountId,
    DeviceId,
    DropSecret,
    PrekeyId,
    Route,
    Signature,
)

PREKEY_RECORD_BYTES: Final = 1708
SEAL_RECORD_BYTES_MIN: Final = 1340 + 1 + SIGNATURE_BYTES
SEAL_RECORD_BYTES_MAX: Final = 1340 + 255 + SIGNATURE_BYTES

_KNOCKS_ON: Final = 1
_NO_KNOCK: Final = bytes(DROP_SECRET_BYTES)


class PrekeyKind(IntEnum):
    """What a prekey record may be used for."""

    ONE_TIME = 1
    SIGNED = 2


@dataclass(frozen=True, slots=True)
class PrekeyRecord:
    """One signed pair of public prekeys: X25519 and ML-KEM-1024 (identity.md, section 5)."""

    kind: PrekeyKind
    device_id: DeviceId
    prekey_id: PrekeyId
    x25519_key: bytes
    mlkem_key: bytes
    issue_day: int
    expiry_day: int
    signature: Signature

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Parse; raises `MalformedRecord`. Signature, dates and kind are the caller's to check."""
        reader = Reader(data, "prekey record")
        read_suite(reader, "prekey record")
        kind = reader.u8()
        if kind not in (PrekeyKind.ONE_TIME, PrekeyKind.SIGNED):
            raise MalformedRecord(f"prekey record of unknown kind {kind}")
        if reader.u8():
            raise MalformedRecord("prekey record with its reserved byte set")
        issue_day, expiry_day = reader.u32(), reader.u32()
        record = cls(
            kind=PrekeyKind(kind),
            issue_day=issue_day,
            expiry_day=expiry_day,
            device_id=DeviceId(reader.take(DEVICE_ID_BYTES)),
            prekey_id=PrekeyId(reader.take(PREKEY_ID_BYTES)),
            x25519_key=reader.take(KEY_BYTES),
            mlkem_key=reader.take(MLKEM1024_KEY_BYTES),
            signature=Signature(reader.take(SIGNATURE_BYTES)),
        )
        reader.finish()
        return record

    def unsigned_bytes(self) -> bytes:
        """Everything before the signature, 1644 bytes."""
        return b"".join(
            (
                u16(SUITE),
                u8(self.kind),
                u8(0),
                u32(self.issue_day),
                u32(self.expiry_day),
                sized(self.device_id, DEVICE_ID_BYTES, "device id"),
                sized(self.prekey_id, PREKEY_ID_BYTES, "prekey id"),
                sized(self.x25519_key, KEY_BYTES, "X25519 prekey"),
                sized(self.mlkem_key, MLKEM1024_KEY_BYTES, "ML-KEM-1024 prekey"),
            )
        )

    def signed_bytes(self, account_id: AccountId) -> bytes:
        """Return what the device key signs: the record for this account and no other."""
        return labelled(labels.PREKEY_SIGN, account_id, self.unsigned_bytes())

    def to_bytes(self) -> bytes:
        """Return the one encoding, 1708 bytes."""
        return self.unsigned_bytes() + sized(self.signature, SIGNATURE_BYTES, "signature")


@dataclass(frozen=True, slots=True)
class SealRecord:
    """Where and how to post a first message to a device (identity.md, section 6)."""

    account_id: AccountId
    device_id: DeviceId
    key_id: PrekeyId
    host: Host
    route: Route
    knock_secret: DropSecret | None
    seal_key: bytes
    issue_day: int
    expiry_day: int
    signature: Signature

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Parse; raises `MalformedRecord`. Signature and dates are the caller's to check."""
        reader = Reader(data, "seal record")
        read_suite(reader, "seal record")
        flags, host_length = reader.u8(), reader.u8()
        if flags & ~_KNOCKS_ON:
            raise MalformedRecord(f"seal record with unknown flags {flags:#04x}")
        issue_day, expiry_day = reader.u32(), reader.u32()
        account_id = AccountId(reader.take(ACCOUNT_ID_BYTES))
        device_id = DeviceId(reader.take(DEVICE_ID_BYTES))
        key_id = PrekeyId(reader.take(PREKEY_ID_BYTES))
        route = Route(reader.take(ROUTE_BYTES))
        knock_secret = _read_knock(reader, flags)
        seal_key = reader.take(XWING_KEY_BYTES)
        host = _read_host(reader, host_length)
        signature = Signature(reader.take(SIGNATURE_BYTES))
        reader.finish()
        return cls(
            account_id, device_id, key_id, host, route, knock_secret, seal_key,
            issue_day, expiry_day, signature,
        )  # fmt: skip

    def unsigned_bytes(self) -> bytes:
        """Everything before the signature."""
        host = self.host.encode("ascii")
        return b"".join(
            (
                u16(SUITE),
                u8(0 if self.knock_secret is None else _KNOCKS_ON),
                u8(len(host)),
                u32(self.issue_day),
                u32(self.expiry_day),
                sized(self.account_id, ACCOUNT_ID_BYTES, "account id"),
                sized(self.device_id, DEVICE_ID_BYTES, "device id"),
                sized(self.key_id, PREKEY_ID_BYTES, "key id"),
                sized(self.route, ROUTE_BYTES, "route"),
                sized(self.knock_secret or _NO_KNOCK, DROP_SECRET_BYTES, "knock secret"),
                sized(self.seal_key, XWING_KEY_BYTES, "X-Wing key"),
                host,
            )
        )

    def signed_bytes(self) -> bytes:
        """Return what the device key signs."""
        return labelled(labels.SEAL_SIGN, self.unsigned_bytes())

    def to_bytes(self) -> bytes:
        """Return the one encoding, 1404 bytes and the host's length."""
        return self.unsigned_bytes() + sized(self.signature, SIGNATURE_BYTES, "signature")


def _read_knock(reader: Reader, flags: int) -> DropSecret | None:
    secret = reader.take(DROP_SECRET_BYTES)
    if (secret != _NO_KNOCK) != bool(flags & _KNOCKS_ON):
        raise MalformedRecord("seal record whose knock flag and knock secret disagree")
    return DropSecret(secret) if flags & _KNOCKS_ON else None


def _read_host(reader: Reader, length: int) -> Host:
    raw = reader.take(length)
    try:
        return parse_host(raw.decode("ascii"))
    except UnicodeDecodeError:
        raise MalformedRecord("seal record whose host is not ASCII") from None
