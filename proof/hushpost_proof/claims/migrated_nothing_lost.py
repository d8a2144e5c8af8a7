"""A move from SQLite into Redis that is killed again and again ends with all of it there, once."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hushpost_demo.redis_servers import is_installed

from hushpost_proof.claim import Claim, Effort, Half, Row
from hushpost_proof.moving.rounds import Outcome, Plan, run

_KILLS = 40
_LONG_KILLS = 400
# A planted defect does harm in one kill of four, and the first harm ends its control: so many are
# needed once in ten million runs.
_CONTROL_KILLS = 60


async def _prove(effort: Effort) -> Sequence[Row]:
    if not is_installed():
        return (Row("a Redis to move to", 0, "redis-server is not installed", holds=False),)
    plan = Plan(effort.seed, _LONG_KILLS if effort.is_long else _KILLS, now=time.time())
    if effort.is_long:
        plan = replace(plan, people=40, envelopes=240)
    outcome = await run(plan, _folder(effort, "true"))
    rows = [
        Row(
            "signal 9 at a random step of the migration, begun again",
            outcome.kills,
            _found(outcome),
            outcome.kills == plan.kills and not outcome.problems,
        )
    ]
    for defect in ("lose-a-row", "mark-first"):
        control = replace(plan, kills=_CONTROL_KILLS, people=16, envelopes=40, defect=defect)
        seen = await run(control, _folder(effort, defect))
        found = seen.problems[0] if seen.problems else "nothing was found"
        rows.append(Row(f"control: {defect}", seen.rounds or 1, found, bool(seen.problems)))
    return rows


def _folder(effort: Effort, name: str) -> Path:
    folder = effort.folder / name
    folder.mkdir()
    return folder


def _found(outcome: Outcome) -> str:
    phases = ", ".join(f"{count} in {phase}" for phase, count in sorted(outcome.killed_in.items()))
    return (
        f"{outcome.rounds} migrations of {outcome.accounts} accounts and {outcome.envelopes}"
        f" envelopes, {outcome.steps} steps each, read back from Redis: all equal but"
        f" {len(outcome.problems)}; killed {phases}" + "".join(f"\n{p}" for p in outcome.problems)
    )


CLAIM = Claim(
    name="migrated-nothing-lost",
    half=Half.LOST,
    sentence="A move into Redis that is killed at any moment and begun again moves all, once",
    seconds=25,
    prove=_prove,
)
