"""What a process of the soak did: counts by name, written where the run reads them.

A file and no pipe: the run looks when it likes, and a process that ended has still told.
"""

import json
from collections import Counter
from pathlib import Path


class Tally:
    """Counts, in a file of JSON that is replaced whole."""

    def __init__(self, path: Path) -> None:
        self.counts: Counter[str] = Counter()
        self._path = path

    def add(self, what: str, times: int = 1) -> None:
        """Count, in memory."""
        self.counts[what] += times

    def save(self) -> None:
        """Write the counts for others to read."""
        hidden = self._path.with_suffix(".new")
        hidden.write_text(json.dumps(self.counts))
        hidden.rename(self._path)


def read_tally(path: Path) -> Counter[str]:
    """Read what a `Tally` saved; nothing when it has not yet."""
    if not path.exists():
        return Counter()
    return Counter(json.loads(path.read_text()))
