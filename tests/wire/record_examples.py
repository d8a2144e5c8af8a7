"""Unsigned examples of every public record, for tests of their encoding alone."""

from hushpost_wire.host import Host
from hushpost_wire.records import (
    AccountId,
    AccountPublicKey,
    DeviceEntry,
    DeviceId,
    DeviceList,
    DevicePublicKey,
    DropSecret,
    Genesis,
    Handover,
    IdentityPublicKey,
    ListHead,
    PrekeyId,
    PrekeyKind,
    PrekeyRecord,
    RecoveryHash,
    RelayPublicKey,
    Route,
    SealRecord,
    Signature,
)

SIGNATURE = Signature(b"\x5a" * 64)
ACCOUNT_ID = AccountId(b"\x0a" * 32)
GENESIS = Genesis(AccountPublicKey(b"\x01" * 32), RecoveryHash(b"\x02" * 32))
ENTRIES = tuple(
    sorted(
        (
            DeviceEntry(DevicePublicKey(bytes([n]) * 32), IdentityPublicKey(bytes([n + 100]) * 32))
            for n in range(8)
        ),
        key=DeviceEntry.device_id,
    )
)
DEVICE_LIST = DeviceList(ACCOUNT_ID, 2, ListHead(b"\x03" * 32), 20000, ENTRIES, SIGNATURE)
PREKEY = PrekeyRecord(
    kind=PrekeyKind.ONE_TIME,
    device_id=DeviceId(b"\x04" * 16),
    prekey_id=PrekeyId(b"\x05" * 16),
    x25519_key=b"\x06" * 32,
    mlkem_key=b"\x07" * 1568,
    issue_day=20000,
    expiry_day=20021,
    signature=SIGNATURE,
)
SEAL = SealRecord(
    account_id=ACCOUNT_ID,
    device_id=DeviceId(b"\x04" * 16),
    key_id=PrekeyId(b"\x05" * 16),
    host=Host("relay.example"),
    route=Route(b"\x08" * 16),
    knock_secret=DropSecret(b"\x09" * 32),
    seal_key=b"\x0b" * 1216,
    issue_day=20000,
    expiry_day=20021,
    signature=SIGNATURE,
)
HANDOVER = Handover(RelayPublicKey(b"\x0c" * 32), RelayPublicKey(b"\x0d" * 32), 20000, SIGNATURE)
