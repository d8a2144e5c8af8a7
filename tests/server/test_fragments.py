"""Tests of hushpost_server.fragments."""

from __future__ import annotations

from hushpost_server.fragments import FRAGMENTS_MAX, Fragments


def test_pieces_make_one_message_of_the_first_ones_kind() -> None:
    """Nothing comes before the last piece, and the next message starts afresh."""
    fragments = Fragments()
    fragments.begin(is_text=True)
    assert fragments.add(b"a", last=False) is None
    assert fragments.add(b"", last=False) is None
    assert fragments.add(b"b", last=True) == (True, b"ab")
    assert fragments.add(b"stray", last=True) is None
    fragments.begin(is_text=False)
    assert fragments.add(b"c", last=True) == (False, b"c")


def test_more_pieces_than_the_bound_are_no_message() -> None:
    """The bound itself still passes; beyond it not even a last piece helps."""
    fragments = Fragments()
    fragments.begin(is_text=False)
    for _ in range(FRAGMENTS_MAX):
        fragments.add(b"", last=False)
    assert not fragments.too_many
    assert fragments.add(b"", last=True) is None
    assert fragments.too_many
