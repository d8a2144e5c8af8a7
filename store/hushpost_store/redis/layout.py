"""How rows are packed into the values of Redis (docs/spec/store.md, "Keys").

What the scripts in `lua/` write and read, for who reads or writes a whole mailbox or account from
outside them: a migration, an operator's look.
"""

from __future__ import annotations

from struct import Struct, error
from typing import Final
from zlib import crc32

from hushpost_store import errors
from hushpost_store.contents import KeptDrop
from hushpost_store.rows import DeviceListRow, DropKind, ExpiredDrop, QueuedEnvelope

# As in mailbox.lua: sequence, hour of the end, size, drop reference, check sum; the envelope's tail
# follows.
HEAD: Final = Struct(">QII16sI")
# How many of an envelope's last bytes lie beside its head: with them a body of a bucket's size
# would need the allocator's next larger class, a quarter more memory.
TAIL_BYTES: Final = 16
# Who owns a mailbox: account and device; the random bytes of the last claim follow.
OWNER_BYTES: Final = 48
CLAIM_BYTES: Final = 8
_NOT_AFTER: Final = Struct(">I")
# As in mailbox.lua: the rest of the hash, kind, hour of the end; who used it follows.
DROP: Final = Struct(">16sBI")
DROP_REF_BYTES: Final = 16
EXPIRED_DROP: Final = Struct(">16sI")
LENGTH: Final = Struct(">I")
# As in account.lua: a device's number above the day on which a record ends.
DEVICE_STEP: Final = 1 << 24
DEVICE_ID_BYTES: Final = 16
# As in mailbox.lua: how long after the last envelope's end Redis ends the keys by itself.
GRACE_SECONDS: Final = 7_200


def check_sum(envelope_id: bytes, drop_ref: bytes, not_after: int, envelope: bytes) -> int:
    """Return what shows a changed byte, for certain where the change is within 32 bits."""
    begun = crc32(b"".join((envelope_id, drop_ref, _NOT_AFTER.pack(not_after))))
    return crc32(envelope, begun)


def packed_head(row: QueuedEnvelope) -> bytes:
    """Return the head of an envelope, with its last bytes."""
    of_it = check_sum(row.envelope_id, row.drop_ref, row.not_after, row.envelope)
    head = HEAD.pack(row.sequence, row.not_after, len(row.envelope), row.drop_ref, of_it)
    return head + row.envelope[-TAIL_BYTES:]


def unpacked_envelope(envelope_id: bytes, head: bytes, body: bytes) -> QueuedEnvelope:
    """Return an envelope from its head and body. Raises StoreDamaged where they do not fit."""
    try:
        sequence, not_after, size, drop_ref, of_it = HEAD.unpack_from(head)
    except error as fault:
        raise errors.StoreDamaged("the head of an envelope cannot be read") from fault
    envelope = body + head[HEAD.size :]
    if len(envelope) != size:
        raise errors.StoreDamaged("an envelope is not as long as its head says")
    if check_sum(envelope_id, drop_ref, not_after, envelope) != of_it:
        raise errors.StoreDamaged("an envelope is not what was written")
    return QueuedEnvelope(sequence, envelope_id, drop_ref, not_after, envelope)


def packed_drop(drop: KeptDrop) -> tuple[bytes, bytes]:
    """Return name and value of a drop."""
    rest = drop.drop_hash[DROP_REF_BYTES:]
    value = DROP.pack(rest, int(drop.kind), drop.life_end) + (drop.used_by or b"")
    return drop.drop_hash[:DROP_REF_BYTES], value


def unpacked_drop(name: bytes, value: bytes) -> KeptDrop:
    """Return a drop. Raises StoreDamaged."""
    try:
        rest, kind, life_end = DROP.unpack_from(value)
        return KeptDrop(name + rest, DropKind(kind), life_end, value[DROP.size :] or None)
    except (error, ValueError) as fault:
        raise errors.StoreDamaged("a drop cannot be read") from fault


def packed_notice(drops: tuple[ExpiredDrop, ...]) -> bytes:
    """Return the value of a closed notice."""
    return b"".join(EXPIRED_DROP.pack(*drop) for drop in drops)


def unpacked_notice(value: bytes) -> tuple[ExpiredDrop, ...]:
    """Return what a closed notice counts. Raises StoreDamaged."""
    try:
        return tuple(ExpiredDrop(*pair) for pair in EXPIRED_DROP.iter_unpack(value))
    except error as fault:
        raise errors.StoreDamaged("a notice cannot be read") from fault


def packed_list(row: DeviceListRow) -> bytes:
    """Return the value of a device list."""
    return LENGTH.pack(len(row.head)) + row.head + row.record


def unpacked_list(version: int, value: bytes) -> DeviceListRow:
    """Return a device list. Raises StoreDamaged."""
    try:
        (size,) = LENGTH.unpack_from(value)
    except error as fault:
        raise errors.StoreDamaged("a device list cannot be read") from fault
    at = LENGTH.size + size
    return DeviceListRow(version, value[LENGTH.size : at], value[at:])
