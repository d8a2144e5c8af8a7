"""What became of each request of a flood: answered, told that it was refused, or neither.

    sent = answered + told + untold + open at the end

`told` is a close code, a refusal, an error or a status of HTTP: whoever gets one knows what
happened and when to come again. `untold` is silence: a connection cut without a word.
"""

import json
from collections import Counter
from dataclasses import dataclass, field

ANSWERED = "answered"
TOLD = "told"
UNTOLD = "untold"


@dataclass(slots=True)
class Outcomes:
    """Counts of one flood; `ways` says in which words it was told."""

    sent: int = 0
    counts: Counter[str] = field(default_factory=Counter[str])
    ways: Counter[str] = field(default_factory=Counter[str])

    def answered(self, times: int = 1) -> None:
        """Count what was done as asked."""
        self.counts[ANSWERED] += times

    def told(self, way: str, times: int = 1) -> None:
        """Count what was refused in so many words."""
        self.counts[TOLD] += times
        self.ways[way] += times

    def untold(self, way: str, times: int = 1) -> None:
        """Count what ended in silence."""
        self.counts[UNTOLD] += times
        self.ways[f"silence: {way}"] += times

    @property
    def open_at_end(self) -> int:
        """What was still under way when the flood ended; never less than nothing."""
        return self.sent - sum(self.counts.values())

    def to_json(self) -> str:
        """Write one line for the process that asked."""
        return json.dumps({"sent": self.sent, "counts": self.counts, "ways": self.ways})

    @classmethod
    def from_json(cls, line: str | bytes) -> "Outcomes":
        """Read what `to_json` wrote."""
        told = json.loads(line)
        return cls(told["sent"], Counter(told["counts"]), Counter(told["ways"]))
