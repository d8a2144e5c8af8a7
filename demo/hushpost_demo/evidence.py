"""What the demo proves at its end: nothing readable was written, and what was read is gone.

A scan that finds nothing shows nothing unless it can find: so each is shown to find first. The
waiting envelopes are found in the relay's files while they wait, and hunted again after they were
read; the words are hunted, and then planted in every spelling in the same folder and hunted again.
"""

import asyncio
import base64
import sqlite3
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hushpost_demo.errors import FactFailed
from hushpost_demo.guises import Needle
from hushpost_demo.leak_scan import Finding, Report, envelope_needles, phrases, word_needles
from hushpost_demo.scan_process import scan_apart

# The relay promises that a deleted envelope has left its files after this time.
ERASURE_SECONDS_MAX: Final = 30.0
_LOOK_AGAIN_SECONDS: Final = 0.5
_CONTROL_FOLDER: Final = "planted"


@dataclass(frozen=True, slots=True)
class Hunt:
    """A scan of one party's folder, or memory, for everything that must not be there."""

    where: str
    phrases: int
    spellings: int
    report: Report
    unit: str = "files"


@dataclass(frozen=True, slots=True)
class Control:
    """Leaks that were planted, and those of them that the scan found."""

    planted: tuple[str, ...]
    found: tuple[str, ...]

    @property
    def all_found(self) -> bool:
        """Whether the scan can see."""
        return bool(self.planted) and set(self.planted) == set(self.found)


async def hunt_words(where: str, folder: Path, texts: Sequence[str], ids: Iterable[Needle]) -> Hunt:
    """Hunt every word of the texts, and further needles, in a folder."""
    wanted = phrases(texts)
    needles = [needle for phrase in wanted for needle in word_needles(phrase)]
    needles += ids
    report = await scan_apart([folder], needles)
    return Hunt(where, len(wanted), len(needles), report)


async def find_envelopes(folder: Path, envelopes: Sequence[bytes]) -> tuple[Finding, ...]:
    """Give where pieces of the envelopes' own bytes stand in the files of a folder."""
    needles = [
        needle
        for number, envelope in enumerate(envelopes, start=1)
        for needle in envelope_needles(f"envelope {number}", envelope)
    ]
    return (await scan_apart([folder], needles)).findings


async def await_erasure(folder: Path, envelopes: Sequence[bytes]) -> float:
    """Wait until no piece of the envelopes stands in the folder; gives the seconds it took.

    Raises `FactFailed` when the relay's own promise is broken.
    """
    began = time.monotonic()
    while findings := await find_envelopes(folder, envelopes):
        if time.monotonic() - began > ERASURE_SECONDS_MAX:
            raise FactFailed(
                f"{findings[0].what} was read, and {ERASURE_SECONDS_MAX:.0f} seconds later it"
                f" still stands in {findings[0].file}"
            )
        await asyncio.sleep(_LOOK_AGAIN_SECONDS)
    return time.monotonic() - began


async def control(folder: Path, text: str) -> Control:
    """Plant leaks of a text in the folder, in every spelling; scan; take them away again."""
    with planted(folder / _CONTROL_FOLDER, text) as names:
        report = await scan_apart([folder], word_needles(text))
    found = {finding.file.removesuffix("-wal") for finding in report.findings}
    return Control(tuple(names), tuple(name for name in names if name in found))


@contextmanager
def planted(folder: Path, text: str) -> Generator[list[str]]:
    """Write the text into files of a folder, one a spelling, and remove them all at the end."""
    folder.mkdir()
    database = folder / "leak-row.db"
    files = dict(_spellings(text))
    try:
        for name, content in files.items():
            (folder / name).write_bytes(content)
        # A row of a database that is open: it stands in the write-ahead log.
        with closing(sqlite3.connect(database, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("CREATE TABLE leak (words TEXT)")
            connection.execute("INSERT INTO leak VALUES (?)", (text,))
            yield [*files, database.name]
    finally:
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()


def _spellings(text: str) -> Iterator[tuple[str, bytes]]:
    plain = text.encode()
    yield "leak.log", b"connection 17 said: " + plain + b"\n"
    yield "leak-utf16", text.encode("utf-16-le")
    yield "leak-utf16-big", text.encode("utf-16-be")
    yield "leak-hex", plain.hex().encode()
    for offset in range(3):
        yield f"leak-base64-{offset}", base64.b64encode(b"{" * offset + plain)
