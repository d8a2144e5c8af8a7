"""Real clients with vaults who write to each other through any of several relays.

They are the people of the kill test, behind one place that leads each connection to any relay. The
history checker and the audit of keys judge them as they judge that test.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hushpost_proof.harness.impatience import IMPATIENT_VARIABLE
from hushpost_proof.harness.lives import Beginner
from hushpost_proof.harness.person import Place
from hushpost_proof.harness.person_process import PersonProcess
from hushpost_proof.kill import MEET_SECONDS_MAX, Outcome, Plan, each, judge
from hushpost_proof.kill_named import PERSON_PROGRAM
from hushpost_proof.redis_faults.roving_proxy import RovingProxy

SETTLE_SECONDS_MAX: Final = 90.0


@dataclass(frozen=True, slots=True)
class People:
    """Pairs under way. `settle` once, when the faults are over."""

    seed: int
    place: Place
    persons: Sequence[PersonProcess]

    async def settle(self) -> Outcome:
        """Let everybody finish, and judge what was said."""
        self.place.tell("quiet")
        # Who does not settle is not waited for: the checker then says what is missing.
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_SECONDS_MAX):
                await each(self.persons, lambda one: one.word("settled"))
            self.place.tell("end")
            await each(self.persons, lambda one: one.end())
        return judge(Plan(self.seed, len(self.persons) // 2), self.place, 0, 0)


@asynccontextmanager
async def people(
    folder: Path, proxy: RovingProxy, begin: Beginner, *, pairs: int, seed: int
) -> AsyncGenerator[People]:
    """Have so many pairs who have met; whatever happens, no process of theirs is left."""
    place = Place(folder)
    place.make()
    persons = [
        PersonProcess(
            place,
            name,
            peer,
            proxy.url,
            seed,
            program=PERSON_PROGRAM,
            begin=begin,
            environment={IMPATIENT_VARIABLE: "1"},
        )
        for number in range(pairs)
        for name, peer in (
            (f"left{number}", f"right{number}"),
            (f"right{number}", f"left{number}"),
        )
    ]
    try:
        await each(persons, lambda one: one.start())
        async with asyncio.timeout(MEET_SECONDS_MAX):
            await each(persons, lambda one: one.word("open"))
        yield People(seed, place, persons)
    finally:
        await each(persons, lambda one: one.clear_away())
