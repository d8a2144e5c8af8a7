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
from hushpost_proof.redis_faults.crowd import (
    STILL_SECONDS,
    STILL_SECONDS_MAX,
    Crowd,
    Figures,
    Side,
    crowd,
)
from hushpost_proof.redis_faults.service import Service

# Before the first blow and after the last, so that mail is under way and recovery can be seen.
FAIR_SECONDS: Final = 1.0
# Durabilities for which any failover may cost what was accepted last.
FAILOVER_COSTS: Final = frozenset({"synced"})
# Who owns the mailboxes; the same all along where there is no cluster.
Owners = Callable[[], Awaitable[frozenset[str]]]


async def one_owner() -> frozenset[str]:
    """Return the owner where there is one server."""
    return frozenset({"the server"})


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
    """What one fault did to the crowd of one durability.

    `was_unasked`: a cluster on a machine too busy to answer replaced a primary by itself, which no
    blow of ours did; what a failover may cost it cost then.
    """

    fault: Fault
    durability: str
    figures: Figures
    was_unasked: bool = False

    @property
    def row(self) -> Row:
        """Return the line of the table: no double ever; no loss where none is allowed."""
        figures = self.figures
        holds = figures.is_whole
        may_lose = FAILOVER_COSTS if self.was_unasked else self.fault.may_lose
        if self.durability in may_lose:
            holds = not (figures.doubled or figures.other) and None not in figures.recovered
        holds = holds and figures.blows == self.fault.times
        unasked = "; the cluster replaced a primary by itself" if self.was_unasked else ""
        found = figures.told() + unasked
        return Row(f"{self.fault.name}, {self.durability}", figures.blows, found, holds)


async def walk(
    faults: Sequence[Fault],
    service: Service,
    nodes: Mapping[str, Sequence[str]],
    *,
    folder: Path,
    seed: int,
    pairs: int = 3,
    owners: Owners = one_owner,
) -> list[Leg]:
    """Let one fault after another fall; `nodes`: which relays each durability has."""
    legs: list[Leg] = []
    for number, fault in enumerate(faults):
        sides = {
            durability: Side(durability, service.urls(*names), pairs)
            for durability, names in nodes.items()
        }
        before = await owners()
        figures = await _fall(fault, sides, folder / f"{number}", seed + number)
        was_unasked = not fault.may_lose and await owners() != before
        for durability, found in figures.items():
            leg = Leg(fault, durability, found, was_unasked)
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
        settled = await asyncio.gather(
            *(
                each.settle(
                    still_seconds=STILL_SECONDS if name in fault.may_lose else STILL_SECONDS_MAX
                )
                for name, each in crowds.items()
            )
        )
        return dict(zip(crowds, settled, strict=True))


def people_row(outcome: Outcome, faults: int) -> Row:
    """Return the line of the real people, who went through all faults."""
    tried = "through all of these: real clients at any relay, keys audited"
    return Row(tried, faults, told(outcome), is_whole(outcome))
