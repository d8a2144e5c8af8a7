"""Relays on one Redis restarted one after the other under traffic: nobody's mail is lost.

And nobody notices a crowd: who comes back is counted in each tenth of a second.
"""

import asyncio
import json
import random
import time
import urllib.error
import urllib.request
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from hushpost_proof.harness import wire_person
from hushpost_proof.harness.journal import Journal, What, read_histories
from hushpost_proof.harness.relay_process import RelayProcess
from hushpost_proof.harness.wire_person import WirePerson
from hushpost_proof.history import Report, check, summary

from tests.system.test_relay_kill import keep_writing, settle
from tests.system.test_two_relays import office

# 40 people with two connections each; a drain of as many takes the two seconds below.
PAIRS = 20
DRAIN_SECONDS = 2.0
# Waves of 80 in two seconds are four a tenth, a twentieth of all; a crowd is most of them at once.
# Half of the way leaves a machine that stalls its room.
CROWD_SHARE = 0.4
FEW_SECONDS = 0.2


class Passenger(WirePerson):
    """A person who notes when they dial."""

    dialled: list[float]

    def where(self) -> str:
        """Note it."""
        self.dialled.append(time.monotonic())
        return super().where()


def fullest_tenth(moments: list[float], since: float) -> float:
    """Return the largest share of those who dialled within one tenth of a second."""
    after = [moment - since for moment in moments if moment >= since]
    tenths = Counter(int(moment / 0.1) for moment in after)
    return max(tenths.values()) / len(after)


def health_of(relay: RelayProcess) -> tuple[int, str]:
    """Ask a relay how it is: the status a balancer sees, and the word in it."""
    try:
        with urllib.request.urlopen(f"{relay.metrics_url}/health") as answer:
            return int(answer.status), str(json.load(answer)["status"])
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, str(json.load(refused)["status"])


async def send_away(relay: RelayProcess, dialled: list[float], *, in_waves: bool = True) -> float:
    """Stop a relay as an operator does; return the fullest tenth of those who came back."""
    since = time.monotonic()
    stopping = asyncio.create_task(relay.stop())
    try:
        await asyncio.sleep(FEW_SECONDS)
        if in_waves:
            await _is_draining(relay)
    finally:
        await stopping
    await asyncio.sleep(FEW_SECONDS)  # the last wave dials
    return fullest_tenth(dialled, since)


async def _is_draining(relay: RelayProcess) -> None:
    assert await asyncio.to_thread(health_of, relay) == (503, "draining")
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", relay.port)


async def travel(
    relays: tuple[RelayProcess, RelayProcess], people: list[WirePerson], dialled: list[float]
) -> list[float]:
    """Restart each relay in turn under traffic, and one more whose waves are switched off."""
    chance = random.Random(1)
    one, two = relays
    async with asyncio.TaskGroup() as group:
        running = [group.create_task(person.post()) for person in people]
        running += [group.create_task(person.listen()) for person in people]
        writing = [group.create_task(keep_writing(person, chance)) for person in people]
        await asyncio.sleep(5 * FEW_SECONDS)
        tenths = [await send_away(one, dialled)]
        await one.start({"HUSHPOST_RELAY_DRAIN_SECONDS": "0"})
        tenths.append(await send_away(two, dialled))
        await two.start()
        tenths.append(await send_away(one, dialled, in_waves=False))
        for task in writing:
            task.cancel()
        await settle(people)
        for task in running:
            task.cancel()
    return tenths


@pytest.mark.serial
@pytest.mark.timeout(120)
async def test_relays_restarted_in_turn_lose_nothing_and_make_no_crowd(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """History says nothing lost or doubled; waves make no crowd, and without them it is found."""
    monkeypatch.setenv("HUSHPOST_RELAY_DRAIN_SECONDS", str(DRAIN_SECONDS))
    monkeypatch.setattr(wire_person, "RECONNECT_SECONDS_MAX", 0.0)
    monkeypatch.setattr("tests.system.test_relay_kill.MESSAGES_A_SECOND", 3)
    history = tmp_path / "history"
    history.mkdir()
    dialled: list[float] = []
    async with office(tmp_path) as service, AsyncExitStack() as stack:
        people: list[WirePerson] = []
        for number in range(PAIRS):
            pair = [
                Passenger(name, service.url, stack.enter_context(Journal(history, name, 1)))
                for name in (f"left{number}", f"right{number}")
            ]
            for passenger in pair:
                passenger.dialled = dialled
                await passenger.register()
            await pair[0].befriend(pair[1])
            await pair[1].befriend(pair[0])
            people += pair
        first, second, planted = await travel(service.relays, people, dialled)
        for person in people:
            person.journal.write(What.ENDED)
    report = check(read_histories(history))
    print(table(report, people, (first, second, planted)))
    assert not report.findings, summary(report.findings)
    assert report.counts.accepted == report.counts.received == report.counts.sent > 0
    assert max(first, second) < CROWD_SHARE < planted


def table(report: Report, people: list[WirePerson], tenths: tuple[float, float, float]) -> str:
    """Lay out the figures of a run."""
    rows: dict[str, object] = {
        "messages sent": report.counts.sent,
        "delivered": report.counts.received,
        "submitted again": sum(person.resent for person in people),
        "delivered again, absorbed": sum(person.redelivered for person in people),
        "findings": len(report.findings),
        "fullest tenth, relay one": f"{tenths[0]:.0%}",
        "fullest tenth, relay two": f"{tenths[1]:.0%}",
        "fullest tenth, waves off": f"{tenths[2]:.0%}",
    }
    return "\n".join(f"{name:28}{value:>9}" for name, value in rows.items())
