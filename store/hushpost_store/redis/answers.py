"""What the scripts answer, as the nouns of the interface; anything else is a fault."""

from __future__ import annotations

from struct import Struct
from typing import Final, TypeGuard

from hushpost_store.redis.command import Answer, ServerError
from hushpost_store.rows import (
    AccountRow,
    DeviceListRow,
    DeviceRow,
    ExpiredDrop,
    ExpiredNotice,
    PrekeyBundle,
    QueuedEnvelope,
    TakenPrekeys,
)

# As in mailbox.lua: sequence, hour of its end, size, drop reference; the envelope's tail follows.
_HEAD: Final = Struct(">QII16s")
_EXPIRED_DROP: Final = Struct(">16sI")
_HEAD_OF_LIST: Final = Struct(">I")
# How many of an envelope's last bytes lie beside its head: with them a body of a bucket's size
# would need the allocator's next larger class, a quarter more memory.
TAIL_BYTES: Final = 16


def numbers(answer: Answer) -> list[int]:
    """Return an answer that is a list of numbers. Raises ServerError."""
    rows = items(answer)
    if not all(isinstance(row, int) for row in rows):
        raise ServerError("a script answered what is no number")
    return [row for row in rows if isinstance(row, int)]


def number(answer: Answer) -> int:
    """Return an answer that is a number. Raises ServerError."""
    if not isinstance(answer, int):
        raise ServerError("a script answered what is no number")
    return answer


def items(answer: Answer) -> list[Answer]:
    """Return an answer that is a list. Raises ServerError."""
    if not _is_list(answer):
        raise ServerError("a script answered what is no list")
    return answer


def blob(answer: Answer) -> bytes:
    """Return an answer that is bytes. Raises ServerError."""
    if not isinstance(answer, bytes):
        raise ServerError("a script answered what is no string")
    return answer


def fields(answer: Answer) -> dict[bytes, bytes]:
    """Return a flat list of names and values as a dictionary. Raises ServerError."""
    flat = [blob(item) for item in items(answer)]
    return dict(zip(flat[::2], flat[1::2], strict=True))


def queued_envelope(answer: Answer) -> QueuedEnvelope:
    """Read one envelope of a backlog: sequence, id, head, body."""
    _, envelope_id, head, body = items(answer)
    packed = blob(head)
    sequence, not_after, _, drop_ref = _HEAD.unpack_from(packed)
    envelope = blob(body) + packed[_HEAD.size :]
    return QueuedEnvelope(sequence, blob(envelope_id), drop_ref, not_after, envelope)


def expired_notices(answer: Answer) -> tuple[ExpiredNotice, ...]:
    """Read the notices that wait, oldest first."""
    return tuple(
        ExpiredNotice(
            number(notice_id),
            tuple(ExpiredDrop(*pair) for pair in _EXPIRED_DROP.iter_unpack(blob(packed))),
        )
        for notice_id, packed in (items(row) for row in items(answer))
    )


def account_row(account_id: bytes, answer: Answer) -> AccountRow | None:
    """Read an account from its fields; None where there are none."""
    found = fields(answer)
    if not found:
        return None
    devices = tuple(
        DeviceRow(*(found[b"%s:%d" % (name, place)] for name in _DEVICE_FIELDS))
        for place in range(1, int(found[b"devices"]) + 1)
    )
    device_list = DeviceListRow(int(found[b"version"]), found[b"head"], found[b"record"])
    return AccountRow(
        account_id, found[b"genesis"], int(found[b"created_day"]), device_list, devices
    )


_DEVICE_FIELDS: Final = (b"device_id", b"device_key", b"route")


def device_lists(answer: Answer) -> tuple[DeviceListRow, ...]:
    """Read the device lists that are kept, oldest first."""
    rows: list[DeviceListRow] = []
    for version, packed in fields(answer).items():
        (size,) = _HEAD_OF_LIST.unpack_from(packed)
        record_at = _HEAD_OF_LIST.size + size
        rows.append(
            DeviceListRow(int(version), packed[_HEAD_OF_LIST.size : record_at], packed[record_at:])
        )
    return tuple(sorted(rows, key=lambda row: row.version))


def taken_prekeys(answer: Answer) -> TakenPrekeys | None:
    """Read what one take handed out; None for an unknown account."""
    rows = items(answer)
    if not rows:
        return None
    genesis, version, head, record = (blob(item) for item in items(rows[0]))
    bundles = tuple(_bundle(items(bundle)) for bundle in items(rows[1]))
    return TakenPrekeys(genesis, DeviceListRow(int(version), head, record), bundles)


def _bundle(row: list[Answer]) -> PrekeyBundle:
    device_id, signed, seal, one_time, left = row
    return PrekeyBundle(
        blob(device_id), _or_none(signed), _or_none(seal), _or_none(one_time), number(left)
    )


def _or_none(answer: Answer) -> bytes | None:
    return None if answer is None else blob(answer)


def _is_list(answer: Answer) -> TypeGuard[list[Answer]]:
    return isinstance(answer, list)
