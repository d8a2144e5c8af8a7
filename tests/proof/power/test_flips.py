"""Flipped bytes reach every page, and change one byte each."""

import random
from pathlib import Path

from hushpost_proof.power.flips import Flip, Tally, contents, flips


def test_every_page_is_flipped_at_its_head_and_elsewhere(tmp_path: Path) -> None:
    """Each page of each file, the header byte by byte; a flip changes the byte it names."""
    (tmp_path / "a").write_bytes(bytes(10_000))
    (tmp_path / "b").write_bytes(bytes(50))
    chosen = flips(tmp_path, ["a", "b"], 4096, random.Random(1), 2)
    pages = {(flip.name, flip.place // 4096) for flip in chosen}
    assert pages == {("a", 0), ("a", 1), ("a", 2), ("b", 0)}
    assert {flip.place for flip in chosen if flip.name == "a"} >= set(range(100))
    for flip in chosen:
        before = contents(tmp_path)
        flip.apply(tmp_path)
        after = contents(tmp_path)
        differ = [
            (name, place)
            for name in before
            for place in range(len(before[name]))
            if before[name][place] != after[name][place]
        ]
        assert differ == [(flip.name, flip.place)]
        if len(chosen) > 40 and chosen.index(flip) > 8:
            break


def test_a_tally_keeps_the_first_that_was_bad() -> None:
    """Outcomes are counted, and the first bad one says where it was."""
    tally = Tally()
    tally.note(Flip("a", 1, 2), "reported")
    tally.note(Flip("a", 3, 4), "SERVED", is_bad=True)
    tally.note(Flip("a", 5, 4), "LOST", is_bad=True)
    assert (tally.outcomes.total(), tally.bad) == (3, 2)
    assert tally.first == "a byte 3 ^ 0x04: SERVED"
