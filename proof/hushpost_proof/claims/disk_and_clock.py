"""Disks full and read-only, clocks a day off, in the middle of a conversation."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from hushpost_proof import disk_and_clock
from hushpost_proof.claim import Claim, Effort, Half, Row
from hushpost_proof.conversation import is_whole, told
from hushpost_proof.disk_and_clock import CLOCK_TROUBLES, DISK_TROUBLES, Trouble
from hushpost_proof.harness import small_disk, surroundings

LONG_ROUNDS: Final = 30


async def _prove(effort: Effort) -> Sequence[Row]:
    absent = small_disk.absent() or surroundings.absent()
    if absent:
        is_ci = os.environ.get("CI") == "true"
        return (Row("disks and clocks", 0, f"not tried: {absent}", not is_ci),)
    return await asyncio.gather(
        _troubled(DISK_TROUBLES, effort, "disks"),
        _troubled(CLOCK_TROUBLES, effort, "clocks"),
        _planted("accept-what-failed", DISK_TROUBLES[:1], effort),
        _planted("expire-by-the-wrong-clock", CLOCK_TROUBLES[:1], effort),
    )


async def _troubled(troubles: tuple[Trouble, ...], effort: Effort, name: str) -> Row:
    rounds = LONG_ROUNDS if effort.is_long else 1
    folder = _folder(effort, name)
    troubled = await disk_and_clock.run(troubles, folder, seed=effort.seed, rounds=rounds)
    outcome = troubled.outcome
    tried = "; ".join(trouble.name for trouble in troubles)
    # Whoever's clock is a day behind claims to have written a day ago.
    late_allowed = name == "clocks"
    holds = is_whole(outcome, late_allowed=late_allowed)
    found = told(outcome)
    if late_allowed and holds:
        found = f"{found.splitlines()[0]}; {outcome.alarms['late']} marked late"
    if name == "disks":
        holds = holds and troubled.refused_by_relay > 0 and troubled.was_a_vault_refused
        found += f"; {troubled.refused_by_relay} times told to retry by the relay"
        found += ", and by the vault" if troubled.was_a_vault_refused else ""
    return Row(tried, rounds * len(troubles), found, holds)


async def _planted(defect: str, troubles: tuple[Trouble, ...], effort: Effort) -> Row:
    """Show that a relay which lies about its disk, or trusts a wrong clock, is found out."""
    folder = _folder(effort, defect)
    troubled = await disk_and_clock.run(troubles, folder, seed=effort.seed, rounds=2, defect=defect)
    lost = len(troubled.outcome.report.findings)
    return Row(f"planted: {defect}", len(troubles), f"{lost} lost", lost > 0)


def _folder(effort: Effort, name: str) -> Path:
    folder = effort.folder / name
    folder.mkdir()
    return folder


CLAIM = Claim(
    name="disk-and-clock",
    half=Half.LOST,
    sentence="A disk that refuses and a clock that jumps a day cost time, and no message",
    seconds=30,
    prove=_prove,
)
