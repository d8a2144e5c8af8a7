"""What a running process could have written to, read at one moment and searched afterwards.

A Redis server that stands still for seconds is taken for dead by its cluster and by relays, so its
image is copied first. Left out is what cannot hold anything of anybody: pages of program files that
are not writable, and stretches of one byte repeated, such as pages never used, or overwritten.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from hushpost_proof.canary.scan import CanaryScan
from hushpost_proof.memory_image import Mapping, Piece, read_image, stopped

_BLOCK_BYTES: Final = 1 << 14


@dataclass(frozen=True, slots=True)
class Stretch:
    """Bytes that are not all alike, and where they were."""

    where: str
    data: bytes


def image_of(pid: int) -> list[Stretch]:
    """Copy the image of a process that runs; raises `ImageUnreadable`."""
    with stopped(pid):
        pieces = [piece for piece in read_image(pid) if _can_hold(piece.mapping)]
    return [stretch for piece in pieces for stretch in _uneven(piece)]


def look_at_image(scan: CanaryScan, pid: int, surface: str) -> None:
    """Search the image of a process that runs; raises `ImageUnreadable`."""
    for stretch in image_of(pid):
        scan.look(surface, stretch.where, stretch.data)


def _can_hold(mapping: Mapping) -> bool:
    return "w" in mapping.rights or not mapping.name.startswith("/")


def _uneven(piece: Piece) -> Iterator[Stretch]:
    """Yield the stretches between blocks of one repeated byte."""
    data, began = piece.data, None
    name = f"{piece.mapping.name or 'anonymous'} {piece.mapping.rights}"
    for start in range(0, len(data), _BLOCK_BYTES):
        block = data[start : start + _BLOCK_BYTES]
        is_even = block.count(block[0]) == len(block)
        if not is_even and began is None:
            began = start
        elif is_even and began is not None:
            yield Stretch(f"{name} {piece.address + began:#x}", data[began:start])
            began = None
    if began is not None:
        yield Stretch(f"{name} {piece.address + began:#x}", data[began:])
