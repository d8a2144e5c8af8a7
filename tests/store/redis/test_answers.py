"""What scripts answer, read into nouns; anything else is a fault and never a value."""

from struct import pack

import pytest
from hushpost_store import errors
from hushpost_store.redis import answers, layout
from hushpost_store.redis.command import ServerError
from hushpost_store.rows import DeviceListRow, ExpiredDrop, QueuedEnvelope
from hypothesis import given
from hypothesis import strategies as st

ID = b"i" * 16
REF = b"r" * 16


def test_an_envelope_is_put_together_from_body_and_tail() -> None:
    """The head carries the place and the envelope's last bytes."""
    sent = QueuedEnvelope(7, ID, REF, 480_024, b"body" + b"tail" * 4)
    assert answers.queued_envelope([7, ID, layout.packed_head(sent), b"body"]) == sent


@given(st.integers(0, 18 + 36 + 16), st.integers(0, 7))
def test_an_envelope_with_a_flipped_bit_is_damaged(place: int, bit: int) -> None:
    """In its id, its head, its body or its tail; so is one that lies under another sequence."""
    sent = QueuedEnvelope(7, ID, REF, 480_024, b"bod" + b"tail" * 4)
    parts = bytearray(ID + b"bod" + layout.packed_head(sent))
    parts[place] ^= 1 << bit
    with pytest.raises(errors.StoreDamaged):
        answers.queued_envelope([7, bytes(parts[:16]), bytes(parts[19:]), bytes(parts[16:19])])
    with pytest.raises(errors.StoreDamaged):
        answers.queued_envelope([8, ID, layout.packed_head(sent), b"bod"])
    with pytest.raises(errors.StoreDamaged):
        answers.queued_envelope([7, ID, b"short", b"bod"])


def test_notices_are_read_with_their_drops() -> None:
    """Each is a number and packed pairs of reference and count."""
    packed = pack(">16sI16sI", REF, 2, ID, 5)
    (notice,) = answers.expired_notices([[3, packed]])
    assert notice.notice_id == 3
    assert notice.drops == (ExpiredDrop(REF, 2), ExpiredDrop(ID, 5))


def test_an_account_is_read_from_its_fields() -> None:
    """Devices come in their order; no fields are no account."""
    flat = {
        b"genesis": b"g", b"created_day": b"20000", b"version": b"2", b"head": b"h",
        b"record": b"rec", b"devices": b"1", b"device_id:1": ID, b"device_key:1": b"k",
        b"route:1": REF, b"number:x": b"1",
    }  # fmt: skip
    row = answers.account_row(b"a" * 32, [part for pair in flat.items() for part in pair])
    assert row is not None
    assert row.device_list == DeviceListRow(2, b"h", b"rec")
    assert row.devices[0].route == REF
    assert answers.account_row(b"a" * 32, []) is None


def test_device_lists_are_ordered_by_version() -> None:
    """Redis keeps them in no order."""
    packed = pack(">I", 1) + b"h" + b"record"
    lists = answers.device_lists([b"10", packed, b"9", packed])
    assert [row.version for row in lists] == [9, 10]
    assert (lists[0].head, lists[0].record) == (b"h", b"record")


def test_a_bundle_may_lack_records() -> None:
    """What ran out is None; an empty answer is no account."""
    taken = answers.taken_prekeys([[b"g", b"1", b"h", b"r"], [[ID, b"s", None, None, 4]]])
    assert taken is not None
    assert (taken.bundles[0].signed, taken.bundles[0].seal, taken.bundles[0].left) == (
        b"s",
        None,
        4,
    )
    assert answers.taken_prekeys([]) is None


@pytest.mark.parametrize(
    "read", [answers.number, answers.blob, answers.items, answers.fields, answers.numbers]
)
def test_what_is_of_another_kind_is_a_fault(read: object) -> None:
    """A reader never passes on what it did not expect."""
    assert callable(read)
    with pytest.raises(ServerError):
        read(1.5)
    with pytest.raises(ServerError):
        answers.numbers([b"x"])


@pytest.mark.parametrize("field", [b"devices", b"version", b"genesis", b"route:1"])
def test_half_an_account_is_damaged(field: bytes) -> None:
    """What lacks a field, or has no number where one belongs, is no account and no absence."""
    flat = {
        b"genesis": b"g", b"created_day": b"20000", b"version": b"2", b"head": b"h",
        b"record": b"rec", b"devices": b"1", b"device_id:1": ID, b"device_key:1": b"k",
        b"route:1": REF,
    }  # fmt: skip
    less = [part for name, value in flat.items() if name != field for part in (name, value)]
    with pytest.raises(errors.StoreDamaged):
        answers.account_row(b"a" * 32, less)


def test_half_a_list_or_bundle_is_damaged() -> None:
    """It is a fault that can be asked again, and never an older list."""
    for flat in ([b"1", b"\0"], [b"one", pack(">I", 0)]):
        with pytest.raises(errors.StoreDamaged):
            answers.device_lists(flat)
    with pytest.raises(errors.StoreDamaged):
        answers.taken_prekeys([[b"g", None, b"h", b"r"], []])
    assert answers.expired_notices([[3, b"odd"]]) == ()
