"""Prekeys and seal keys: make, publish, verify, erase (docs/spec/identity.md, sections 5 and 6).

A secret made here is stored before its record is published, kept while envelopes sealed to it may
still arrive, and erased on `erase_day` (a one-time one at its first use already). Days are the only
clock: `today` counts days since 1970-01-01 UTC.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final, Self

from hushpost_wire.encoding import Reader, u32
from hushpost_wire.errors import MalformedRecord
from hushpost_wire.host import Host
from hushpost_wire.records import (
    KEY_BYTES,
    PREKEY_ID_BYTES,
    SIGNATURE_BYTES,
    AccountId,
    DeviceEntry,
    DeviceId,
    DropSecret,
    PrekeyId,
    PrekeyKind,
    PrekeyRecord,
    Route,
    SealRecord,
    Signature,
)

from hushpost_crypto import primitives
from hushpost_crypto.errors import (
    AccountMismatch,
    LimitExceeded,
    PrekeyDatesWrong,
    PrekeyExpired,
    PrekeyKindWrong,
    RecordMalformed,
)
from hushpost_crypto.keys import DeviceKey, check_x25519

Random = Callable[[int], bytes]

# 21 days to be fetched, 14 days of envelope life, a day of rounding and one of clock difference
# make 37: the day on which the secret is erased.
USE_DAYS_MAX: Final = 21
ERASE_DAYS: Final = 37
CLOCK_DAYS_MAX: Final = 1
# A rotation a week, so that a device found by a thief opens at most the last weeks' first messages.
ROTATE_DAYS: Final = 7
ONE_TIME_RECORDS: Final = 100
REFILL_BELOW: Final = 30

_UNSIGNED: Final = Signature(bytes(SIGNATURE_BYTES))


@dataclass(frozen=True, slots=True, eq=False)
class PrekeySecret:
    """The secret halves of one prekey record, as the vault keeps them."""

    kind: PrekeyKind
    prekey_id: PrekeyId
    x25519_secret: bytes = field(repr=False)
    mlkem_seed: bytes = field(repr=False)
    issue_day: int

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what `to_bytes` wrote; raises `RecordMalformed`."""
        try:
            reader = Reader(data, "prekey secret")
            kind = PrekeyKind(reader.u8())
            issue_day = reader.u32()
            prekey_id = PrekeyId(reader.take(PREKEY_ID_BYTES))
            x25519_secret = reader.take(KEY_BYTES)
            mlkem_seed = reader.take(primitives.MLKEM_SEED_BYTES)
            reader.finish()
        except (MalformedRecord, ValueError):
            raise RecordMalformed("a stored prekey secret cannot be read") from None
        return cls(kind, prekey_id, x25519_secret, mlkem_seed, issue_day)

    def to_bytes(self) -> bytes:
        """Give 117 secret bytes for the vault, and for nothing else."""
        return (
            bytes([self.kind])
            + u32(self.issue_day)
            + self.prekey_id
            + self.x25519_secret
            + self.mlkem_seed
        )

    @property
    def erase_day(self) -> int:
        """The first day on which this secret must no longer exist."""
        return self.issue_day + ERASE_DAYS

    def record(
        self, device_key: DeviceKey, device_id: DeviceId, account_id: AccountId
    ) -> PrekeyRecord:
        """Make the public record, signed for this account."""
        draft = PrekeyRecord(
            kind=self.kind,
            device_id=device_id,
            prekey_id=self.prekey_id,
            x25519_key=primitives.x25519_public_key(self.x25519_secret),
            mlkem_key=primitives.mlkem1024_public_key(self.mlkem_seed),
            issue_day=self.issue_day,
            expiry_day=self.issue_day + USE_DAYS_MAX,
            signature=_UNSIGNED,
        )
        return replace(draft, signature=device_key.sign(draft.signed_bytes(account_id)))


@dataclass(frozen=True, slots=True, eq=False)
class SealSecret:
    """The seed of one X-Wing seal key, as the vault keeps it."""

    key_id: PrekeyId
    seed: bytes = field(repr=False)
    issue_day: int

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what `to_bytes` wrote; raises `RecordMalformed`."""
        try:
            reader = Reader(data, "seal secret")
            issue_day = reader.u32()
            key_id = PrekeyId(reader.take(PREKEY_ID_BYTES))
            seed = reader.take(primitives.XWING_SEED_BYTES)
            reader.finish()
        except MalformedRecord:
            raise RecordMalformed("a stored seal secret cannot be read") from None
        return cls(key_id, seed, issue_day)

    def to_bytes(self) -> bytes:
        """Give 52 secret bytes for the vault, and for nothing else."""
        return u32(self.issue_day) + self.key_id + self.seed

    @property
    def erase_day(self) -> int:
        """The first day on which this secret must no longer exist."""
        return self.issue_day + ERASE_DAYS

    def record(
        self,
        device_key: DeviceKey,
        device_id: DeviceId,
        account_id: AccountId,
        *,
        host: Host,
        route: Route,
        knock_secret: DropSecret | None,
    ) -> SealRecord:
        """Make the public record; `knock_secret` None switches knocks off."""
        draft = SealRecord(
            account_id=account_id,
            device_id=device_id,
            key_id=self.key_id,
            host=host,
            route=route,
            knock_secret=knock_secret,
            seal_key=primitives.xwing_public_key(self.seed),
            issue_day=self.issue_day,
            expiry_day=self.issue_day + USE_DAYS_MAX,
            signature=_UNSIGNED,
        )
        return replace(draft, signature=device_key.sign(draft.signed_bytes()))


def make_prekey(
    kind: PrekeyKind, *, today: int, random: Random = primitives.random_bytes
) -> PrekeySecret:
    """Make one prekey pair; store it, then publish its `record`."""
    return PrekeySecret(
        kind,
        PrekeyId(random(PREKEY_ID_BYTES)),
        random(KEY_BYTES),
        random(primitives.MLKEM_SEED_BYTES),
        today,
    )


def make_one_time(
    count: int, *, today: int, random: Random = primitives.random_bytes
) -> tuple[PrekeySecret, ...]:
    """Make `count` one-time prekeys, at most 100 at once."""
    if not 0 <= count <= ONE_TIME_RECORDS:
        raise LimitExceeded(f"{count} one-time prekeys asked for; 0 to {ONE_TIME_RECORDS} may be")
    return tuple(make_prekey(PrekeyKind.ONE_TIME, today=today, random=random) for _ in range(count))


def make_seal(*, today: int, random: Random = primitives.random_bytes) -> SealSecret:
    """Make one seal key; store it, then publish its `record`."""
    return SealSecret(PrekeyId(random(PREKEY_ID_BYTES)), random(primitives.XWING_SEED_BYTES), today)


def read_prekey(
    data: bytes, kind: PrekeyKind, account_id: AccountId, entry: DeviceEntry, *, today: int
) -> PrekeyRecord:
    """Parse and verify; raises as `verify_prekey`, or `RecordMalformed`."""
    try:
        record = PrekeyRecord.from_bytes(data)
    except MalformedRecord as error:
        raise RecordMalformed(str(error)) from None
    verify_prekey(record, kind, account_id, entry, today=today)
    return record


def read_seal(data: bytes, account_id: AccountId, entry: DeviceEntry, *, today: int) -> SealRecord:
    """Parse and verify; raises as `verify_seal`, or `RecordMalformed`."""
    try:
        record = SealRecord.from_bytes(data)
    except MalformedRecord as error:
        raise RecordMalformed(str(error)) from None
    verify_seal(record, account_id, entry, today=today)
    return record


def verify_prekey(
    record: PrekeyRecord, kind: PrekeyKind, account_id: AccountId, entry: DeviceEntry, *, today: int
) -> None:
    """Verify a record for use: `entry` comes from the account's verified device list.

    Raises `BadSignature`, `AccountMismatch`, `PrekeyKindWrong`, `PrekeyDatesWrong`,
    `PrekeyExpired` or `BadKey`.
    """
    primitives.ed25519_verify(entry.device_key, record.signed_bytes(account_id), record.signature)
    _check_device(record.device_id, entry)
    if record.kind != kind:
        raise PrekeyKindWrong(f"a {record.kind.name} prekey stands where {kind.name} is due")
    _check_dates(record.issue_day, record.expiry_day, today)
    check_x25519(record.x25519_key)
    primitives.mlkem1024_check_key(record.mlkem_key)


def verify_seal(
    record: SealRecord, account_id: AccountId, entry: DeviceEntry, *, today: int
) -> None:
    """Verify a seal record for use; raises as `verify_prekey`.

    The caller compares `host` with the address it came by, and asks the person if they differ.
    """
    primitives.ed25519_verify(entry.device_key, record.signed_bytes(), record.signature)
    _check_device(record.device_id, entry)
    if record.account_id != account_id:
        raise AccountMismatch("the seal record belongs to another account")
    _check_dates(record.issue_day, record.expiry_day, today)
    primitives.xwing_check_key(record.seal_key)


def _check_device(device_id: DeviceId, entry: DeviceEntry) -> None:
    if device_id != entry.device_id():
        raise AccountMismatch("the record names another device than the one it was given for")


def _check_dates(issue_day: int, expiry_day: int, today: int) -> None:
    if not issue_day <= expiry_day <= issue_day + USE_DAYS_MAX:
        raise PrekeyDatesWrong(f"a prekey may be used for at most {USE_DAYS_MAX} days")
    if issue_day > today + CLOCK_DAYS_MAX:
        raise PrekeyDatesWrong("a prekey is dated in the future; check this device's clock")
    if today > expiry_day:
        raise PrekeyExpired("a prekey is past its last day; its device has been away for weeks")
