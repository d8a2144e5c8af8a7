"""Which disks are tried: all where there are few, the nasty ones where there are many."""

import random

from hushpost_proof.power.choices import choices
from hushpost_proof.power.disk import Change
from hushpost_proof.power.recording import Kind, Operation


def changes(count: int, size: int = 10) -> list[Change]:
    """Make writes that no sync covers."""
    return [
        Change(place, Operation(Kind.WRITTEN, 1, 0, "", bytes(size)), 1) for place in range(count)
    ]


def kept(count: int, exhaustive_max: int, sample: int = 0) -> list[tuple[int, ...]]:
    """Give the positions that each choice keeps."""
    found = choices(changes(count), random.Random(1), exhaustive_max=exhaustive_max, sample=sample)
    return [tuple(change.position for change in chosen) for chosen, _ in found]


def test_few_changes_are_tried_in_every_combination() -> None:
    """Six changes make 64 disks, each once, the emptiest first."""
    tried = kept(6, 6)
    assert len(tried) == len(set(tried)) == 64
    assert tried[0] == ()


def test_of_many_changes_the_nasty_ones_are_tried() -> None:
    """None, all, every prefix, each alone, each missing, and a sample."""
    tried = set(kept(9, 4, sample=20))
    everything = tuple(range(9))
    assert {everything[:end] for end in range(10)} <= tried
    assert {(one,) for one in everything} <= tried
    assert {tuple(x for x in everything if x != one) for one in everything} <= tried
    assert len(tried) > 28


def test_writes_are_torn_between_sectors() -> None:
    """Some sectors of a large write reach the disk and some do not; small ones are not torn."""
    found = choices(changes(3, 4096), random.Random(1), exhaustive_max=3, sample=9)
    torn = [sectors for _, one in found for sectors in one.values()]
    assert torn
    assert all(0 < len(sectors) < 8 for sectors in torn)
    small = choices(changes(3, 100), random.Random(1), exhaustive_max=3, sample=9)
    assert not any(one for _, one in small)
