"""People who write to each other through a relay, while an experiment does its worst to them.

    async with conversation(setting, folder) as scene:
        ...                                     # stop, cut, fill, turn clocks
        outcome = await scene.settle()

The people are those of the kill test, and its judges decide.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from hushpost_proof.harness.faulty_proxy import FaultyProxy
from hushpost_proof.harness.lives import nursery
from hushpost_proof.harness.person import Place
from hushpost_proof.harness.person_process import PersonProcess
from hushpost_proof.harness.relay_process import RelayProcess
from hushpost_proof.kill import MEET_SECONDS_MAX, SETTLE_SECONDS_MAX, Outcome, Plan, each, judge
from hushpost_proof.kill_named import PERSON_PROGRAM, RELAY_PROGRAM

_NONE: Final[Mapping[str, str]] = {}


@dataclass(frozen=True, slots=True)
class Setting:
    """Who takes part, and what their processes are told. `settle_seconds` bounds the end."""

    seed: int
    pairs: int = 2
    relay: Mapping[str, str] = field(default_factory=lambda: _NONE)
    people: Mapping[str, str] = field(default_factory=lambda: _NONE)
    # Of one of each pair, beside what all people are told.
    left: Mapping[str, str] = field(default_factory=lambda: _NONE)
    settle_seconds: float = SETTLE_SECONDS_MAX
    preload: Mapping[str, str] = field(default_factory=lambda: _NONE)


@dataclass(slots=True)
class Scene:
    """A conversation under way."""

    setting: Setting
    place: Place
    relay: RelayProcess
    proxy: FaultyProxy
    persons: list[PersonProcess]

    async def settle(self) -> Outcome:
        """Let everybody finish, and judge what was said; call it once, in fair weather."""
        self.place.tell("quiet")
        # Who does not settle is not waited for: the checker then says what is missing.
        with suppress(TimeoutError):
            async with asyncio.timeout(self.setting.settle_seconds):
                await each(self.persons, lambda one: one.word("settled"))
            self.place.tell("end")
            await each(self.persons, lambda one: one.end())
        return judge(Plan(self.setting.seed, self.setting.pairs), self.place, 0, 0)


@asynccontextmanager
async def conversation(setting: Setting, folder: Path) -> AsyncGenerator[Scene]:
    """Have people who have met, in a folder where only `relay` and `vaults` may be there."""
    place = Place(folder)
    place.make()
    async with (
        nursery(setting.preload) as begin,
        FaultyProxy(folder / "wire", setting.seed) as proxy,
    ):
        relay = RelayProcess(
            folder,
            public_host=proxy.host,
            environment=setting.relay,
            program=RELAY_PROGRAM,
            begin=begin,
        )
        proxy.lead_to(relay.port)
        persons = [
            PersonProcess(
                place,
                name,
                peer,
                proxy.url,
                setting.seed,
                program=PERSON_PROGRAM,
                begin=begin,
                environment={**setting.people, **(setting.left if name < peer else _NONE)},
            )
            for number in range(setting.pairs)
            for name, peer in (
                (f"left{number}", f"right{number}"),
                (f"right{number}", f"left{number}"),
            )
        ]
        try:
            await relay.start()
            await each(persons, lambda one: one.start())
            async with asyncio.timeout(MEET_SECONDS_MAX):
                await each(persons, lambda one: one.word("open"))
            yield Scene(setting, place, relay, proxy, persons)
        finally:
            await each(persons, lambda one: one.clear_away())
            await relay.kill()


def told(outcome: Outcome) -> str:
    """Return the figures of an outcome, and what was found."""
    counts, findings = outcome.report.counts, outcome.report.findings
    found = (
        f"{counts.sent} messages sent, {counts.accepted} accepted, {counts.received} received;"
        f" {len(findings)} lost, doubled or out of order;"
        f" {outcome.audit.resubmissions} submitted again; {outcome.audit.pairs} pairs of key and"
        f" nonce, {len(outcome.audit.findings)} used twice"
    )
    return found if outcome.is_clean else f"{found}\n{outcome.explain()}"


def is_whole(outcome: Outcome, *, late_allowed: bool = False) -> bool:
    """Whether something was said, all of it arrived, and no promise was broken.

    Texts may be marked late where a sender's clock went back: it claims that they are older.
    """
    counts = outcome.report.counts
    if late_allowed:
        outcome = replace(outcome, alarms=outcome.alarms - Counter({"late": counts.received}))
    return outcome.is_clean and counts.accepted == counts.received == counts.sent > 0
