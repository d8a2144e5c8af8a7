"""Rows packed as the scripts pack them, and what cannot be unpacked."""

from __future__ import annotations

import pytest
from hushpost_store import errors
from hushpost_store.conformance.stage import digest
from hushpost_store.contents import KeptDrop
from hushpost_store.redis import layout
from hushpost_store.redis.answers import queued_envelope
from hushpost_store.rows import DeviceListRow, DropKind, ExpiredDrop

from tests.store.held import queued


def test_an_envelope_comes_back_from_its_head_and_body() -> None:
    """Both readers of the same head agree; a body of another length is damage."""
    row = queued(7)
    head, body = layout.packed_head(row), row.envelope[: -layout.TAIL_BYTES]
    assert layout.unpacked_envelope(row.envelope_id, head, body) == row
    assert queued_envelope([7, row.envelope_id, head, body]) == row
    with pytest.raises(errors.StoreDamaged):
        layout.unpacked_envelope(row.envelope_id, head, body[1:])
    with pytest.raises(errors.StoreDamaged):
        layout.unpacked_envelope(row.envelope_id, head[:10], body)


@pytest.mark.parametrize("used_by", [None, digest("user")[:16]])
def test_a_drop_comes_back_with_its_mark(used_by: bytes | None) -> None:
    """Kind, end and the envelope that used it; anything shorter or of another kind is damage."""
    drop = KeptDrop(digest("drop"), DropKind.ONCE, 480_000, used_by)
    name, value = layout.packed_drop(drop)
    assert (name, layout.unpacked_drop(name, value)) == (digest("drop")[:16], drop)
    for broken in (value[:20], value[:16] + b"\x09" + value[17:]):
        with pytest.raises(errors.StoreDamaged):
            layout.unpacked_drop(name, broken)


def test_lists_and_notices_come_back() -> None:
    """A list with its head, a notice with its counts; what is cut off is damage."""
    row = DeviceListRow(3, digest("head"), b"record")
    assert layout.unpacked_list(3, layout.packed_list(row)) == row
    drops = (ExpiredDrop(digest("a")[:16], 2), ExpiredDrop(digest("b")[:16], 1))
    assert layout.unpacked_notice(layout.packed_notice(drops)) == drops
    with pytest.raises(errors.StoreDamaged):
        layout.unpacked_list(3, b"abc")
    with pytest.raises(errors.StoreDamaged):
        layout.unpacked_notice(layout.packed_notice(drops)[:-1])
