"""The kill test: people and their relay, all real processes, killed by signal 9 at random moments.

    python -m hushpost_proof.kill --relay-kills 200 --client-kills 200 --minutes 10

Pairs of `hushpost.Client` with vaults on disk write to each other through `hushpost-relay serve`
with SQLite on disk, over a proxy that records the wire. Relay and people are killed while they work
and start again on what they left. In the end every outbox must have emptied, the checker of
histories must find no broken promise, and the captured wire, decrypted, no key and nonce used
twice. The table says how much that verdict rests on.
"""

import argparse
import asyncio
import random
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from hushpost_proof.harness.capture import read_capture
from hushpost_proof.harness.chance import chosen_seed
from hushpost_proof.harness.journal import Incarnation, What, read_histories
from hushpost_proof.harness.key_log import read_key_logs
from hushpost_proof.harness.lives import Beginner, nursery
from hushpost_proof.harness.person import Place
from hushpost_proof.harness.person_process import PersonProcess
from hushpost_proof.harness.recording_proxy import RecordingProxy
from hushpost_proof.harness.relay_process import RelayProcess, relay_process
from hushpost_proof.harness.waiting import until
from hushpost_proof.history import Fault, Report, check, summary
from hushpost_proof.wire_audit import Audit, Leak, audit

# How long a dead process stays dead: from at once to long enough that others notice.
DOWN_SECONDS_MAX = 0.5
MEET_SECONDS_MAX = 120.0
# What a life of the relay carries at least: the logins of all, and some envelopes.
WORK_BYTES = 150_000
WORK_SECONDS_MAX = 60.0
# The kill falls at a random moment after that, within the time of some messages.
MORE_WORK_SECONDS_MAX = 0.3
# Receipts wait up to 5 seconds and reconnecting clients back off; then all must be done.
SETTLE_SECONDS_MAX = 120.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run does. The kills fall at random moments of `seconds`."""

    seed: int
    pairs: int = 10
    relay_kills: int = 20
    client_kills: int = 20
    seconds: float = 30.0
    is_quiet: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run showed."""

    plan: Plan
    relay_kills: int
    client_kills: int
    report: Report
    audit: Audit
    alarms: Counter[str]

    @property
    def is_clean(self) -> bool:
        """Whether every promise was kept and nothing was reused or falsely alarmed about."""
        return not (self.report.findings or self.audit.findings or self.alarms)

    def explain(self) -> str:
        """Return the table and, below it, what was found."""
        leaks = "\n".join(f"{one.leak} ({one.where})" for one in self.audit.findings[:10])
        alarms = "\n".join(f"{times} x alarm {kind}" for kind, times in self.alarms.items())
        found = (self.table(), summary(self.report.findings), leaks, alarms)
        return "\n\n".join(part for part in found if part)

    def table(self) -> str:
        """Lay out the figures."""
        counts, audited = self.report.counts, self.audit
        reuse = sum(one.leak not in (Leak.UNOPENED, Leak.UNSUBMITTED) for one in audited.findings)
        rows = {
            "relay kills": self.relay_kills,
            "client kills": self.client_kills,
            "messages sent": counts.sent,
            "accepted": counts.accepted,
            "delivered": counts.received,
            "receipts": counts.confirmed,
            "lost": self.report.count(Fault.LOST) + self.report.count(Fault.UNFINISHED),
            "doubled": self.report.count(Fault.DOUBLED),
            "reordered": self.report.count(Fault.REORDERED),
            "other findings": len(self.report.findings)
            - sum(self.report.count(fault) for fault in _SHOWN),
            "false alarms": self.alarms.total(),
            "given again to a killed app": counts.repeated_in_hand,
            "envelopes captured": audited.envelopes,
            "submitted again": audited.resubmissions,
            "sealed first messages": audited.sealed,
            "envelopes not opened": sum(one.leak is Leak.UNOPENED for one in audited.findings),
            "key/nonce pairs on the wire": audited.pairs_on_the_wire,
            "key/nonce pairs, vaults too": audited.pairs,
            "key/nonce reuse": reuse,
        }
        return "\n".join(f"{name:30}{value:>9}" for name, value in rows.items())


_SHOWN = (Fault.LOST, Fault.UNFINISHED, Fault.DOUBLED, Fault.REORDERED)


async def run(plan: Plan, folder: Path) -> Outcome:
    """Carry out a plan in an empty folder and judge what is left there."""
    place = Place(folder)
    place.make()
    async with (
        nursery() as begin,
        RecordingProxy(folder / "wire") as proxy,
        relay_process(
            folder,
            public_host=proxy.host,
            arguments=("--quiet",) if plan.is_quiet else (),
            begin=begin,
        ) as relay,
        people(plan, place, proxy.url, begin) as persons,
    ):
        proxy.lead_to(relay.port)
        await each(persons, lambda one: one.start())
        async with asyncio.timeout(MEET_SECONDS_MAX):
            await each(persons, lambda one: one.word("open"))
        await _Reaper(plan, relay, proxy, persons).reap()
        place.tell("quiet")
        # Who does not settle is not waited for: the checker then says what is missing.
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_SECONDS_MAX):
                await each(persons, lambda one: one.word("settled"))
            place.tell("end")
            await each(persons, lambda one: one.end())
        kills = (relay.kills, sum(one.kills for one in persons))
    return judge(plan, place, *kills)


def judge(plan: Plan, place: Place, relay_kills: int, client_kills: int) -> Outcome:
    """Check the histories and audit the wire that a run left in its folder."""
    histories = read_histories(place.history)
    audited = audit(read_capture(place.folder / "wire"), read_key_logs(place.keys))
    return Outcome(plan, relay_kills, client_kills, check(histories), audited, _alarms(histories))


@asynccontextmanager
async def people(
    plan: Plan, place: Place, url: str, begin: Beginner
) -> AsyncGenerator[list[PersonProcess]]:
    """Name the people; whatever happens, none of their processes is left."""
    persons: list[PersonProcess] = []
    for number in range(plan.pairs):
        left, right = f"left{number}", f"right{number}"
        persons.append(PersonProcess(place, left, right, url, plan.seed, begin=begin))
        persons.append(PersonProcess(place, right, left, url, plan.seed, begin=begin))
    try:
        yield persons
    finally:
        await each(persons, lambda one: one.clear_away())


class _Reaper:
    """Kills at the moments of the plan, and starts again what it killed."""

    def __init__(
        self,
        plan: Plan,
        relay: RelayProcess,
        proxy: RecordingProxy,
        persons: Sequence[PersonProcess],
    ) -> None:
        self._plan = plan
        self._relay = relay
        self._proxy = proxy
        self._working_from = 0
        self._persons = persons
        self._chance = random.Random(plan.seed)

    async def reap(self) -> None:
        """Do all killing; return when everyone is alive again."""
        plan, chance = self._plan, self._chance
        async with asyncio.TaskGroup() as group:
            group.create_task(self._strike(plan.relay_kills, self._kill_relay))
            group.create_task(self._strike(plan.client_kills, self._kill_person))
        assert all(person.is_running for person in self._persons)
        await asyncio.sleep(chance.uniform(0, DOWN_SECONDS_MAX))

    async def _strike(self, times: int, kill: Callable[[], Awaitable[None]]) -> None:
        clock = asyncio.get_running_loop().time
        start = clock()
        moments = sorted(self._chance.uniform(0, self._plan.seconds) for _ in range(times))
        for moment in moments:
            # A start takes its time; a moment that passed meanwhile comes at once.
            await asyncio.sleep(max(self._chance.uniform(0.05, 0.3), start + moment - clock()))
            await kill()

    async def _kill_relay(self) -> None:
        # On a slow machine too, each life of the relay has carried some mail.
        await until(lambda: self._proxy.bytes_carried > self._working_from, WORK_SECONDS_MAX)
        await asyncio.sleep(self._chance.uniform(0, MORE_WORK_SECONDS_MAX))
        await self._relay.kill()
        self._working_from = self._proxy.bytes_carried + WORK_BYTES
        await asyncio.sleep(self._chance.uniform(0, DOWN_SECONDS_MAX))
        await self._relay.start()

    async def _kill_person(self) -> None:
        person = self._chance.choice(self._persons)
        await person.kill()
        await asyncio.sleep(self._chance.uniform(0, DOWN_SECONDS_MAX))
        await person.start()


async def each(
    persons: Sequence[PersonProcess], do: Callable[[PersonProcess], Awaitable[None]]
) -> None:
    """Do the same with all of them at once."""
    async with asyncio.TaskGroup() as group:
        for person in persons:
            group.create_task(_awaited(do(person)))


async def _awaited(work: Awaitable[None]) -> None:
    await work


def _alarms(histories: Sequence[Incarnation]) -> Counter[str]:
    return Counter(
        event.message_id
        for life in histories
        for event in life.events
        if event.what is What.ALARMED
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; 0 if every promise was kept."""
    parser = argparse.ArgumentParser(prog="python -m hushpost_proof.kill", description=__doc__)
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--relay-kills", type=int, default=20)
    parser.add_argument("--client-kills", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=0.5, help="over which the kills fall")
    parser.add_argument("--quiet", action="store_true", help="the relay runs the quiet profile")
    parser.add_argument("--keep", type=Path, help="folder for all that the run writes")
    given = parser.parse_args(arguments)
    plan = Plan(
        chosen_seed(),
        given.pairs,
        given.relay_kills,
        given.client_kills,
        given.minutes * 60,
        given.quiet,
    )
    if given.keep is not None:
        outcome = asyncio.run(run(plan, given.keep))
    else:
        with tempfile.TemporaryDirectory(prefix="hushpost-kill-") as folder:
            outcome = asyncio.run(run(plan, Path(folder)))
    print(outcome.explain())
    return 0 if outcome.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
