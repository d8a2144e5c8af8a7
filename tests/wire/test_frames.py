"""Frames have one layout each, and whatever is not one raises a documented error."""

from collections.abc import Callable
from typing import Any

import pytest
from hushpost_wire import frames
from hushpost_wire.errors import (
    FieldOutOfRange,
    FrameError,
    FrameMalformed,
    FrameTruncated,
    FrameUnknown,
)
from hushpost_wire.frames import (
    Deliver,
    DeliverFlags,
    RefusalReason,
    Refused,
    Submit,
    decode_to_client,
    decode_to_relay,
    encode_accepted,
    encode_acknowledge,
    encode_deliver,
    encode_refused,
    encode_submit,
)
from hushpost_wire.identifiers import DropReference, DropSecret, EnvelopeId, Route
from hypothesis import given
from hypothesis import strategies as st

u32 = st.integers(0, 2**32 - 1)
b16 = st.binary(min_size=16, max_size=16)
b32 = st.binary(min_size=32, max_size=32)
numbers = st.lists(u32, min_size=1, max_size=256)
envelopes = st.binary(max_size=300)

SUBMIT = Submit(
    4, 7, Route(b"r" * 16), DropSecret(b"s" * 32), EnvelopeId(b"e" * 16), 480024, b"body"
)
DELIVER = Deliver(1, 9, 480024, DropReference(b"d" * 16), EnvelopeId(b"e" * 16), b"body")


def test_submit_has_the_layout_of_the_spec() -> None:
    """SUBMIT is type, class, two zero bytes, request, route, secret, id, hour, envelope."""
    assert encode_submit(SUBMIT) == (
        b"\x01\x04\0\0" + b"\0\0\0\x07" + b"r" * 16 + b"s" * 32 + b"e" * 16 + b"\0\x07\x53\x18body"
    )
    assert frames.SUBMIT_HEADER_BYTES == 76


def test_deliver_has_the_layout_of_the_spec() -> None:
    """DELIVER is type, flags, two zero bytes, tag, hour, drop reference, id, envelope."""
    assert encode_deliver(DELIVER) == (
        b"\x83\x01\0\0" + b"\0\0\0\x09" + b"\0\x07\x53\x18" + b"d" * 16 + b"e" * 16 + b"body"
    )
    assert frames.DELIVER_HEADER_BYTES == 44


def test_short_frames_have_the_layout_of_the_spec() -> None:
    """ACKNOWLEDGE, ACCEPTED and REFUSED are a four-byte head and u32 numbers."""
    assert encode_acknowledge([1, 2]) == b"\x02\0\0\0\0\0\0\x01\0\0\0\x02"
    assert encode_accepted([3]) == b"\x81\0\0\0\0\0\0\x03"
    assert encode_refused(RefusalReason.FULL, 5, 60) == b"\x82\x02\0\0\0\0\0\x05\0\0\0\x3c"


@given(st.integers(0, 255), u32, b16, b32, b16, u32, envelopes)
def test_submit_survives_a_round_trip(
    ttl: int, request: int, route: bytes, secret: bytes, identifier: bytes, hour: int, body: bytes
) -> None:
    """Whatever SUBMIT is encoded is decoded again."""
    submit = Submit(
        ttl, request, Route(route), DropSecret(secret), EnvelopeId(identifier), hour, body
    )
    assert decode_to_relay(encode_submit(submit)) == submit


@given(st.integers(0, 1), st.integers(1, 2**32 - 1), u32, b16, b16, envelopes)
def test_deliver_survives_a_round_trip(
    flags: int, tag: int, hour: int, drop: bytes, identifier: bytes, body: bytes
) -> None:
    """Whatever DELIVER is encoded is decoded again."""
    deliver = Deliver(flags, tag, hour, DropReference(drop), EnvelopeId(identifier), body)
    assert decode_to_client(encode_deliver(deliver)) == deliver


@given(numbers)
def test_number_lists_survive_a_round_trip(values: list[int]) -> None:
    """Tags and requests come back in order."""
    assert decode_to_relay(encode_acknowledge(values)) == (tuple(values),)
    assert decode_to_client(encode_accepted(values)) == (tuple(values),)


@given(st.sampled_from(RefusalReason), u32, u32)
def test_refused_survives_a_round_trip(reason: RefusalReason, request: int, after: int) -> None:
    """Every reason, request and hint comes back."""
    assert decode_to_client(encode_refused(reason, request, after)) == Refused(
        reason, request, after
    )


@pytest.mark.parametrize("size", range(76))
def test_a_truncated_submit_is_told(size: int) -> None:
    """SUBMIT cut anywhere within its header is FrameTruncated."""
    with pytest.raises(FrameTruncated):
        decode_to_relay(encode_submit(SUBMIT)[:size])


@pytest.mark.parametrize("size", range(44))
def test_a_truncated_deliver_is_told(size: int) -> None:
    """DELIVER cut anywhere within its header is FrameTruncated."""
    with pytest.raises(FrameTruncated):
        decode_to_client(encode_deliver(DELIVER)[:size])


def test_short_frames_cut_or_grown_are_told() -> None:
    """A number list or REFUSED of a wrong length is refused."""
    refused = encode_refused(RefusalReason.RETRY, 1)
    for size in range(12):
        with pytest.raises(FrameTruncated):
            decode_to_client(refused[:size])
    with pytest.raises(FrameMalformed):
        decode_to_client(refused + b"\0")
    for size in range(8):
        with pytest.raises(FrameTruncated):
            decode_to_relay(encode_acknowledge([1, 2])[:size])
    for size in range(9, 12):
        with pytest.raises(FrameMalformed):
            decode_to_relay(encode_acknowledge([1, 2])[:size])


def test_an_overlong_number_list_is_told() -> None:
    """257 numbers are one more than a frame carries, in either direction."""
    with pytest.raises(FrameMalformed):
        decode_to_relay(b"\x02\0\0\0" + bytes(4 * 257))
    with pytest.raises(FieldOutOfRange):
        encode_acknowledge([1] * 257)
    with pytest.raises(FieldOutOfRange):
        encode_accepted([])


@pytest.mark.parametrize("first", sorted(set(range(256)) - {0x01, 0x02}))
def test_a_type_the_relay_does_not_receive_is_unknown(first: int) -> None:
    """Every other first byte, a relay's own frames among them, is FrameUnknown."""
    with pytest.raises(FrameUnknown):
        decode_to_relay(bytes([first]) + bytes(100))


@pytest.mark.parametrize("first", sorted(set(range(256)) - {0x81, 0x82, 0x83}))
def test_a_type_the_client_does_not_receive_is_unknown(first: int) -> None:
    """Every other first byte, a client's own frames among them, is FrameUnknown."""
    with pytest.raises(FrameUnknown):
        decode_to_client(bytes([first]) + bytes(100))


@pytest.mark.parametrize(
    ("frame", "offset", "decode"),
    [
        (encode_submit(SUBMIT), 2, decode_to_relay),
        (encode_submit(SUBMIT), 3, decode_to_relay),
        (encode_deliver(DELIVER), 2, decode_to_client),
        (encode_deliver(DELIVER), 3, decode_to_client),
        (encode_refused(RefusalReason.FULL, 1), 2, decode_to_client),
        (encode_refused(RefusalReason.FULL, 1), 3, decode_to_client),
        *[(encode_acknowledge([1]), offset, decode_to_relay) for offset in (1, 2, 3)],
        *[(encode_accepted([1]), offset, decode_to_client) for offset in (1, 2, 3)],
    ],
)
def test_every_reserved_bit_must_be_zero(
    frame: bytes, offset: int, decode: Callable[[bytes], Any]
) -> None:
    """A reserved bit set anywhere is FrameMalformed."""
    for bit in range(8):
        broken = bytearray(frame)
        broken[offset] |= 1 << bit
        with pytest.raises(FrameMalformed):
            decode(bytes(broken))


def test_unknown_reasons_and_flags_are_refused() -> None:
    """Reasons end at 6 and begin at 1; flags are the two lowest bits."""
    for reason in (0, 7, 255):
        with pytest.raises(FrameMalformed):
            decode_to_client(bytes([0x82, reason]) + bytes(10))
    for flags in (4, 128):
        with pytest.raises(FrameMalformed):
            decode_to_client(bytes([0x83, flags, 0, 0, 0, 0, 0, 1]) + bytes(36))


def test_a_tag_stands_exactly_where_it_is_acknowledged() -> None:
    """An ephemeral delivery has tag 0 and no other delivery has."""
    for flags, tag in ((0, 0), (1, 0), (2, 1), (3, 1)):
        with pytest.raises(FrameMalformed):
            decode_to_client(bytes([0x83, flags, 0, 0, 0, 0, 0, tag]) + bytes(36))
    ephemeral = decode_to_client(bytes([0x83, 2, 0, 0, 0, 0, 0, 0]) + bytes(36))
    assert isinstance(ephemeral, Deliver)
    assert ephemeral.flags == DeliverFlags.EPHEMERAL


@given(st.binary(max_size=200))
def test_any_bytes_decode_or_raise_a_frame_error(data: bytes) -> None:
    """No input reaches the caller as anything but a frame or a FrameError."""
    for decode in (decode_to_relay, decode_to_client):
        try:
            decode(data)
        except FrameError:
            continue


def test_fields_that_do_not_fit_are_the_callers_fault() -> None:
    """Struct would pad or cut them in silence; encoding refuses instead."""
    for change in (
        {"route": Route(b"short")},
        {"drop_secret": DropSecret(b"s" * 33)},
        {"envelope_id": EnvelopeId(b"")},
        {"request": 2**32},
        {"not_after": -1},
        {"ttl_class": 256},
    ):
        with pytest.raises(FieldOutOfRange):
            encode_submit(SUBMIT._replace(**change))
    for broken in (DELIVER._replace(drop_ref=DropReference(b"")), DELIVER._replace(tag=2**32)):
        with pytest.raises(FieldOutOfRange):
            encode_deliver(broken)
    with pytest.raises(FieldOutOfRange):
        encode_refused(RefusalReason.FULL, 1, 2**32)
    with pytest.raises(FieldOutOfRange):
        encode_accepted([2**32])


def test_reprs_show_no_secret_and_no_content() -> None:
    """A frame in a log line would name its request or tag alone."""
    assert repr(SUBMIT) == "Submit(request=7)"
    assert repr(DELIVER) == "Deliver(tag=9)"


def test_each_refusal_has_the_number_of_the_spec() -> None:
    """Six reasons, numbered from 1 in the order of delivery.md, section 3."""
    names = ["NO_DROP", "FULL", "RETRY", "BAD_ENVELOPE", "BAD_TTL", "SLOW_DOWN"]
    assert [(reason.name, int(reason)) for reason in RefusalReason] == [
        (name, number) for number, name in enumerate(names, 1)
    ]


def test_a_refusal_hints_at_nothing_unless_told() -> None:
    """Without a hint the wait is zero seconds."""
    assert decode_to_client(encode_refused(RefusalReason.FULL, 7)) == Refused(
        RefusalReason.FULL, 7, 0
    )


@pytest.mark.parametrize(("reference", "identifier"), [(16, 15), (16, 17), (15, 16), (17, 16)])
def test_a_delivery_names_drop_and_envelope_in_full(reference: int, identifier: int) -> None:
    """One byte more or less of either is refused: packed, it would be padded or cut."""
    with pytest.raises(FieldOutOfRange):
        frames.deliver_frame(
            DeliverFlags.LIVE,
            1,
            1,
            DropReference(bytes(reference)),
            EnvelopeId(bytes(identifier)),
            bytes(4096),
        )


def test_a_live_delivery_has_no_flag() -> None:
    """The flags are bits: none of them is set."""
    assert (DeliverFlags.LIVE, DeliverFlags.BACKLOG, DeliverFlags.EPHEMERAL) == (0, 1, 2)
