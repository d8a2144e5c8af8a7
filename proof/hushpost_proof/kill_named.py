"""Relay and clients killed at named points, one point after another, while people write.

Each life is told the point and the pass at which to kill itself (`harness.mortality`); the next one
goes on from what is left and is told the next point. People talk through the relay meanwhile;
newcomers come, do what people do rarely, and go. In the end the judges of `kill` decide, and what a
life left undone for good shows as a message that never arrives or a newcomer that never ends.
"""

import asyncio
import random
import signal
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from hushpost_proof.harness.lives import Nursery, nursery
from hushpost_proof.harness.mortality import DOOM_VARIABLE, PASSES_VARIABLE
from hushpost_proof.harness.person import Place
from hushpost_proof.harness.person_process import PersonDied, PersonProcess
from hushpost_proof.harness.recording_proxy import RecordingProxy
from hushpost_proof.harness.relay_process import RelayProcess
from hushpost_proof.harness.steady import Steady, steady_people
from hushpost_proof.kill import MEET_SECONDS_MAX, Outcome, Plan, each, judge
from hushpost_proof.kill_plans import OFTEN, NamedPlan

RELAY_PROGRAM: Final = "hushpost_proof.harness.mortal_relay"
PERSON_PROGRAM: Final = "hushpost_proof.harness.mortal_person"
NEWCOMER_PROGRAM: Final = "hushpost_proof.harness.newcomer"
# A life that has not come to its point so long after it was ready is ended where it stands, and
# counts as missed.
PATIENCE_SECONDS: Final = 6.0
READY_SECONDS_MAX: Final = 60.0
NEWCOMERS_AT_ONCE: Final = 2
# One life of a newcomer: its whole story takes two seconds where nothing is killed, and the relay
# dies every other second. A busy machine gets a hundred times that.
NEWCOMER_SECONDS_MAX: Final = 200.0


@dataclass(slots=True)
class Deaths:
    """What came of the lives."""

    at: Counter[str] = field(default_factory=Counter[str])
    missed: Counter[str] = field(default_factory=Counter[str])
    stuck: list[str] = field(default_factory=list[str])


@dataclass(frozen=True, slots=True)
class NamedOutcome:
    """What a run showed: the verdict of the judges, where lives ended, which points were passed."""

    outcome: Outcome
    deaths: Deaths
    passed: frozenset[str]

    @property
    def is_clean(self) -> bool:
        """Whether every promise was kept and every newcomer came to the end."""
        return self.outcome.is_clean and not self.deaths.stuck


async def run(plan: NamedPlan, folder: Path) -> NamedOutcome:
    """Carry out a plan in an empty folder."""
    place = Place(folder)
    place.make()
    for name in ("acts", "passes"):
        (folder / name).mkdir()
    async with nursery() as begin, _world(plan, place, begin) as world:
        await world.kill_all()
        await world.settle()
        deaths = world.deaths
        kills = (world.relay.kills, sum(deaths.at.values()))
    outcome = judge(Plan(plan.seed, plan.pairs), place, *kills)
    return NamedOutcome(outcome, deaths, passed_in(folder / "passes"))


def passed_in(folder: Path) -> frozenset[str]:
    """Return every point that any life has passed."""
    return frozenset(
        name for path in folder.iterdir() for name in path.read_text().splitlines() if name
    )


class World:
    """Relay, people and newcomers of one run, and what becomes of them."""

    def __init__(
        self,
        plan: NamedPlan,
        place: Place,
        begin: Nursery,
        relay: RelayProcess,
        persons: Sequence[PersonProcess],
        steady: Steady,
        url: str,
    ) -> None:
        self.relay = relay
        self.deaths = Deaths()
        self._plan = plan
        self._place = place
        self._begin = begin
        self._persons = persons
        self._steady = steady
        self._url = url
        self._chance = random.Random(plan.seed)
        self._lives = 0
        self._began = 0.0

    async def kill_all(self) -> None:
        """Kill at the points of the plan until none is left or the time is over."""
        self._began = asyncio.get_running_loop().time()
        talk, rare = list(self._plan.talk_points), list(self._plan.rare_points)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._kill_relay(list(self._plan.relay_points)))
            for number, person in enumerate(self._persons):
                if self._plan.is_one_away and number % 2:
                    group.create_task(self._keep_away(person))
                else:
                    group.create_task(self._kill_person(person, talk))
            for number in range(NEWCOMERS_AT_ONCE if rare else 0):
                group.create_task(self._newcomers(rare[number::NEWCOMERS_AT_ONCE], f"new{number}"))

    async def settle(self) -> None:
        """Let everybody finish what is left to do."""
        self._place.tell("quiet")
        # Who does not settle is not waited for: the checker then says what is missing.
        with suppress(TimeoutError):
            async with asyncio.timeout(self._plan.settle_seconds):
                await each(self._persons, lambda one: one.word("settled"))
            self._place.tell("end")
            await each(self._persons, lambda one: one.end())

    @property
    def _has_time(self) -> bool:
        gone = asyncio.get_running_loop().time() - self._began
        return self._plan.goes_on(gone, sum(self.deaths.at.values()))

    async def _kill_relay(self, points: list[str]) -> None:
        relay = self.relay
        await relay.stop()
        while points and self._has_time:
            point = points.pop()
            life = await relay.begin(self._doom(point))
            assert life.stdout is not None
            try:
                async with asyncio.timeout(READY_SECONDS_MAX):
                    # Where it listens; nothing if it died before.
                    await life.stdout.readline()
                async with asyncio.timeout(PATIENCE_SECONDS):
                    self._died(point, await relay.died(), "relay")
            except TimeoutError:
                self.deaths.missed[point] += 1
                await relay.kill()
            await asyncio.sleep(self._chance.uniform(0, 0.05))
        await relay.start(self._doom(""))

    async def _kill_person(self, person: PersonProcess, points: list[str]) -> None:
        await person.kill()
        while points and self._has_time:
            point = points.pop()
            await person.start(self._doom(point))
            try:
                async with asyncio.timeout(READY_SECONDS_MAX):
                    with suppress(PersonDied):
                        await person.word("open")
                async with asyncio.timeout(PATIENCE_SECONDS):
                    self._died(point, await person.died(), person.name)
            except TimeoutError:
                self.deaths.missed[point] += 1
                await person.kill()
            await asyncio.sleep(self._chance.uniform(0, 0.05))
        await person.start(self._doom(""))

    async def _keep_away(self, person: PersonProcess) -> None:
        await person.kill()
        while self._has_time:  # noqa: ASYNC110 - time sets no event
            await asyncio.sleep(0.1)
        await person.start(self._doom(""))

    async def _newcomers(self, points: list[str], name: str) -> None:
        """Have newcomers live one after another, each killed at what lies ahead of it."""
        number = 0
        ahead = list(points)
        while ahead and self._has_time:
            number += 1
            tried = len(ahead)
            ahead = await self._newcomer(f"{name}.{number}", ahead)
            if len(ahead) == tried:
                self.deaths.missed.update(ahead)
                return

    async def _newcomer(self, name: str, points: list[str]) -> list[str]:
        """Let one live to its end, killed at each point in turn; return the points not reached."""
        person = PersonProcess(
            self._place,
            name,
            self._steady.address,
            self._url,
            self._plan.seed,
            program=NEWCOMER_PROGRAM,
            begin=self._begin,
            environment=dict(self._plan.client_environment),
        )
        left = list(points)
        tried: list[str] = []
        try:
            while True:
                point = left.pop(0) if left and self._has_time else ""
                await person.start(self._doom(point, passes=1))
                async with asyncio.timeout(NEWCOMER_SECONDS_MAX):
                    status = await self._life_of(person)
                if status == 0:
                    tried += [point] if point else []
                    return [*tried, *left]
                self._died(point, status, name)
                if status != -signal.SIGKILL:
                    return left  # whatever ended it would end the next life too
        except TimeoutError:
            self.deaths.stuck.append(f"{name} did not come to the end")
            return left
        finally:
            await person.clear_away()

    async def _life_of(self, person: PersonProcess) -> int:
        knocking = asyncio.create_task(self._knock_when_asked(person))
        try:
            return await person.died()
        finally:
            knocking.cancel()
            await asyncio.gather(knocking, return_exceptions=True)

    async def _knock_when_asked(self, person: PersonProcess) -> None:
        await person.word("stranger")
        await self._steady.knock(self._place.address(person.name).read_text())

    def _died(self, point: str, status: int, who: str) -> None:
        if status == -signal.SIGKILL:
            self.deaths.at[point] += 1
        else:
            self.deaths.stuck.append(f"{who} ended by itself ({status}) on the way to {point!r}")

    def _doom(self, point: str, *, passes: int | None = None) -> dict[str, str]:
        self._lives += 1
        highest = self._plan.pass_max if point.startswith(OFTEN) else 1
        number = passes or self._chance.randint(1, highest)
        return {
            DOOM_VARIABLE: f"{point}|{number}",
            PASSES_VARIABLE: str(self._place.folder / "passes" / str(self._lives)),
        }


@asynccontextmanager
async def _world(plan: NamedPlan, place: Place, begin: Nursery) -> AsyncGenerator[World]:
    """Have people who have met, a relay between them, and steady people for the newcomers."""
    folder = place.folder
    async with RecordingProxy(folder / "wire") as proxy:
        relay = RelayProcess(
            folder,
            public_host=proxy.host,
            environment={"HUSHPOST_RELAY_SWEEP_INTERVAL_SECONDS": "1"}
            | dict(plan.relay_environment),
            program=RELAY_PROGRAM,
            begin=begin,
        )
        proxy.lead_to(relay.port)
        persons = _people(plan, place, proxy.url, begin)
        await relay.start({PASSES_VARIABLE: str(folder / "passes" / "first-relay")})
        try:
            async with steady_people(place, proxy.url, newcomers=bool(plan.rare_points)) as steady:
                for person in persons:
                    passes = str(folder / "passes" / f"first-{person.name}")
                    await person.start({PASSES_VARIABLE: passes})
                async with asyncio.timeout(MEET_SECONDS_MAX):
                    await each(persons, lambda one: one.word("open"))
                yield World(plan, place, begin, relay, persons, steady, proxy.url)
        finally:
            await each(persons, lambda one: one.clear_away())
            await relay.kill()


def _people(plan: NamedPlan, place: Place, url: str, begin: Nursery) -> list[PersonProcess]:
    names = [(f"left{number}", f"right{number}") for number in range(plan.pairs)]
    return [
        PersonProcess(
            place,
            name,
            peer,
            url,
            plan.seed,
            program=PERSON_PROGRAM,
            begin=begin,
            environment=dict(plan.client_environment),
        )
        for pair in names
        for name, peer in (pair, pair[::-1])
    ]
