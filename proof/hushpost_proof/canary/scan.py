"""One reading of many surfaces for all guises of all canaries, counted, so that none is skipped.

A surface is a place where something could have been left: a file, the log, the memory of a
process. What was read of each is counted, since a scan of nothing finds nothing.
"""

from collections import Counter
from collections.abc import Iterable, Set
from dataclasses import dataclass

from hushpost_demo.gram_search import GramIndex
from hushpost_demo.guises import Needle, unescaped

_SEEN_AROUND_BYTES = 24


@dataclass(frozen=True, slots=True)
class Sighting:
    """A canary where it must not be: on which surface, in which guise, between what."""

    surface: str
    what: str
    encoding: str
    where: str

    def __str__(self) -> str:
        return f"{self.what} as {self.encoding} in {self.surface} ({self.where})"


class CanaryScan:
    """Takes in surfaces piece by piece. `sightings` and `bytes_read` are what came of it."""

    def __init__(self, needles: Iterable[Needle]) -> None:
        self._owners: dict[bytes, list[Needle]] = {}
        for needle in needles:
            self._owners.setdefault(needle.pattern.lower(), []).append(needle)
        self._index = GramIndex(self._owners, fold=True)
        self.guises = len(self._owners)
        self.bytes_read: Counter[str] = Counter()
        self.looks: Counter[str] = Counter()
        self.sightings: list[Sighting] = []

    def look(self, surface: str, where: str, data: bytes) -> None:
        """Search some bytes of a surface, as they are and with what is escaped in them resolved."""
        self.bytes_read[surface] += len(data)
        self.looks[surface] += 1
        for view, content in (("", data), (", escaped", unescaped(data))):
            for pattern, place in self._index.search(content).items():
                around = content[max(0, place - _SEEN_AROUND_BYTES) : place + len(pattern)]
                for needle in self._owners[pattern]:
                    self.sightings.append(
                        Sighting(
                            surface,
                            needle.what,
                            needle.encoding + view,
                            f"{where} at {place}: {around[:96]!r}",
                        )
                    )

    def forget(self, surface: str, whats: Set[str]) -> None:
        """Drop what was sighted of some canaries on one surface, to look there once more."""
        self.sightings = [
            one for one in self.sightings if one.surface != surface or one.what not in whats
        ]

    def seen(self, surface: str) -> set[str]:
        """Return what was sighted on one surface."""
        return {one.what for one in self.sightings if one.surface == surface}

    def unread(self, surfaces: Iterable[str]) -> list[str]:
        """Return those surfaces of which not one byte was read."""
        return [surface for surface in surfaces if not self.bytes_read[surface]]
