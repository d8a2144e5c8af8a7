"""Genesis record and device list: who an account is and which devices speak for it.

Implements docs/spec/identity.md, sections 3 and 4. A record here is parsed and canonical, no more:
nothing checks a signature, a date or whose record it is. `signed_bytes` gives the exact bytes that
are signed, so that relay and client verify the same thing.
"""

import itertools
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Self

from hushpost_wire import labels
from hushpost_wire.encoding import (
    SUITE,
    Reader,
    labelled,
    labelled_sha256,
    read_suite,
    sized,
    u8,
    u16,
    u32,
)
from hushpost_wire.errors import MalformedRecord
from hushpost_wire.identifiers import (
    ACCOUNT_ID_BYTES,
    DEVICE_ID_BYTES,
    HASH_BYTES,
    KEY_BYTES,
    SIGNATURE_BYTES,
    AccountId,
    AccountPublicKey,
    DeviceId,
    DevicePublicKey,
    IdentityPublicKey,
    ListHead,
    RecoveryHash,
    Signature,
)

# A person has a handful of devices; every sender seals once for each, so the bound is also the
# bound on what one message may cost.
DEVICES_MAX: Final = 8

GENESIS_BYTES: Final = 66
DEVICE_ENTRY_BYTES: Final = 64
DEVICE_LIST_BYTES_MIN: Final = 76 + DEVICE_ENTRY_BYTES + SIGNATURE_BYTES
DEVICE_LIST_BYTES_MAX: Final = 76 + DEVICES_MAX * DEVICE_ENTRY_BYTES + SIGNATURE_BYTES

FIRST_VERSION: Final = 1
NO_PREVIOUS: Final = ListHead(bytes(HASH_BYTES))


class ListKind(IntEnum):
    """Who signed a device list. 2 is kept for recovery, where a new account key takes over."""

    ACCOUNT = 1


@dataclass(frozen=True, slots=True)
class Genesis:
    """The record an account id is the hash of (identity.md, section 3)."""

    account_key: AccountPublicKey
    recovery_hash: RecoveryHash

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Parse; raises `MalformedRecord`. The caller compares `account_id()` with the address."""
        reader = Reader(data, "genesis record")
        read_suite(reader, "genesis record")
        account_key = AccountPublicKey(reader.take(KEY_BYTES))
        recovery_hash = RecoveryHash(reader.take(HASH_BYTES))
        reader.finish()
        return cls(account_key, recovery_hash)

    def to_bytes(self) -> bytes:
        """Return the one encoding, 66 bytes."""
        return (
            u16(SUITE)
            + sized(self.account_key, KEY_BYTES, "account key")
            + sized(self.recovery_hash, HASH_BYTES, "recovery hash")
        )

    def account_id(self) -> AccountId:
        """Return the self-certifying id of the account that begins with this record."""
        return AccountId(
            labelled_sha256(labels.ACCOUNT_ID, u16(SUITE), self.account_key, self.recovery_hash)
        )


@dataclass(frozen=True, slots=True)
class DeviceEntry:
    """One device's public keys as certified by its account."""

    device_key: DevicePublicKey
    identity_key: IdentityPublicKey

    def to_bytes(self) -> bytes:
        """Return the one encoding, 64 bytes."""
        return sized(self.device_key, KEY_BYTES, "device key") + sized(
            self.identity_key, KEY_BYTES, "identity key"
        )

    def device_id(self) -> DeviceId:
        """Return the first 16 bytes of the labelled hash of both keys."""
        digest = labelled_sha256(labels.DEVICE_ID, self.device_key, self.identity_key)
        return DeviceId(digest[:DEVICE_ID_BYTES])


@dataclass(frozen=True, slots=True)
class DeviceList:
    """One link in the signed chain of an account's device lists (identity.md, section 4)."""

    account_id: AccountId
    version: int
    previous_hash: ListHead
    issue_day: int
    entries: tuple[DeviceEntry, ...]
    signature: Signature
    kind: ListKind = ListKind.ACCOUNT

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Parse; raises `MalformedRecord`. Signature and chain are the caller's to check."""
        reader = Reader(data, "device list")
        read_suite(reader, "device list")
        kind, count = reader.u8(), reader.u8()
        if kind != ListKind.ACCOUNT:
            raise MalformedRecord(f"device list of kind {kind}, which this version cannot read")
        version, issue_day = reader.u32(), reader.u32()
        account_id = AccountId(reader.take(ACCOUNT_ID_BYTES))
        previous_hash = ListHead(reader.take(HASH_BYTES))
        entries = tuple(_read_entry(reader) for _ in range(count))
        signature = Signature(reader.take(SIGNATURE_BYTES))
        reader.finish()
        record = cls(account_id, version, previous_hash, issue_day, entries, signature)
        record.check_form()
        return record

    def check_form(self) -> None:
        """Refuse what no canonical list holds; raises `MalformedRecord`."""
        if not 1 <= len(self.entries) <= DEVICES_MAX:
            raise MalformedRecord(
                f"device list of {len(self.entries)} devices; 1 to {DEVICES_MAX} are allowed"
            )
        if self.version < FIRST_VERSION:
            raise MalformedRecord("device list of version 0; the first version is 1")
        if (self.version == FIRST_VERSION) != (self.previous_hash == NO_PREVIOUS):
            raise MalformedRecord("only the first device list has a previous hash of zeros")
        ids = [entry.device_id() for entry in self.entries]
        if any(left >= right for left, right in itertools.pairwise(ids)):
            raise MalformedRecord("device list entries are not in strict order of device id")

    def unsigned_bytes(self) -> bytes:
        """Everything before the signature."""
        return b"".join(
            (
                u16(SUITE),
                u8(self.kind),
                u8(len(self.entries)),
                u32(self.version),
                u32(self.issue_day),
                sized(self.account_id, ACCOUNT_ID_BYTES, "account id"),
                sized(self.previous_hash, HASH_BYTES, "previous hash"),
                *(entry.to_bytes() for entry in self.entries),
            )
        )

    def signed_bytes(self) -> bytes:
        """Return what the account key signs."""
        return labelled(labels.DEVICE_LIST_SIGN, self.unsigned_bytes())

    def to_bytes(self) -> bytes:
        """Return the one encoding, 140 + 64 * devices bytes."""
        return self.unsigned_bytes() + sized(self.signature, SIGNATURE_BYTES, "signature")

    def head(self) -> ListHead:
        """Return the hash the next list names as its previous, and that peers compare."""
        return ListHead(labelled_sha256(labels.DEVICE_LIST_HEAD, self.to_bytes()))

    def find(self, device_id: DeviceId) -> DeviceEntry | None:
        """Return the entry of that device, if the list holds it."""
        return next((entry for entry in self.entries if entry.device_id() == device_id), None)


def _read_entry(reader: Reader) -> DeviceEntry:
    device_key = DevicePublicKey(reader.take(KEY_BYTES))
    return DeviceEntry(device_key, IdentityPublicKey(reader.take(KEY_BYTES)))
