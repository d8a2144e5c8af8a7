"""What the scripts answer, as the nouns of the interface; anything else is a fault."""

from __future__ import annotations

from contextlib import suppress
from typing import Final, TypeGuard

from hushpost_store import errors
from hushpost_store.redis import layout
from hushpost_store.redis.command import Answer, ServerError
from hushpost_store.rows import (
    AccountRow,
    DeviceListRow,
    DeviceRow,
    ExpiredNotice,
    PrekeyBundle,
    QueuedEnvelope,
    TakenPrekeys,
)


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
    """Read one envelope of a backlog: sequence, id, head, body. Raises StoreDamaged."""
    sequence, envelope_id, head, body = items(answer)
    row = layout.unpacked_envelope(blob(envelope_id), blob(head), blob(body))
    if row.sequence != sequence:
        raise errors.StoreDamaged("an envelope is not where its head says")
    return row


def expired_notices(answer: Answer) -> tuple[ExpiredNotice, ...]:
    """Read the notices that wait, oldest first; one that cannot be read is passed over."""
    found: list[ExpiredNotice] = []
    for notice_id, packed in (items(row) for row in items(answer)):
        with suppress(errors.StoreDamaged):
            found.append(ExpiredNotice(number(notice_id), layout.unpacked_notice(blob(packed))))
    return tuple(found)


def account_row(account_id: bytes, answer: Answer) -> AccountRow | None:
    """Read an account from its fields; None where there are none. Raises StoreDamaged."""
    found = fields(answer)
    if not found:
        return None
    try:
        devices = tuple(
            DeviceRow(*(found[b"%s:%d" % (name, place)] for name in _DEVICE_FIELDS))
            for place in range(1, int(found[b"devices"]) + 1)
        )
        device_list = DeviceListRow(int(found[b"version"]), found[b"head"], found[b"record"])
        return AccountRow(
            account_id, found[b"genesis"], int(found[b"created_day"]), device_list, devices
        )
    except (KeyError, ValueError) as fault:
        raise errors.StoreDamaged("an account lacks what it must have") from fault


_DEVICE_FIELDS: Final = (b"device_id", b"device_key", b"route")


def device_lists(answer: Answer) -> tuple[DeviceListRow, ...]:
    """Read the device lists that are kept, oldest first."""
    rows: list[DeviceListRow] = []
    for version, packed in fields(answer).items():
        try:
            rows.append(layout.unpacked_list(int(version), packed))
        except ValueError as fault:
            raise errors.StoreDamaged("the version of a list is no number") from fault
    return tuple(sorted(rows, key=lambda row: row.version))


def taken_prekeys(answer: Answer) -> TakenPrekeys | None:
    """Read what one take handed out; None for an unknown account."""
    rows = items(answer)
    if not rows:
        return None
    try:
        genesis, version, head, record = (blob(item) for item in items(rows[0]))
        listed = DeviceListRow(int(version), head, record)
    except (ServerError, ValueError) as fault:
        raise errors.StoreDamaged("an account lacks what it must have") from fault
    bundles = tuple(_bundle(items(bundle)) for bundle in items(rows[1]))
    return TakenPrekeys(genesis, listed, bundles)


def _bundle(row: list[Answer]) -> PrekeyBundle:
    device_id, signed, seal, one_time, left = row
    return PrekeyBundle(
        blob(device_id), _or_none(signed), _or_none(seal), _or_none(one_time), number(left)
    )


def _or_none(answer: Answer) -> bytes | None:
    return None if answer is None else blob(answer)


def _is_list(answer: Answer) -> TypeGuard[list[Answer]]:
    return isinstance(answer, list)
