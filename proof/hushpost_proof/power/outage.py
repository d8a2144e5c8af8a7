"""Power is cut at one moment after the other; every disk that fits is opened and judged."""

import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

from hushpost_proof.power.choices import choices
from hushpost_proof.power.disk import Disk, Image

# Where a folder in memory is, images are laid out without wearing a real disk.
_IN_MEMORY = Path("/dev/shm")

Judge = Callable[[Path, int, bool], Awaitable[list[str]]]
"""Takes an image's folder, the position of the cut, and whether nothing uncertain is on it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How hard to look. `seconds` ends it; what was planned and not tried is counted."""

    seconds: float
    exhaustive_max: int = 5
    sample: int = 6
    # A control ends when it is found.
    ends_when_broken: bool = False


@dataclass(slots=True)
class Outage:
    """What cutting the power showed."""

    moments: int = 0
    moments_planned: int = 0
    images: int = 0
    repeated: int = 0
    complaints: Counter[str] = field(default_factory=Counter[str])
    first: str = ""

    def note(self, complaints: Sequence[str], moment: int, kept: int) -> None:
        """Count the complaints about one image."""
        self.complaints.update(set(complaints))
        if complaints and not self.first:
            self.first = f"cut at {moment} with {kept} unsynced changes kept: {complaints[0]}"


async def cut_power(
    disk: Disk, positions: Sequence[int], judge: Judge, chance: random.Random, plan: Plan
) -> Outage:
    """Try disks at each position, in order, until the time is up."""
    outage = Outage(moments_planned=len(positions))
    began = time.monotonic()
    seen: set[bytes] = set()
    with _place() as folder:
        for number, position in enumerate(positions):
            # Each moment has its share of what is left: a crowded one takes nobody else's.
            now = time.monotonic()
            left = began + plan.seconds - now
            share = now + max(0.0, left) / (len(positions) - number) * 2
            if left <= 0 or (plan.ends_when_broken and outage.complaints):
                break
            outage.moments += 1
            await _one_moment(
                disk, position, judge, chance, plan, outage, seen, Path(folder), share
            )
    return outage


async def _one_moment(
    disk: Disk,
    position: int,
    judge: Judge,
    chance: random.Random,
    plan: Plan,
    outage: Outage,
    seen: set[bytes],
    folder: Path,
    until: float,
) -> None:
    moment = disk.moment(position)
    shelf = disk.shelf(moment)
    wanted = list(
        choices(moment.open, chance, exhaustive_max=plan.exhaustive_max, sample=plan.sample)
    )
    # The least disk comes first, since it shows what is certainly gone; the rest in any order.
    first, rest = wanted[:1], wanted[1:]
    chance.shuffle(rest)
    for number, (kept, torn) in enumerate((*first, *rest)):
        is_found = plan.ends_when_broken and bool(outage.complaints)
        if number and (time.monotonic() > until or is_found):
            return
        image = shelf.image(kept, torn)
        digest = _digest(image, position)
        if digest in seen:
            outage.repeated += 1
            continue
        seen.add(digest)
        where = folder / "image"
        where.mkdir()
        try:
            image.write(where)
            complaints = await judge(where, position, number == 0)
        finally:
            shutil.rmtree(where)
        outage.images += 1
        outage.note(complaints, position, len(kept))


def _place() -> "tempfile.TemporaryDirectory[str]":
    place = _IN_MEMORY if _IN_MEMORY.is_dir() else None
    return tempfile.TemporaryDirectory(prefix="hushpost-power-", dir=place)


def _digest(image: Image, position: int) -> bytes:
    """Name an image: one that was tried for a later moment was held against more promises."""
    hashed = blake2b(position.to_bytes(8, "big"), digest_size=16)
    for name, data in sorted(image.files.items()):
        hashed.update(name.encode() + b"\0" + (b"-" if data is None else b"+" + data))
    return hashed.digest()
