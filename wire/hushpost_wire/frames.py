"""Binary frames of the data plane (docs/spec/wire.md, section 5): one fixed header each.

Opaque envelopes in, opaque envelopes out: nothing here knows what is inside, whose it is or whether
the relay will take it. Decoding raises a `FrameError` for what no peer may send and leaves to the
relay's machine what deserves a refusal (a size that is no bucket, an id that does not match).
"""

from collections.abc import Callable, Sequence
from enum import IntEnum, IntFlag
from functools import cache
from struct import Struct
from struct import error as struct_error
from typing import Final, NamedTuple

from hushpost_wire.errors import FieldOutOfRange, FrameMalformed, FrameTruncated, FrameUnknown
from hushpost_wire.identifiers import (
    DROP_REFERENCE_BYTES,
    DROP_SECRET_BYTES,
    ENVELOPE_ID_BYTES,
    ROUTE_BYTES,
    DropReference,
    DropSecret,
    EnvelopeId,
    Route,
)
from hushpost_wire.limits import FRAME_NUMBERS_MAX

SUBMIT: Final = 0x01
ACKNOWLEDGE: Final = 0x02
ACCEPTED: Final = 0x81
REFUSED: Final = 0x82
DELIVER: Final = 0x83

_SUBMIT: Final = Struct(">BBHI16s32s16sI")
_REFUSED: Final = Struct(">BBHII")
_DELIVER: Final = Struct(">BBHII16s16s")

SUBMIT_HEADER_BYTES: Final = _SUBMIT.size
REFUSED_BYTES: Final = _REFUSED.size
DELIVER_HEADER_BYTES: Final = _DELIVER.size
NUMBERS_HEADER_BYTES: Final = 4

# The tag of an ephemeral delivery: nothing waits for its acknowledgement.
NO_TAG: Final = 0


class RefusalReason(IntEnum):
    """Why the relay did not take an envelope (docs/spec/delivery.md, section 4)."""

    NO_DROP = 1
    FULL = 2
    RETRY = 3
    BAD_ENVELOPE = 4
    BAD_TTL = 5
    SLOW_DOWN = 6


class DeliverFlags(IntFlag):
    """What a delivery is: from the backlog at login, or never queued."""

    LIVE = 0
    BACKLOG = 1
    EPHEMERAL = 2


# Plain integers: an IntFlag operation costs half a microsecond in the hot path.
_FLAGS_UNKNOWN: Final = 0xFF & ~int(DeliverFlags.BACKLOG | DeliverFlags.EPHEMERAL)
_EPHEMERAL: Final = int(DeliverFlags.EPHEMERAL)

# tuple.__new__ skips the argument handling of a NamedTuple, a third of the cost of a decode.
_new_tuple: Final = tuple[object, ...].__new__


class Submit(NamedTuple):
    """An envelope offered to a drop. Holds the drop's secret, which its repr does not show."""

    ttl_class: int
    request: int
    route: Route
    drop_secret: DropSecret
    envelope_id: EnvelopeId
    not_after: int
    envelope: bytes

    def __repr__(self) -> str:
        """Name the type and the request alone."""
        return f"Submit(request={self.request})"


class Acknowledge(NamedTuple):
    """Delivery tags whose envelopes the recipient has committed."""

    tags: tuple[int, ...]


class Accepted(NamedTuple):
    """Requests whose envelopes are durable or acknowledged."""

    requests: tuple[int, ...]


class Refused(NamedTuple):
    """A request whose envelope was not taken, and after how many seconds to try again."""

    reason: RefusalReason
    request: int
    retry_after: int


class Deliver(NamedTuple):
    """An envelope for this device. `tag` is void when the connection ends."""

    flags: int
    tag: int
    not_after: int
    drop_ref: DropReference
    envelope_id: EnvelopeId
    envelope: bytes

    def __repr__(self) -> str:
        """Name the type and the tag alone."""
        return f"Deliver(tag={self.tag})"


def decode_submit(data: bytes) -> Submit:
    """Decode a message whose first byte is SUBMIT; the envelope's size is the caller's to judge."""
    try:
        _, ttl_class, zero, request, route, secret, identifier, hour = _SUBMIT.unpack_from(data)
    except struct_error:
        raise FrameTruncated("SUBMIT ends within its header of 76 bytes") from None
    if zero:
        raise FrameMalformed("SUBMIT has a flag or reserved bit set; send zero")
    return _new_tuple(
        Submit, (ttl_class, request, route, secret, identifier, hour, data[SUBMIT_HEADER_BYTES:])
    )


def decode_acknowledge(data: bytes) -> Acknowledge:
    """Decode a message whose first byte is ACKNOWLEDGE."""
    return Acknowledge(_decode_numbers(data))


def decode_accepted(data: bytes) -> Accepted:
    """Decode a message whose first byte is ACCEPTED."""
    return Accepted(_decode_numbers(data))


def decode_refused(data: bytes) -> Refused:
    """Decode a message whose first byte is REFUSED."""
    if len(data) < REFUSED_BYTES:
        raise FrameTruncated("REFUSED ends within its 12 bytes")
    if len(data) > REFUSED_BYTES:
        raise FrameMalformed("REFUSED has bytes after its 12")
    _, reason, zero, request, retry_after = _REFUSED.unpack(data)
    if zero or reason not in _REASONS:
        raise FrameMalformed("REFUSED has a reserved bit set or an unknown reason")
    return Refused(_REASONS[reason], request, retry_after)


def decode_deliver(data: bytes) -> Deliver:
    """Decode a message whose first byte is DELIVER; the envelope's id is the caller's to check."""
    try:
        _, flags, zero, tag, hour, drop_ref, identifier = _DELIVER.unpack_from(data)
    except struct_error:
        raise FrameTruncated("DELIVER ends within its header of 44 bytes") from None
    if zero or flags & _FLAGS_UNKNOWN:
        raise FrameMalformed("DELIVER has an unknown flag or a reserved bit set")
    if (tag == NO_TAG) != bool(flags & _EPHEMERAL):
        raise FrameMalformed("DELIVER has a tag if and only if it is not ephemeral")
    return _new_tuple(
        Deliver, (flags, tag, hour, drop_ref, identifier, data[DELIVER_HEADER_BYTES:])
    )


FrameToRelay = Submit | Acknowledge
FrameToClient = Accepted | Refused | Deliver

_TO_RELAY: Final[dict[int, Callable[[bytes], FrameToRelay]]] = {
    SUBMIT: decode_submit,
    ACKNOWLEDGE: decode_acknowledge,
}
_TO_CLIENT: Final[dict[int, Callable[[bytes], FrameToClient]]] = {
    ACCEPTED: decode_accepted,
    REFUSED: decode_refused,
    DELIVER: decode_deliver,
}
_REASONS: Final[dict[int, RefusalReason]] = {reason.value: reason for reason in RefusalReason}


def decode_to_relay(data: bytes) -> FrameToRelay:
    """Decode a binary message that a client sent."""
    decode = _TO_RELAY.get(_frame_type(data))
    if decode is None:
        raise FrameUnknown("a client sends SUBMIT (0x01) and ACKNOWLEDGE (0x02) only")
    return decode(data)


def decode_to_client(data: bytes) -> FrameToClient:
    """Decode a binary message that a relay sent."""
    decode = _TO_CLIENT.get(_frame_type(data))
    if decode is None:
        raise FrameUnknown("a relay sends ACCEPTED, REFUSED and DELIVER (0x81 to 0x83) only")
    return decode(data)


def encode_submit(submit: Submit) -> bytes:
    """Encode SUBMIT: header and envelope joined once."""
    ttl_class, request, route, secret, identifier, hour, envelope = submit
    _require_length(route, ROUTE_BYTES)
    _require_length(secret, DROP_SECRET_BYTES)
    _require_length(identifier, ENVELOPE_ID_BYTES)
    try:
        header = _SUBMIT.pack(SUBMIT, ttl_class, 0, request, route, secret, identifier, hour)
    except struct_error:
        raise FieldOutOfRange("SUBMIT: class is a u8, request and not_after are u32") from None
    return header + envelope


def encode_acknowledge(tags: Sequence[int]) -> bytes:
    """Encode ACKNOWLEDGE of 1 to 256 delivery tags."""
    return _encode_numbers(ACKNOWLEDGE, tags)


def encode_accepted(requests: Sequence[int]) -> bytes:
    """Encode ACCEPTED of 1 to 256 requests."""
    return _encode_numbers(ACCEPTED, requests)


def encode_refused(reason: RefusalReason, request: int, retry_after: int = 0) -> bytes:
    """Encode REFUSED; `retry_after` is in seconds, 0 for no hint."""
    try:
        return _REFUSED.pack(REFUSED, reason, 0, request, retry_after)
    except struct_error:
        raise FieldOutOfRange("REFUSED: request and retry_after are u32") from None


def encode_deliver(deliver: Deliver) -> bytes:
    """Encode DELIVER: header and envelope joined once."""
    return deliver_frame(*deliver)


def deliver_frame(  # noqa: PLR0917 - the fields of `Deliver` in their order: the hot path
    flags: int,
    tag: int,
    hour: int,
    drop_ref: DropReference,
    identifier: EnvelopeId,
    envelope: bytes,
) -> bytes:
    """Encode DELIVER from its fields."""
    if len(drop_ref) != DROP_REFERENCE_BYTES or len(identifier) != ENVELOPE_ID_BYTES:
        raise FieldOutOfRange("DELIVER: reference and id of the envelope have 16 bytes each")
    try:
        return _DELIVER.pack(DELIVER, flags, 0, tag, hour, drop_ref, identifier) + envelope
    except struct_error:
        raise FieldOutOfRange("DELIVER: flags is a u8, tag and not_after are u32") from None


def _frame_type(data: bytes) -> int:
    if not data:
        raise FrameTruncated("a binary message is empty; its first byte is the frame type")
    return data[0]


def _require_length(field: bytes, length: int) -> None:
    # struct pads a short field with zeros and cuts a long one; both would lie to the relay.
    if len(field) != length:
        raise FieldOutOfRange(f"a field of {length} bytes has {len(field)}")


@cache  # at most FRAME_NUMBERS_MAX entries, since both callers check the count first
def _numbers(count: int) -> Struct:
    return Struct(f">BBH{count}I")


def _encode_numbers(frame_type: int, numbers: Sequence[int]) -> bytes:
    if not 1 <= len(numbers) <= FRAME_NUMBERS_MAX:
        raise FieldOutOfRange(f"a frame carries 1 to {FRAME_NUMBERS_MAX} numbers")
    try:
        return _numbers(len(numbers)).pack(frame_type, 0, 0, *numbers)
    except struct_error:
        raise FieldOutOfRange("a tag or request is a u32") from None


def _decode_numbers(data: bytes) -> tuple[int, ...]:
    count, rest = divmod(len(data) - NUMBERS_HEADER_BYTES, 4)
    if count < 1:
        raise FrameTruncated("a number list ends before its first number")
    if rest or count > FRAME_NUMBERS_MAX:
        raise FrameMalformed(f"a number list holds 1 to {FRAME_NUMBERS_MAX} whole u32 numbers")
    values: tuple[int, ...] = _numbers(count).unpack(data)
    if values[1] or values[2]:
        raise FrameMalformed("a number list has a reserved bit set")
    return values[3:]
