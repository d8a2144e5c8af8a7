"""Which of the disks that fit a moment are tried: all where there are few, else the nastiest.

With n changes that no sync covers there are 2**n disks, and more with torn writes. Where n is small
every combination is tried. Beyond: nothing kept, everything kept, each prefix (what an orderly disk
leaves), everything but one, one alone, and a sample; and writes torn between sectors.
"""

import random
from collections.abc import Iterator, Sequence
from itertools import combinations

from hushpost_proof.power.disk import Change, Torn, sectors_of

Choice = tuple[Sequence[Change], Torn]


def choices(
    unsure: Sequence[Change], chance: random.Random, *, exhaustive_max: int, sample: int
) -> Iterator[Choice]:
    """Give the combinations to try, each with the sectors of writes that were torn."""
    if len(unsure) <= exhaustive_max:
        for size in range(len(unsure) + 1):
            for kept in combinations(unsure, size):
                yield kept, {}
    else:
        yield from _adversarial(unsure)
        for _ in range(sample):
            share = chance.random()
            yield [change for change in unsure if chance.random() < share], {}
    for _ in range(min(sample, 4 * len(unsure))):
        torn = _torn(unsure, chance)
        if torn is not None:
            yield torn


def _adversarial(unsure: Sequence[Change]) -> Iterator[Choice]:
    for end in range(len(unsure) + 1):
        yield unsure[:end], {}
    for number in range(len(unsure)):
        yield [*unsure[:number], *unsure[number + 1 :]], {}
        yield [unsure[number]], {}


def _torn(unsure: Sequence[Change], chance: random.Random) -> Choice | None:
    """Tear one write of a prefix, or of any combination."""
    large = [change for change in unsure if len(sectors_of(change)) > 1]
    if not large:
        return None
    victim = chance.choice(large)
    sectors = list(sectors_of(victim))
    reached = frozenset(chance.sample(sectors, chance.randrange(1, len(sectors))))
    if chance.random() < 0.5:
        kept = [change for change in unsure if change.position <= victim.position]
    else:
        kept = [change for change in unsure if change is victim or chance.random() < 0.5]
    return kept, {victim.position: reached}
