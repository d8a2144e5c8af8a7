"""Pairs of people of the wire who write to each other through several relays, and their figures."""

import asyncio
import random
import secrets
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from hushpost_store.redis import connection
from hushpost_store.redis.command import SLOTS
from hushpost_store.redis.keys import mailbox_keys
from hushpost_wire.identifiers import ROUTE_BYTES, Route

from hushpost_proof.harness.journal import Journal, What, read_histories
from hushpost_proof.history import Fault, Report, check
from hushpost_proof.redis_faults.delays import Passage, Spread, passages, recovery, spread
from hushpost_proof.redis_faults.roving_person import STAY_SECONDS, RovingPerson

# Of one person. Twelve people keep relays and Redis busy, and two cores are not all used up.
MESSAGES_A_SECOND: Final = 12.0
SETTLE_SECONDS_MAX: Final = 150.0
# What has not moved for so long moves no more: three times the longest that a lost hint may cost.
STILL_SECONDS: Final = 6.0
# Where nothing may be lost, what is missing is waited for as a very busy machine needs.
STILL_SECONDS_MAX: Final = 30.0
_END_AGAIN_SECONDS: Final = 0.5
_LOOK_AGAIN_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Side:
    """People of one part of a crowd: where they connect, how many pairs, and how restless.

    `right_urls`: where the right one of each pair connects, if not where the left one does.
    `slots`: the first and the last slot in which their mailboxes may lie.
    """

    name: str
    urls: tuple[str, ...]
    pairs: int = 3
    stay_seconds: tuple[float, float] = STAY_SECONDS
    right_urls: tuple[str, ...] = ()
    slots: tuple[int, int] = (0, SLOTS - 1)


@dataclass(frozen=True, slots=True)
class Figures:
    """What a crowd went through. Times are seconds."""

    blows: int
    sent: int
    accepted: int
    received: int
    refused: int
    lost: int
    doubled: int
    other: int
    overtaken: int
    given_again: int
    posted_again: int
    took: Spread
    recovered: tuple[float | None, ...]
    report: Report = field(repr=False)
    passed: tuple[Passage, ...] = field(repr=False)

    @property
    def is_whole(self) -> bool:
        """Whether all that was sent was accepted and came once, and the crowd recovered."""
        return (
            self.accepted == self.received == self.sent > 0
            and not (self.lost or self.doubled or self.other)
            and None not in self.recovered
        )

    def told(self) -> str:
        """Return the figures in a sentence."""
        times = [f"{one:.1f}" if one is not None else "never" for one in self.recovered]
        recovered = f"; recovered after {', '.join(times)} s" if times else ""
        refused = f", {self.refused} refused" if self.refused else ""
        return (
            f"{self.sent} sent, {self.accepted} accepted, {self.received} delivered{refused};"
            f" {self.lost} lost, {self.doubled} doubled, {self.other} otherwise wrong;"
            f" on the wire {self.posted_again} posted again, {self.given_again} given again,"
            f" {self.overtaken} overtaken; delivered in {self.took}{recovered}"
        )


class Crowd:
    """The pairs of all sides. `strike` notes a blow."""

    def __init__(self, folder: Path, sides: Sequence[Side], chance: random.Random) -> None:
        self._history = folder / "history"
        self._sides = sides
        self._chance = chance
        self._journals: list[Journal] = []
        self._running: list[asyncio.Task[None]] = []
        self._writing: list[asyncio.Task[None]] = []
        self._blows: list[float] = []
        self.people: dict[str, list[RovingPerson]] = {}

    @property
    def everybody(self) -> list[RovingPerson]:
        """Return the people of all sides."""
        return [person for people in self.people.values() for person in people]

    async def register(self) -> None:
        """Make everybody's account, and a drop for each in the peer's mailbox."""
        self._history.mkdir(parents=True)
        for side in self._sides:
            people = self.people[side.name] = []
            for number in range(side.pairs):
                names = (f"{side.name}-left{number}", f"{side.name}-right{number}")
                people += await self._pair(side, names)

    async def _pair(self, side: Side, names: tuple[str, str]) -> list[RovingPerson]:
        pair: list[RovingPerson] = []
        for name, urls in zip(names, (side.urls, side.right_urls or side.urls), strict=True):
            journal = Journal(self._history, name, 1)
            self._journals.append(journal)
            person = RovingPerson(name, urls, journal, self._chance)
            person.stay_seconds = side.stay_seconds
            while not side.slots[0] <= slot_of(person.device.route) <= side.slots[1]:
                person.device.route = Route(secrets.token_bytes(ROUTE_BYTES))
            await person.register()
            pair.append(person)
        await pair[0].befriend(pair[1])
        await pair[1].befriend(pair[0])
        return pair

    def begin(self, *, listen: bool = True) -> None:
        """Have everybody post and read, and write at random moments."""
        start = asyncio.get_running_loop().create_task
        for person in self.everybody:
            self._running.append(start(person.post()))
            if listen:
                self._running.append(start(person.listen()))
            self._writing.append(start(self._write(person)))

    def listen(self) -> None:
        """Have everybody read who did not yet."""
        start = asyncio.get_running_loop().create_task
        self._running += [start(person.listen()) for person in self.everybody]

    def strike(self) -> None:
        """Note that a fault begins now."""
        self._blows.append(time.monotonic())

    async def until_accepted(self, count: int) -> None:
        """Wait until relays have accepted so many, however slow the machine is."""
        async with asyncio.timeout(SETTLE_SECONDS_MAX):
            while (  # noqa: ASYNC110 - no event of ours
                sum(one.written - len(one.outbox.letters) for one in self.everybody) < count
            ):
                await asyncio.sleep(_LOOK_AGAIN_SECONDS)

    async def settle(
        self, seconds_max: float = SETTLE_SECONDS_MAX, still_seconds: float = STILL_SECONDS_MAX
    ) -> Figures:
        """Have nothing more written, wait until all has come or nothing comes any more; judge.

        `still_seconds`: how long nothing may come; STILL_SECONDS is enough where mail may be lost.
        """
        for task in self._writing:
            task.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds_max):
                await self._stillness(still_seconds)
        await self.end()
        return self._figures()

    async def end(self) -> None:
        """Stop everybody; whoever failed over a relay's answer fails the experiment."""
        if not self._journals:
            return
        tasks = [*self._writing, *self._running]
        self._writing, self._running = [], []
        problems: list[BaseException] = []
        while tasks:
            for task in tasks:
                # Again, until it is heard: a connection that ends in that moment swallows one.
                task.cancel()
            done, _ = await asyncio.wait(tasks, timeout=_END_AGAIN_SECONDS)
            problems += [problem for task in done if (problem := _problem(task)) is not None]
            tasks = [task for task in tasks if not task.done()]
        for person in self.everybody:
            person.journal.write(What.ENDED)
        for journal in self._journals:
            journal.__exit__(None, None, None)
        self._journals.clear()
        for problem in problems:
            raise problem

    async def _write(self, person: RovingPerson) -> None:
        while True:
            await asyncio.sleep(self._chance.expovariate(MESSAGES_A_SECOND))
            person.write()

    async def _stillness(self, still_seconds: float) -> None:
        moved, at = -1, time.monotonic()
        while not all(person.is_settled for person in self.everybody):
            done = sum(
                one.received + one.written - len(one.outbox.letters) for one in self.everybody
            )
            if done != moved:
                moved, at = done, time.monotonic()
            is_posted = not any(person.outbox.letters for person in self.everybody)
            if is_posted and time.monotonic() - at > still_seconds:
                return
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)

    def _figures(self) -> Figures:
        histories = read_histories(self._history)
        report = check(histories)
        passed = passages(histories)
        people = self.everybody
        known = (Fault.LOST, Fault.DOUBLED, Fault.REORDERED)
        return Figures(
            blows=len(self._blows),
            sent=report.counts.sent,
            accepted=report.counts.accepted,
            received=report.counts.received,
            refused=sum(person.refused for person in people),
            lost=report.count(Fault.LOST),
            doubled=report.count(Fault.DOUBLED),
            other=sum(one.fault not in known for one in report.findings),
            overtaken=report.count(Fault.REORDERED),
            given_again=sum(person.redelivered for person in people),
            posted_again=sum(person.resent for person in people),
            took=spread([one.seconds for one in passed]),
            recovered=tuple(recovery(passed, blow) for blow in self._blows),
            report=report,
            passed=tuple(passed),
        )


def slot_of(route: bytes) -> int:
    """Return the slot of a mailbox."""
    return connection.slot_of(mailbox_keys(route)[0])


def _problem(task: asyncio.Task[None]) -> BaseException | None:
    return None if task.cancelled() else task.exception()


@asynccontextmanager
async def crowd(
    folder: Path, sides: Sequence[Side], seed: int, *, listen: bool = True
) -> AsyncGenerator[Crowd]:
    """Have people who have met and write; none of their tasks is left."""
    made = Crowd(folder, sides, random.Random(seed))
    try:
        await made.register()
        made.begin(listen=listen)
        yield made
    finally:
        await made.end()
