"""A course of faults: one service, real people all along, and a fresh crowd for each fault.

The crowds give each fault its own figures, for each durability at once; the real people go through
all of them and are judged at the end, keys included.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hushpost_proof.claim import Row
from hushpost_proof.conversation import is_whole, told
from hushpost_proof.kill import Outcome
from hushpost_proof.redis_faults.crowd import Crowd, Figures, Side, crowd
from hushpost_proof.redis_faults.service import Service

# Before the first blow and after the last, so that mail is under way and recovery can be seen.
FAIR_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of blow. `strike` ends when what was struck is whole again.

    `may_lose` names the durabilities for which a failover may cost what was accepted last.
    """

    name: str
    strike: Callable[[Sequence[bytes]], Awaitable[None]]
    times: int = 1
    may_lose: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Leg:
    """What one fault did to the crowd of one durability."""

    fault: Fault
    durability: str
    figures: Figures

    @property
    def row(self) -> Row:
        """Return the line of the table: no double ever; no loss where none is allowed."""
        figures = self.figures
        holds = figures.is_whole
        if self.durability in self.fault.may_lose:
            holds = not (figures.doubled or figures.other) and None not in figures.recovered
        holds = holds and figures.blows == self.fault.times
        return Row(f"{self.fault.name}, {self.durability}", figures.blows, figures.told(), holds)


async def walk(
    faults: Sequence[Fault],
    service: Service,
    nodes: Mapping[str, Sequence[str]],
    *,
    folder: Path,
    seed: int,
    pairs: int = 3,
) -> list[Leg]:
    """Let one fault after another fall; `nodes`: which relays each durability has."""
    legs: list[Leg] = []
    for number, fault in enumerate(faults):
        sides = {
            durability: Side(durability, service.urls(*names), pairs)
            for durability, names in nodes.items()
        }
        figures = await _fall(fault, sides, folder / f"{number}", seed + number)
        for durability, found in figures.items():
            leg = Leg(fault, durability, found)
            legs.append(leg)
            # For who waits for a long run; the rows come at its end.
            print(f"{leg.row.tried}: {leg.row.found}", file=sys.stderr, flush=True)
    return legs


async def _fall(
    fault: Fault, sides: Mapping[str, Side], folder: Path, seed: int
) -> dict[str, Figures]:
    async with AsyncExitStack() as stack:
        crowds: dict[str, Crowd] = {}
        for name, side in sides.items():
            made = crowd(folder / name, [side], seed)
            crowds[name] = await stack.enter_async_context(made)
        await asyncio.sleep(FAIR_SECONDS)
        routes = [one.device.route for each in crowds.values() for one in each.everybody]
        for _ in range(fault.times):
            for each in crowds.values():
                each.strike()
            await fault.strike(routes)
            await asyncio.sleep(FAIR_SECONDS)
        settled = await asyncio.gather(*(each.settle() for each in crowds.values()))
        return dict(zip(crowds, settled, strict=True))


def people_row(outcome: Outcome, faults: int) -> Row:
    """Return the line of the real people, who went through all faults."""
    tried = "through all of these: real clients at any relay, keys audited"
    return Row(tried, faults, told(outcome), is_whole(outcome))
