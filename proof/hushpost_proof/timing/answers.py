"""What an attacker learns from answers: when each came, after what, in which order and bytes.

Answers come in bursts, one a tick. What is told apart by a delay within a burst shows in `offset`,
`gap` and `place`; what moves a whole tick shows in `wait` and, against the relay's own beat, in
`phase`.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from hushpost_proof.timing.effect_size import Difference, worst_difference

# Within a tick answers are microseconds apart; ticks lie 25 milliseconds apart at the least.
BURST_GAP_NS = 5_000_000
RESPECTS = ("wait", "phase", "offset", "gap", "place")


@dataclass(frozen=True, slots=True)
class Answer:
    """One try: its case, when it was sent and answered, the answer, and the segment it came in."""

    case: str
    sent_ns: int
    came_ns: int
    answer: bytes
    segment_bytes: int


def differences(answers: Sequence[Answer], tick_seconds: float) -> tuple[Difference, ...]:
    """Return the worst pair of cases in each respect."""
    features = _features(answers, round(tick_seconds * 1e9))
    return tuple(worst_difference(respect, features[respect]) for respect in RESPECTS)


def shapes(answers: Iterable[Answer]) -> Mapping[str, frozenset[tuple[bytes, int]]]:
    """Return the bytes and segment sizes with which each case was answered."""
    seen: defaultdict[str, set[tuple[bytes, int]]] = defaultdict(set)
    for answer in answers:
        seen[answer.case].add((answer.answer, answer.segment_bytes))
    return {case: frozenset(pairs) for case, pairs in seen.items()}


def all_shapes(answers: Iterable[Answer]) -> frozenset[tuple[bytes, int]]:
    """Return the bytes and segment sizes of all cases together."""
    return frozenset(pair for pairs in shapes(answers).values() for pair in pairs)


def _features(answers: Sequence[Answer], tick_ns: int) -> dict[str, dict[str, list[float]]]:
    features: dict[str, dict[str, list[float]]] = {respect: {} for respect in RESPECTS}

    def note(respect: str, answer: Answer, value: float) -> None:
        features[respect].setdefault(answer.case, []).append(value)

    # The middle of the beat lies where half of the answers come before it: no answer is cut there.
    beat = sorted(answer.came_ns % tick_ns for answer in answers)[len(answers) // 2]
    for burst in bursts(answers):
        by_sending = {id(one): place for place, one in enumerate(sorted(burst, key=_sent))}
        before = burst[0].came_ns
        for place, answer in enumerate(burst):
            note("wait", answer, answer.came_ns - answer.sent_ns)
            note("phase", answer, (answer.came_ns - beat + tick_ns // 2) % tick_ns)
            note("offset", answer, answer.came_ns - burst[0].came_ns)
            note("gap", answer, answer.came_ns - before)
            note("place", answer, place - by_sending[id(answer)])
            before = answer.came_ns
    return features


def bursts(answers: Sequence[Answer]) -> list[list[Answer]]:
    """Cut answers, in the order in which they came, where a tick ends."""
    cut: list[list[Answer]] = []
    last = -BURST_GAP_NS
    for answer in sorted(answers, key=lambda answer: answer.came_ns):
        if answer.came_ns - last >= BURST_GAP_NS:
            cut.append([])
        cut[-1].append(answer)
        last = answer.came_ns
    return cut


def _sent(answer: Answer) -> int:
    return answer.sent_ns
