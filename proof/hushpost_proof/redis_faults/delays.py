"""How long mail took, read from the histories of both ends; pure.

Times are those of one machine's monotonic clock, which all histories of a run share.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from hushpost_proof.harness.journal import Incarnation, What

_NANO = 1e9


@dataclass(frozen=True, slots=True)
class Passage:
    """One message that arrived: who wrote to whom, and when; seconds of the monotonic clock."""

    sender: str
    recipient: str
    sent: float
    accepted: float | None
    arrived: float

    @property
    def seconds(self) -> float:
        """From the moment it stood in the outbox to the moment the app had it."""
        return self.arrived - self.sent

    @property
    def seconds_after_acceptance(self) -> float | None:
        """From the moment the sender was told ACCEPTED; negative where delivery came first."""
        return None if self.accepted is None else self.arrived - self.accepted


@dataclass(frozen=True, slots=True)
class Spread:
    """The middle, the ninety-ninth percentile and the longest of some times, in seconds."""

    count: int
    middle: float
    high: float
    longest: float

    def __str__(self) -> str:
        if not self.count:
            return "none"
        return f"p50 {_shown(self.middle)}, p99 {_shown(self.high)}, max {_shown(self.longest)}"


def passages(histories: Sequence[Incarnation]) -> list[Passage]:
    """Return every message that both ends know, by its id, in the order of arrival."""
    sent: dict[str, tuple[str, float]] = {}
    accepted: dict[str, float] = {}
    for life in histories:
        for event in life.events:
            if event.what is What.SENT:
                sent[event.message_id] = (life.client, event.at / _NANO)
            elif event.what is What.ACCEPTED:
                accepted[event.message_id] = event.at / _NANO
    found: dict[str, Passage] = {}
    for life in histories:
        for event in life.events:
            if event.what is What.RECEIVED and event.message_id in sent:
                sender, at = sent[event.message_id]
                known = accepted.get(event.message_id)
                passage = Passage(sender, life.client, at, known, event.at / _NANO)
                found.setdefault(event.message_id, passage)
    return sorted(found.values(), key=lambda one: one.arrived)


def spread(seconds: Sequence[float]) -> Spread:
    """Return what stands for many times."""
    if not seconds:
        return Spread(0, 0.0, 0.0, 0.0)
    ordered = sorted(seconds)
    return Spread(len(ordered), _at(ordered, 0.5), _at(ordered, 0.99), ordered[-1])


def recovery(every: Sequence[Passage], struck: float) -> float | None:
    """Return the seconds from a blow until each pair has mail that was written after it.

    None where a pair that wrote before has none: it did not recover, or wrote no more.
    """
    first: dict[tuple[str, str], float] = {}
    for passage in every:
        pair = (passage.sender, passage.recipient)
        if passage.sent >= struck:
            first[pair] = min(passage.arrived, first.get(pair, passage.arrived))
    before = {(one.sender, one.recipient) for one in every if one.sent < struck}
    if not before or before - first.keys():
        return None
    return max(first[pair] for pair in before) - struck


def _at(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _shown(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
