"""NO_DROP is the same in bytes, time and order, whatever the reason."""

import sys
from collections.abc import Sequence
from pathlib import Path

from hushpost_proof.claim import Claim, Effort, Half, Row
from hushpost_proof.timing.answers import all_shapes, differences
from hushpost_proof.timing.audience import Kind
from hushpost_proof.timing.judgement import DELTA_MAX, not_measurable, summary
from hushpost_proof.timing.prober import Rhythm
from hushpost_proof.timing.trial import Trial, attempt

_KINDS = (Kind.UNKNOWN_ROUTE, Kind.UNKNOWN_SECRET, Kind.REVOKED, Kind.MALFORMED)
_TRIES = 20_000
_TRIES_LONG = 200_000
_CONNECTIONS = 100
_TICK_SECONDS = 0.025
# Each defect, and how far apart it must at least drive two cases: many times what is allowed.
_LEAKS = {"known mailboxes 75 us later": 0.5, "in the order of decision": 0.5}
_LEAK_TRIES = 1_500


def _trial(effort: Effort, tries: int, leak: str = "") -> Trial:
    rhythm = Rhythm(_CONNECTIONS, tries, (0.0, _TICK_SECONDS))
    return Trial(_KINDS, rhythm, effort.seed, leak=leak)


async def _prove(effort: Effort) -> Sequence[Row]:
    if sys.platform != "linux":
        return [not_measurable()]
    tries = _TRIES_LONG if effort.is_long else _TRIES
    answers = await attempt(_trial(effort, tries), effort.folder / "true")
    found = differences(answers, _TICK_SECONDS)
    seen = all_shapes(answers)
    fine = all(abs(one.delta) < DELTA_MAX for one in found)
    return [
        Row(
            "unknown mailbox, unknown, revoked and malformed drop, interleaved",
            len(answers),
            f"Cliff's delta of the worst of {len(_KINDS) * (len(_KINDS) - 1) // 2} pairs: "
            f"{summary(found)}",
            fine and len(answers) >= tries,
        ),
        Row(
            "bytes of their answers, and of the segments",
            len(answers),
            f"{len(seen)} kind of answer: {', '.join(data.hex() for data, _ in sorted(seen))}",
            len(seen) == 1,
        ),
        *[await _planted(effort, leak, bound) for leak, bound in _LEAKS.items()],
        await _planted_byte(effort, effort.folder / "byte"),
    ]


async def _planted(effort: Effort, leak: str, bound: float) -> Row:
    folder = effort.folder / leak.replace(" ", "-")
    answers = await attempt(_trial(effort, _LEAK_TRIES, leak), folder)
    found = differences(answers, _TICK_SECONDS)
    worst = max(found, key=lambda one: abs(one.delta))
    return Row(f"control: answered {leak}", len(answers), str(worst), abs(worst.delta) > bound)


async def _planted_byte(effort: Effort, folder: Path) -> Row:
    answers = await attempt(_trial(effort, 400, "one byte more"), folder)
    seen = all_shapes(answers)
    found = f"{len(seen)} kinds of answer"
    return Row("control: one byte more", len(answers), found, len(seen) > 1)


CLAIM = Claim(
    name="no-drop-timing",
    half=Half.KEPT,
    sentence="A refusal tells nobody whether a mailbox exists or a drop was revoked",
    seconds=28,
    prove=_prove,
    needs_quiet=True,
)
