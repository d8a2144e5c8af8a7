"""People, relay and network disturbed without anybody dying: stopped, cut, slowed, swallowed.

Processes are stopped by SIGSTOP for longer than every timeout and go on by SIGCONT; connections run
through a proxy that breaks them (`harness.faulty_proxy`). In between the weather is fair.
"""

import asyncio
import signal
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from hushpost_proof.conversation import Scene, Setting, conversation
from hushpost_proof.harness.defects import DEFECT_VARIABLE
from hushpost_proof.harness.faulty_proxy import Weather
from hushpost_proof.harness.impatience import (
    IMPATIENT_VARIABLE,
    LONGER_THAN_ALL_REAL_SECONDS,
    LONGER_THAN_ALL_SECONDS,
    RELAY_SETTINGS,
)
from hushpost_proof.kill import Outcome

FAULTS: Final = tuple(weather for weather in Weather if weather is not Weather.FAIR)
SPELL_SECONDS: Final = 1.2
FAIR_SECONDS: Final = 0.6
LONG_SPELL_SECONDS: Final = 90.0


@dataclass(frozen=True, slots=True)
class Forecast:
    """What falls: each fault for so long, `rounds` times; with timeouts shortened or real ones."""

    seed: int
    faults: tuple[Weather, ...] = FAULTS
    rounds: int = 1
    spell_seconds: float = SPELL_SECONDS
    stops: bool = True
    is_impatient: bool = True
    defect: str = ""

    @property
    def stop_seconds(self) -> float:
        """How long a stopped process stays so."""
        return LONGER_THAN_ALL_SECONDS if self.is_impatient else LONGER_THAN_ALL_REAL_SECONDS


@dataclass(slots=True)
class Damage:
    """What was done, and what the judges found."""

    struck: Counter[Weather] = field(default_factory=Counter[Weather])
    stops: int = 0
    outcome: Outcome | None = None


async def run(forecast: Forecast, folder: Path) -> Damage:
    """Carry out a forecast in an empty folder."""
    people = {DEFECT_VARIABLE: forecast.defect} if forecast.defect else {}
    if forecast.is_impatient:
        people[IMPATIENT_VARIABLE] = "1"
    setting = Setting(
        forecast.seed,
        relay=RELAY_SETTINGS if forecast.is_impatient else {},
        people=people,
        settle_seconds=15.0 if forecast.defect else 120.0,
    )
    damage = Damage()
    async with conversation(setting, folder) as scene:
        for _ in range(forecast.rounds):
            for fault in forecast.faults:
                await _let_fall(scene, fault, forecast.spell_seconds)
            if forecast.stops:
                damage.stops += await _stop(scene, forecast.stop_seconds)
        damage.outcome = await scene.settle()
        damage.struck = scene.proxy.struck
    return damage


async def _let_fall(scene: Scene, fault: Weather, seconds: float) -> None:
    scene.proxy.weather = fault
    await asyncio.sleep(seconds)
    scene.proxy.weather = Weather.FAIR
    await asyncio.sleep(FAIR_SECONDS)


async def _stop(scene: Scene, seconds: float) -> int:
    """Stop the relay, then one of each pair; return how many were stopped."""
    halted = scene.persons[::2]
    scene.relay.send(signal.SIGSTOP)
    await asyncio.sleep(seconds)
    scene.relay.send(signal.SIGCONT)
    await asyncio.sleep(FAIR_SECONDS)
    for person in halted:
        person.send(signal.SIGSTOP)
    await asyncio.sleep(seconds)
    for person in halted:
        person.send(signal.SIGCONT)
    await asyncio.sleep(FAIR_SECONDS)
    return 1 + len(halted)
