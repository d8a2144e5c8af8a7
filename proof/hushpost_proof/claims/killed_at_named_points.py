"""Relay and clients killed with signal 9 around every commit, push, acknowledgement and step."""

import asyncio
from collections.abc import Awaitable, Sequence
from pathlib import Path
from typing import Final

from hushpost_proof import kill_named, kill_operations, kill_plans
from hushpost_proof.claim import Claim, Effort, Half, Row
from hushpost_proof.kill_named import NamedOutcome
from hushpost_proof.kill_points import points

TALK_SECONDS: Final = 25.0
AT_ONCE: Final = 2
# Every point three times, one after another.
LONG_ROUNDS: Final = 3
LONG_SECONDS: Final = 1_200.0
# Scenes of starting, administering, coming and going: a share by the seed, or all of them.
SCENE_KILLS: Final = 14
LONG_SCENE_KILLS: Final = 400
PLANTED: Final = ("accept-before-commit", "acknowledge-before-commit", "post-before-commit")
# A planted defect is a matter of milliseconds: it gets so many runs to show.
PLANTED_RUNS_MAX: Final = 4
# A run takes ten to twenty seconds; people who never meet would take minutes.
PLANTED_SECONDS_MAX: Final = 120.0


async def _prove(effort: Effort) -> Sequence[Row]:
    # Side by side, since most of the time somebody waits for somebody who is dead; two at a time,
    # so that a busy machine is not asked for more than it can do.
    places = asyncio.Semaphore(AT_ONCE)

    async def in_turn(experiment: Awaitable[Row]) -> Row:
        async with places:
            return await experiment

    return await asyncio.gather(
        in_turn(_talk(effort)),
        in_turn(_scenes(effort)),
        *(in_turn(_planted(name, effort)) for name in PLANTED),
    )


async def _talk(effort: Effort) -> Row:
    seconds, rounds = (LONG_SECONDS, LONG_ROUNDS) if effort.is_long else (TALK_SECONDS, 1)
    plan = kill_plans.plan(effort.seed, seconds=seconds, rounds=rounds)
    result = await kill_named.run(plan, _folder(effort, "talk"))
    wanted = {*plan.relay_points, *plan.talk_points, *plan.rare_points}
    never = sorted(wanted - result.passed)
    unknown = sorted(result.passed - {point.name for point in points()})
    kills, counts = sum(result.deaths.at.values()), result.outcome.report.counts
    found = (
        f"{len(result.deaths.at)} of {len(wanted)} points killed at, {len(wanted) - len(never)}"
        f" passed; {counts.sent} messages sent, {counts.accepted} accepted, {counts.received}"
        f" received; {len(result.outcome.report.findings)} lost, doubled or out of order;"
        f" {result.outcome.audit.pairs} pairs of key and nonce,"
        f" {len(result.outcome.audit.findings)} used twice"
    )
    if never or unknown:
        found += f"\nnever passed: {never}; not declared: {unknown}"
    if not result.is_clean:
        found += "\n" + "\n".join((result.outcome.explain(), *result.deaths.stuck[:10]))
    whole = counts.accepted == counts.received == counts.sent > 0
    holds = (
        result.is_clean and whole and kills >= kill_plans.TALK_KILLS_MIN and not (never or unknown)
    )
    return Row("signal 9 at named points: people talk, newcomers come and go", kills, found, holds)


async def _scenes(effort: Effort) -> Row:
    kills_max = LONG_SCENE_KILLS if effort.is_long else SCENE_KILLS
    folder = _folder(effort, "scenes")
    result = await kill_operations.run(folder, seed=effort.seed, kills_max=kills_max)
    wanted = kill_plans.operation_points()
    found = (
        f"{len(set(result.killed))} of {len(wanted)} points killed at,"
        f" {len(wanted) - len(result.never_passed)} passed; {len(result.found)} left something"
        " half done, or not to be done again"
    )
    problems = (*result.found, *(f"never passed: {one}" for one in result.never_passed))
    problems += tuple(f"not reached: {one}" for one in result.missed)
    holds = bool(result.killed) and not problems
    return Row(
        "signal 9 at named points: a relay starts, migrates, sweeps, is backed up, restored",
        len(result.killed),
        "\n".join((found, *problems[:10])),
        holds,
    )


async def _planted(defect: str, effort: Effort) -> Row:
    kills = 0
    result: NamedOutcome | None = None
    for number in range(PLANTED_RUNS_MAX):
        plan = kill_plans.planted(defect, effort.seed + number)
        try:
            async with asyncio.timeout(PLANTED_SECONDS_MAX):
                result = await kill_named.run(plan, _folder(effort, f"{defect}-{number}"))
        except TimeoutError:
            # The defect lost what people need to meet; that shows too little to be a finding.
            continue
        kills += sum(result.deaths.at.values())
        if not result.outcome.is_clean:
            break
    if result is None:
        return Row(f"planted: {defect}", kills, "nobody ever met: nothing was shown", holds=False)
    outcome = result.outcome
    what = sorted({f"{one.fault.name.lower()}" for one in outcome.report.findings})
    what += sorted(f"alarm {kind}" for kind in outcome.alarms)
    what += ["a key used twice"] * bool(outcome.audit.findings)
    found = f"found: {', '.join(what)}" if what else "NOT found"
    return Row(f"planted: {defect}", kills, found, bool(what))


def _folder(effort: Effort, name: str) -> Path:
    folder = effort.folder / name
    folder.mkdir()
    return folder


CLAIM = Claim(
    name="killed-at-named-points",
    half=Half.LOST,
    sentence="A process killed around any commit, push, acknowledgement or step loses nothing",
    seconds=70,
    prove=_prove,
)
