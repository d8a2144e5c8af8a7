"""A relay killed under load loses nothing it accepted, judged at the wire alone.

A few kills; `hushpost-prove` counts the many.
"""

import asyncio
import random
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from hushpost_proof.harness.chance import chosen_seed
from hushpost_proof.harness.journal import Journal, What, read_histories
from hushpost_proof.harness.lives import nursery
from hushpost_proof.harness.relay_process import RelayProcess, relay_process
from hushpost_proof.harness.waiting import until
from hushpost_proof.harness.wire_person import WINDOW, LoginFailed, WirePerson
from hushpost_proof.history import Fault, Report, check, summary

PAIRS = 10
KILLS = 6
# About what a relay under load of 20 people does between two deaths: fills, commits, delivers.
LIFE_SECONDS = (0.05, 0.4)
# Each person writes at this rate; 20 people, 200 a second, and bursts.
MESSAGES_A_SECOND = 10
# Submissions without a verdict at each kill, of at most 8 times 20.
IN_FLIGHT_AT_KILL = 20
SETTLE_SECONDS_MAX = 30.0


@asynccontextmanager
async def pairs(relay: RelayProcess, folder: Path, count: int) -> AsyncGenerator[list[WirePerson]]:
    """Register pairs of people who may write to each other."""
    history = folder / "history"
    history.mkdir()
    async with AsyncExitStack() as stack:
        people: list[WirePerson] = []
        for number in range(count):
            pair = [
                WirePerson(name, relay.url, stack.enter_context(Journal(history, name, 1)))
                for name in (f"left{number}", f"right{number}")
            ]
            for person in pair:
                await person.register()
            await pair[0].befriend(pair[1])
            await pair[1].befriend(pair[0])
            people += pair
        yield people
        for person in people:
            person.journal.write(What.ENDED)


async def keep_writing(person: WirePerson, chance: random.Random) -> None:
    """Write at a steady mean rate, at random moments, until cancelled."""
    while True:
        person.write()
        await asyncio.sleep(chance.expovariate(MESSAGES_A_SECOND))


async def have_mail_in_flight(people: list[WirePerson], chance: random.Random) -> None:
    """Write in bursts until some submissions are unanswered, however fast or slow the machine."""
    while sum(person.outbox.posted for person in people) < IN_FLIGHT_AT_KILL:
        for person in people:
            # Nothing more for who is not connected yet.
            for _ in range(WINDOW - len(person.outbox.letters)):
                person.write()
        await asyncio.sleep(chance.uniform(0, 0.003))


async def settle(people: list[WirePerson]) -> None:
    """Wait until every outbox is empty and everything that was accepted has arrived."""

    def is_settled() -> bool:
        return all(person.is_settled for person in people)

    await until(is_settled, SETTLE_SECONDS_MAX)


async def test_kills_under_load_lose_nothing(tmp_path: Path) -> None:
    """Each message that was accepted while the relay died again and again arrives once, in turn."""
    seed = chosen_seed()
    chance = random.Random(seed)
    async with (
        nursery() as begin,
        relay_process(tmp_path, begin=begin) as relay,
        pairs(relay, tmp_path, PAIRS) as people,
    ):
        async with asyncio.TaskGroup() as group:
            running = [group.create_task(person.post()) for person in people]
            running += [group.create_task(person.listen()) for person in people]
            writing = [group.create_task(keep_writing(one, chance)) for one in people]
            for _ in range(KILLS):
                await asyncio.sleep(chance.uniform(*LIFE_SECONDS))
                await have_mail_in_flight(people, chance)
                await relay.kill()
                await relay.start()
            for task in writing:
                task.cancel()
            await settle(people)
            for task in running:
                task.cancel()
        resent = sum(person.resent for person in people)
        redelivered = sum(person.redelivered for person in people)
    report = check(read_histories(tmp_path / "history"))
    print(table(report, relay.kills, resent, redelivered))
    assert not report.findings, f"seed {seed}\n{summary(report.findings)}"
    assert relay.kills == KILLS
    assert report.counts.accepted == report.counts.received == report.counts.sent
    # The kills fell into the middle of something: a run that never lost a verdict proves nothing.
    assert resent > 0


def table(report: Report, kills: int, resent: int, redelivered: int) -> str:
    """Lay out the figures of a run."""
    counts = report.counts
    rows = {
        "relay kills": kills,
        "messages sent": counts.sent,
        "accepted": counts.accepted,
        "delivered": counts.received,
        "submitted again": resent,
        "delivered again, absorbed": redelivered,
        "lost": report.count(Fault.LOST),
        "doubled": report.count(Fault.DOUBLED),
        "reordered": report.count(Fault.REORDERED),
    }
    return "\n".join(f"{name:28}{value:>9}" for name, value in rows.items())


@pytest.mark.parametrize(("store", "lost"), [("sqlite", 0), ("memory", 40)])
async def test_what_a_killed_relay_forgot_is_found(tmp_path: Path, store: str, lost: int) -> None:
    """A store on disk keeps what waits at a kill; that one in memory lost all of it is found."""
    async with (
        relay_process(tmp_path, arguments=("--store", store)) as relay,
        pairs(relay, tmp_path, 1) as (left, right),
    ):
        posting = asyncio.create_task(left.post())
        for _ in range(40):
            left.write()
        await until(lambda: not left.outbox.letters, SETTLE_SECONDS_MAX)
        await relay.kill()
        await relay.start()
        listening = asyncio.create_task(right.listen())
        if store == "memory":
            with pytest.raises(LoginFailed):
                await listening
        else:
            await settle([left, right])
        for task in (posting, listening):
            task.cancel()
        await asyncio.wait([posting, listening])
    report = check(read_histories(tmp_path / "history"))
    assert [finding.fault for finding in report.findings] == [Fault.LOST] * lost
    assert report.counts.received == 40 - lost
