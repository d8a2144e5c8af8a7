"""One byte of one file, changed: where, and what came of it."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

# Every page gets flips at its head, where its structure stands, and at random places.
_HEAD_BYTES = 12
NO_BOUND = 1 << 30


@dataclass(frozen=True, slots=True)
class Flip:
    """A byte of a file, and the bits of it that change."""

    name: str
    place: int
    mask: int

    def apply(self, folder: Path) -> None:
        """Change it, on the disk."""
        with (folder / self.name).open("r+b") as file:
            file.seek(self.place)
            (byte,) = file.read(1)
            file.seek(self.place)
            file.write(bytes((byte ^ self.mask,)))


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file of a folder but SQLite's index in shared memory and its lock."""
    return {
        path.name: path.read_bytes()
        for path in folder.iterdir()
        if not path.name.endswith(("-shm", ".lock"))
    }


@dataclass(slots=True)
class Tally:
    """What became of the flips: by outcome, and the first that was bad."""

    outcomes: Counter[str] = field(default_factory=Counter[str])
    bad: int = 0
    first: str = ""

    def note(self, flip: Flip, outcome: str, *, is_bad: bool = False) -> None:
        """Count one."""
        self.outcomes[outcome] += 1
        self.bad += is_bad
        if is_bad and not self.first:
            self.first = f"{flip.name} byte {flip.place} ^ {flip.mask:#04x}: {outcome}"


def flips(
    folder: Path, names: Sequence[str], page_bytes: int, chance: random.Random, per_page: int
) -> list[Flip]:
    """Choose flips over every page of the files, in any order."""
    chosen: list[Flip] = []
    for name in names:
        size = (folder / name).stat().st_size
        for page in range(0, size, page_bytes):
            end = min(page_bytes, size - page)
            places = [chance.randrange(end) for _ in range(per_page)]
            places.append(chance.randrange(min(_HEAD_BYTES, end)))
            if page == 0:
                # The header of the file: each of its bytes means something of its own.
                places += range(min(100, end))
            chosen += [Flip(name, page + place, 1 << chance.randrange(8)) for place in places]
    chance.shuffle(chosen)
    return chosen
