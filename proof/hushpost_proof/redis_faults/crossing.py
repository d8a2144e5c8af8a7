"""How long mail takes from one relay to the other, whatever becomes of the hints between them."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hushpost_proof.claim import Effort, Row
from hushpost_proof.redis_faults.crowd import Figures, crowd
from hushpost_proof.redis_faults.delays import Spread, spread
from hushpost_proof.redis_faults.office import Office
from hushpost_proof.redis_faults.redis_proxy import Trouble

# What a lost hint may cost: docs/spec/store.md, "Many relays".
LOST_HINT_SECONDS_MAX: Final = 2.0
SPELL_SECONDS: Final = 2.5
LONG_SPELL_SECONDS: Final = 45.0
# What takes longer is tried again: a busy machine stands still for a second now and then, and not
# each time; a relay that does not look is late each time.
TRIES_MAX: Final = 3


@dataclass(frozen=True, slots=True)
class Crossing:
    """One try: `waits` are counted from ACCEPTED. `is_whole`: all came, and hints were struck."""

    figures: Figures
    waits: Spread
    struck: int
    is_whole: bool

    @property
    def is_in_time(self) -> bool:
        """Whether none took longer than a lost hint may cost."""
        return self.waits.count > 0 and self.waits.longest < LOST_HINT_SECONDS_MAX

    def told(self) -> str:
        """Return the figures in a sentence."""
        struck = f"{self.struck} hints or channels struck"
        return f"{self.figures.told()}; after ACCEPTED {self.waits}; {struck}"


async def cross(place: Office, trouble: Trouble, effort: Effort, folder: Path) -> Row:
    """Have people at one relay write to people at the other under a trouble; judge the times."""
    tries: list[Crossing] = []
    while len(tries) < TRIES_MAX:
        here = folder / f"{trouble.name}{len(tries)}"
        tries.append(await _cross_once(place, trouble, effort, here))
        if tries[-1].is_in_time or not tries[-1].is_whole:
            break
    *late, last = tries
    before = "".join(f"; before that too late: {one.waits}" for one in late)
    name = "fair" if trouble is Trouble.NONE else trouble.value
    return Row(
        f"mail from relay to relay, wake-up channel: {name}",
        last.figures.sent,
        last.told() + before,
        last.is_whole and last.is_in_time,
    )


async def _cross_once(place: Office, trouble: Trouble, effort: Effort, folder: Path) -> Crossing:
    struck = place.struck
    place.let_fall(trouble)
    async with crowd(folder, [place.crossing], effort.seed) as pairs:
        await asyncio.sleep(LONG_SPELL_SECONDS if effort.is_long else SPELL_SECONDS)
        figures = await pairs.settle()
    place.let_fall(Trouble.NONE)
    struck = place.struck - struck
    waits = [max(0.0, one.seconds_after_acceptance or 0.0) for one in figures.passed]
    is_whole = figures.is_whole and (struck > 0) == (trouble is not Trouble.NONE)
    return Crossing(figures, spread(waits), struck, is_whole)
