"""With the quiet profile the time of an answer does not tell whether the recipient is there."""

import sys
from collections.abc import Mapping, Sequence

from hushpost_proof.claim import Claim, Effort, Half, Row
from hushpost_proof.timing.answers import Answer, differences
from hushpost_proof.timing.audience import Kind
from hushpost_proof.timing.judgement import DELTA_MAX, not_measurable, summary
from hushpost_proof.timing.prober import Rhythm
from hushpost_proof.timing.slow_disk import can_be_slow, slow_disk
from hushpost_proof.timing.trial import Trial, attempt

_KINDS = (
    Kind.ONLINE,
    Kind.SLOW,
    Kind.LEAVING,
    Kind.OFFLINE,
    Kind.FULL,
    Kind.UNKNOWN_ROUTE,
)
_KINDS_LONG = (*_KINDS, Kind.DEAF, Kind.TYPING_ONLINE, Kind.TYPING_OFFLINE, Kind.USED_UP)
_TICK_SECONDS = 0.25
_TRIES = 22_000
_TRIES_LONG = 200_000
_CONNECTIONS = 400
_LEAKS = {"who is there 75 us sooner": 0.5, "when it is known": 0.5}
_LEAK_TRIES = 1_200
# Longer than is left from a commit to its tick: whoever is committed alone is answered late.
_SYNC_SECONDS = 0.12
_LATE_NS = 502_000_000
# Of tries that must all be late, and of shares that must lie far apart.
_SHARE_MAX = 0.25
_SHARE_PLANTED = 0.6
_SLOW_ROUNDS = 8
_SLOW_ROUNDS_LONG = 400


async def _prove(effort: Effort) -> Sequence[Row]:
    if sys.platform != "linux":
        return [not_measurable()]
    rows = [await _mixed(effort)]
    rows += [await _planted(effort, leak, bound) for leak, bound in _LEAKS.items()]
    if can_be_slow():
        slow = slow_disk(effort.folder / "disk", _SYNC_SECONDS)
        rows += [await _alone(effort, slow), await _alone(effort, slow, "no sync for nothing")]
    if effort.is_long:
        rows.append(await _bursts(effort))
    return rows


async def _mixed(effort: Effort) -> Row:
    tries = _TRIES_LONG if effort.is_long else _TRIES
    trial = _trial(effort, tries)
    answers = await attempt(trial, effort.folder / "mixed")
    found = differences(answers, _TICK_SECONDS)
    fine = all(abs(one.delta) < DELTA_MAX for one in found)
    pairs = len(trial.kinds) * (len(trial.kinds) - 1) // 2
    return Row(
        f"recipient {', '.join(trial.kinds)}; at any time of a tick, interleaved",
        len(answers),
        f"Cliff's delta of the worst of {pairs} pairs: {summary(found)}",
        fine and len(answers) >= tries,
    )


def _trial(effort: Effort, tries: int, leak: str = "") -> Trial:
    rhythm = Rhythm(_CONNECTIONS, tries, (0.0, _TICK_SECONDS))
    kinds = _KINDS_LONG if effort.is_long else _KINDS
    return Trial(kinds, rhythm, effort.seed, is_quiet=True, leak=leak)


async def _planted(effort: Effort, leak: str, bound: float) -> Row:
    folder = effort.folder / leak.replace(" ", "-")
    answers = await attempt(_trial(effort, _LEAK_TRIES, leak), folder)
    worst = max(differences(answers, _TICK_SECONDS), key=lambda one: abs(one.delta))
    return Row(f"control: answered {leak}", len(answers), str(worst), abs(worst.delta) > bound)


async def _alone(effort: Effort, slow: Mapping[str, str], leak: str = "") -> Row:
    """Post to one kind of recipient a tick, over a disk whose syncs outlast the tick."""
    rounds = _SLOW_ROUNDS_LONG if effort.is_long and not leak else _SLOW_ROUNDS
    rhythm = Rhythm(4, 4 * rounds, (0.0, _TICK_SECONDS), alone=True)
    kinds = (Kind.ONLINE, Kind.OFFLINE)
    trial = Trial(kinds, rhythm, effort.seed, is_quiet=True, leak=leak, environment=slow)
    answers = await attempt(trial, effort.folder / f"alone{bool(leak)}")
    online, offline = (_share_late(answers, kind) for kind in kinds)
    found = f"a tick later: {online:.0%} of those to who is online, {offline:.0%} offline"
    apart = abs(online - offline)
    if leak:
        return Row(f"control: {leak}", len(answers), found, apart > _SHARE_PLANTED)
    tried = f"alone on a relay whose disk takes {_SYNC_SECONDS * 1000:.0f} ms to sync"
    return Row(tried, len(answers), found, apart < _SHARE_MAX)


def _share_late(answers: Sequence[Answer], kind: Kind) -> float:
    waits = [one.came_ns - one.sent_ns for one in answers if one.case == kind]
    return sum(wait > _LATE_NS for wait in waits) / len(waits)


async def _bursts(effort: Effort) -> Row:
    """Post bursts shortly before a tick, and see whether the recipient's share of work moves it."""
    rhythm = Rhythm(4, 16_000, at_once=48, alone=True, before_tick=(0.001, 0.035))
    trial = Trial((Kind.ONLINE, Kind.OFFLINE), rhythm, effort.seed, is_quiet=True)
    answers = await attempt(trial, effort.folder / "bursts")
    found = differences(answers, _TICK_SECONDS)
    fine = all(abs(one.delta) < DELTA_MAX for one in found)
    tried = "bursts of 192 envelopes to one recipient, 1 to 35 ms before a tick"
    return Row(tried, len(answers), summary(found), fine)


CLAIM = Claim(
    name="quiet-timing",
    half=Half.KEPT,
    sentence="On a quiet relay the time of an answer tells nobody who is online",
    seconds=62,
    prove=_prove,
    needs_quiet=True,
)
