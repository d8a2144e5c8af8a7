"""Finding many short patterns in many megabytes, without looking for them one by one.

A pattern of fifteen bytes or more, wherever it stands, covers one whole group of eight bytes that
begins at a multiple of eight; which one of its own first eight groups that is depends on where it
stands. So the data is read as 64-bit numbers, once, and only where one of them is a group of some
pattern is that pattern looked for. Patterns of seven bytes and more are found by groups of four in
the same way, and what is shorter is looked for plainly.
"""

import sys
from collections.abc import Iterable, Iterator
from typing import Final, Literal

# Small enough that a window with a common group in it costs little to look through, large enough
# that a step of the interpreter for each window does not count.
WINDOW_BYTES: Final = 1 << 16


class GramIndex:
    """Patterns, laid out for `search`. With ``fold`` case is ignored (ASCII letters only)."""

    def __init__(self, patterns: Iterable[bytes], *, fold: bool = False) -> None:
        self._fold = fold
        unique = {pattern.lower() if fold else pattern for pattern in patterns}
        if b"" in unique:
            raise ValueError("an empty pattern stands everywhere")
        self._overlap = max(map(len, unique), default=0)
        self._wide = _Groups(8, "Q")
        self._narrow = _Groups(4, "I")
        self._short: list[bytes] = []
        for pattern in unique:
            if not (self._wide.add(pattern) or self._narrow.add(pattern)):
                self._short.append(pattern)
        self.patterns = frozenset(unique)

    def search(self, data: bytes) -> dict[bytes, int]:
        """Give every pattern that stands in the data, and the first place of each."""
        found: dict[bytes, int] = {}
        for start in range(0, len(data), WINDOW_BYTES):
            window = data[start : start + WINDOW_BYTES + self._overlap]
            if self._fold:
                window = window.lower()
            for pattern in self._candidates(window):
                if pattern not in found:
                    place = window.find(pattern)
                    if place >= 0:
                        found[pattern] = start + place
        return found

    def _candidates(self, window: bytes) -> Iterator[bytes]:
        yield from self._wide.candidates(window)
        yield from self._narrow.candidates(window)
        yield from self._short


class _Groups:
    """The groups of one width of all patterns that are long enough for it."""

    def __init__(self, width: int, number: Literal["Q", "I"]) -> None:
        self._width = width
        self._number = number
        self._owners: dict[int, list[bytes]] = {}
        self._groups: frozenset[int] | None = None

    def add(self, pattern: bytes) -> bool:
        """Take a pattern in, if it covers a whole group wherever it stands."""
        if len(pattern) < 2 * self._width - 1:
            return False
        for offset in range(self._width):
            group = int.from_bytes(pattern[offset : offset + self._width], sys.byteorder)
            self._owners.setdefault(group, []).append(pattern)
        self._groups = None
        return True

    def candidates(self, window: bytes) -> Iterator[bytes]:
        """Give the patterns of which a group stands in the window; its start is a multiple of 8."""
        if self._groups is None:
            self._groups = frozenset(self._owners)
        if not self._groups:
            return
        whole = len(window) - len(window) % self._width
        view = memoryview(window)[:whole]
        # Two calls, since the checkers know the formats by name alone.
        numbers: memoryview[int] = view.cast("Q") if self._width == 8 else view.cast("I")
        seen: set[bytes] = set()
        for group in self._groups.intersection(numbers):
            for pattern in self._owners[group]:
                if pattern not in seen:
                    seen.add(pattern)
                    yield pattern
