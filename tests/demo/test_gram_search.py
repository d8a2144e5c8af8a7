"""Tests of finding many patterns at once: the same as looking for each one by one."""

import random

import pytest
from hushpost_demo import gram_search
from hushpost_demo.gram_search import GramIndex
from hypothesis import given
from hypothesis import strategies as st


@given(st.binary(min_size=1, max_size=40), st.integers(0, 20), st.integers(0, 20))
def test_a_pattern_is_found_wherever_it_stands(pattern: bytes, before: int, after: int) -> None:
    """Whatever its length and place, a pattern is found where it first stands."""
    data = b"\xa5" * before + pattern + b"\x5a" * after
    assert GramIndex([pattern]).search(data) == {pattern: data.find(pattern)}


@given(st.lists(st.binary(min_size=1, max_size=20), max_size=8), st.binary(max_size=400))
def test_it_finds_what_plain_search_finds(patterns: list[bytes], data: bytes) -> None:
    """The patterns found are exactly those that stand in the data."""
    wanted = {pattern for pattern in patterns if pattern in data}
    assert GramIndex(patterns).search(data).keys() == wanted


def test_patterns_across_windows_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pattern that lies across the border of two windows is found, at its place."""
    monkeypatch.setattr(gram_search, "WINDOW_BYTES", 64)
    chance = random.Random(7)
    data = bytearray(chance.randbytes(1000))
    pattern = chance.randbytes(33)
    for place in range(40, 900, 7):
        shown = bytes(data[:place]) + pattern + bytes(data[place:])
        assert GramIndex([pattern]).search(shown) == {pattern: place}


def test_case_is_ignored_if_asked() -> None:
    """With fold any mixture of capitals is found; without, only what was written."""
    assert GramIndex([b"Umbrella Stand"], fold=True).search(b"..uMBRELLA sTAND")
    assert not GramIndex([b"Umbrella Stand"]).search(b"..uMBRELLA sTAND")


def test_an_empty_pattern_is_refused() -> None:
    """What stands everywhere says nothing."""
    with pytest.raises(ValueError, match="everywhere"):
        GramIndex([b""])
