"""Whether SQLite's write-ahead log will be read to its end (docs/spec/store.md, "Damage").

SQLite takes a frame whose checksum is wrong for the end of the log: that is what a power loss
leaves, and right. A flipped byte looks the same to it, and everything that was committed behind it
would be gone without a word. The two are told apart here, before SQLite opens the file: a
transaction is synced before the next one is written, so what stands behind a broken one shows that
it was whole once.

The format: https://www.sqlite.org/fileformat2.html, section 4. Reads only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from itertools import pairwise
from pathlib import Path
from struct import Struct
from typing import Final

_HEADER: Final = Struct(">8I")
_FRAME: Final = Struct(">6I")
_MAGIC: Final = 0x377F0682
_PAGE_BYTES: Final = frozenset(1 << power for power in range(9, 17))
_WORD: Final = 0xFFFFFFFF

Checksum = tuple[int, int]


class LogState(Enum):
    """What opening the database will make of its log."""

    WHOLE = auto()
    """Empty, absent, or every frame counts up to its last commit."""
    CUT = auto()
    """It ends in a transaction that is not whole: usual after a power loss, and only then."""
    DAMAGED = auto()
    """Committed transactions stand behind a damaged frame, and SQLite would not see them."""


@dataclass(frozen=True, slots=True)
class _Frame:
    salts: tuple[int, int]
    is_commit: bool
    checksum: Checksum
    data: bytes

    def follows(self, before: Checksum, order: str) -> bool:
        """Say whether the checksum is right behind a frame with checksum `before`."""
        return _checksum(self.data, before, order) == self.checksum


def inspect_log(database: Path) -> LogState:
    """Say whether SQLite will read the whole log of a database that nobody has open.

    Takes some 0.1 ms a page; a log that was closed in peace is empty. Raises OSError.
    """
    try:
        log = database.with_name(database.name + "-wal").read_bytes()
    except FileNotFoundError:
        return LogState.WHOLE
    if len(log) < _HEADER.size + _FRAME.size:
        return LogState.WHOLE
    magic, _, page_bytes, _, *salts, first, second = _HEADER.unpack_from(log)
    order = "big" if magic & 1 else "little"
    is_sound = (
        magic & ~1 == _MAGIC
        and page_bytes in _PAGE_BYTES
        and _checksum(log[:24], (0, 0), order) == (first, second)
    )
    if not is_sound:
        return _behind_bad_header(log, (salts[0], salts[1]))
    frames = list(_frames(log, page_bytes))
    return _walk(frames, (salts[0], salts[1]), (first, second), order)


def _walk(frames: list[_Frame], salts: tuple[int, int], checksum: Checksum, order: str) -> LogState:
    for place, frame in enumerate(frames):
        if frame.salts != salts or not frame.follows(checksum, order):
            return _judge(frames[place:], salts, order)
        checksum = frame.checksum
    # Frames without a commit at the end: a process that died while it wrote them.
    return LogState.WHOLE


def _judge(rest: list[_Frame], salts: tuple[int, int], order: str) -> LogState:
    """Judge a log whose frame `rest[0]` is not what it should be."""
    if not any(_agrees(frame.salts, salts) for frame in rest):
        # What lies here is of the log before: this one ends where it should.
        return LogState.WHOLE
    committed = False
    for before, frame in pairwise(rest):
        committed = committed or before.is_commit
        if committed and frame.salts == salts and frame.follows(before.checksum, order):
            return LogState.DAMAGED
    return LogState.CUT


def _behind_bad_header(log: bytes, salts: tuple[int, int]) -> LogState:
    """Judge a log whose header is broken: of frames of its own, or of the log before.

    A header is synced before its first frame is written, and a new one has another second salt.
    """
    frame = _FRAME.unpack_from(log, _HEADER.size)
    found = (frame[2], frame[3])
    return LogState.DAMAGED if _agrees(found, salts) else LogState.CUT


def _agrees(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Say whether two pairs of salts are of one log, one of the four numbers perhaps damaged.

    The next log counts the first salt up and draws the second anew.
    """
    return one[0] == other[0] or one[1] == other[1]


def _frames(log: bytes, page_bytes: int) -> Iterator[_Frame]:
    size = _FRAME.size + page_bytes
    for start in range(_HEADER.size, len(log) - size + 1, size):
        _, commit, first_salt, second_salt, *checksum = _FRAME.unpack_from(log, start)
        data = log[start : start + 8] + log[start + _FRAME.size : start + size]
        yield _Frame((first_salt, second_salt), commit != 0, (checksum[0], checksum[1]), data)


def _checksum(data: bytes, start: Checksum, order: str) -> Checksum:
    first, second = start
    words = Struct(f"{'>' if order == 'big' else '<'}{len(data) // 4}I").unpack(data)
    pairs = iter(words)
    for one, other in zip(pairs, pairs, strict=True):
        first = first + one + second & _WORD
        second = second + other + first & _WORD
    return first, second
