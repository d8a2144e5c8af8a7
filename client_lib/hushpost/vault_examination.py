"""Whether a vault's file is what was written, looked at when it is opened (docs/vault.md, 8).

A row that is read is authenticated where it is read. Here is found what would otherwise be missed
without a word: an entry that no list shows any more, a record that lost its entry or a part, and
commits that SQLite leaves out because its log is damaged. It reads, and changes nothing.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from struct import Struct
from typing import Final

from hushpost.errors import VaultDamaged
from hushpost.vault_rows import Table
from hushpost.vault_sealing import CLASS_BYTES, Entry, Sealer, damaged

_TAG_BYTES: Final = 32
# SQLite's log: a header, and a header before each page (sqlite.org/fileformat2.html, 4.1).
_LOG_HEADER: Final = Struct(">8I")
_FRAME: Final = Struct(">6I")
_PAGE_BYTES: Final = tuple(1 << power for power in range(9, 17))
# Where its index in shared memory says how many frames are in use, in this machine's byte order.
_FRAMES_USED: Final = Struct("=16xI")
# One commit that is not whole is what a power loss leaves: it was told to nobody. Two are not: each
# is synced before the next is written.
_COMMITS_TORN_MAX: Final = 1


def examine_log(path: Path) -> None:
    """Raise `VaultDamaged` if SQLite would leave commits out of the log of a crash.

    Call it before the file is opened for writing: the last writer to close removes a log that says
    nothing. Raises SQLite's errors for a file that it cannot read.
    """
    try:
        log = path.with_name(path.name + "-wal").read_bytes()
    except FileNotFoundError:
        return
    if len(log) < _LOG_HEADER.size + _FRAME.size:
        return
    # A reader leaves the log as it is.
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as reader:
        reader.execute("SELECT count(*) FROM sqlite_master").fetchone()
        index = path.with_name(path.name + "-shm").read_bytes()
    if _commits_behind(log, *_FRAMES_USED.unpack_from(index)) > _COMMITS_TORN_MAX:
        raise VaultDamaged(
            "the vault's log is damaged, and what was stored last lies behind the damage: nothing "
            "was changed. Copy both files away and restore them from a backup of the disk"
        )


def _commits_behind(log: bytes, used: int) -> int:
    """Count the commits of this log behind the `used` first frames, whole or not."""
    page_bytes, salts = _LOG_HEADER.unpack_from(log)[2], _LOG_HEADER.unpack_from(log)[4:6]
    first = _FRAME.unpack_from(log, _LOG_HEADER.size)[2:4]
    if used == 0 and _agree(first, salts):
        # Frames of this very log, and none was taken: its header is damaged, and says nothing else.
        salts = first
        page_bytes = page_bytes if page_bytes in _PAGE_BYTES else _PAGE_BYTES[3]
    if page_bytes not in _PAGE_BYTES:
        return 0
    size = _FRAME.size + page_bytes
    begin = _LOG_HEADER.size + used * size
    frames = (_FRAME.unpack_from(log, at) for at in range(begin, len(log) - size + 1, size))
    return sum(1 for frame in frames if frame[1] and _agree(frame[2:4], salts))


def _agree(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Say whether two pairs of salts are of one log, though a byte of them may be damaged.

    The next log counts the first salt up and draws the second anew.
    """
    return one[0] == other[0] or one[1] == other[1]


def examine_rows(connection: sqlite3.Connection, sealer: Sealer) -> None:
    """Raise `VaultDamaged` for a file, an entry or a part that this vault did not leave so.

    Reads the whole file: some tenths of a second for a hundred megabytes.
    """
    if connection.execute("PRAGMA integrity_check(1)").fetchone() != ("ok",):
        raise damaged()
    shelves = {sealer.shelf(table) for table in Table}
    expected: list[dict[bytes, int]] = [{} for _ in CLASS_BYTES]
    for tag, shelf, form in connection.execute("SELECT tag, shelf, form FROM directory"):
        size_class, parts = Entry.read_form(form)
        if shelf not in shelves or len(tag) != _TAG_BYTES:
            raise damaged()
        expected[size_class][tag] = parts
    for size, of_class in zip(CLASS_BYTES, expected, strict=True):
        found = connection.execute(
            f"SELECT substr(part, 1, {_TAG_BYTES}), count(*) FROM body_{size} GROUP BY 1"  # noqa: S608 - sizes of ours
        )
        if dict(found.fetchall()) != of_class:
            raise damaged()
