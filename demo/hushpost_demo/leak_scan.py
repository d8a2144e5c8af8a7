"""Hunting text in files, however it may have been written (docs/demo.md, "The scan").

A needle is one spelling of one thing that must not be there, in one of the guises that `guises`
lists. Short words are hunted together with their neighbours: three letters alone occur in any
megabyte of ciphertext by chance, and an alarm that rings by chance is worth nothing.
"""

import base64
import json
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

from hushpost_demo.gram_search import GramIndex
from hushpost_demo.guises import Needle, byte_needles, text_needles

# Five given bytes stand at a given place of random data once in 2**40: with a hundred needles over
# a few megabytes a false alarm comes once in some thousand runs of the demo.
WORD_BYTES_MIN: Final = 5
# Any piece of this size is found whole within an envelope that was only partly overwritten.
PIECE_BYTES: Final = 32
_WORD: Final = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Finding:
    """A needle that was found, and where first in which file."""

    file: str
    what: str
    encoding: str
    offset: int


@dataclass(frozen=True, slots=True)
class Report:
    """What a scan read and what it found."""

    files: int
    bytes_read: int
    findings: tuple[Finding, ...]


def phrases(texts: Iterable[str]) -> list[str]:
    """Give each text whole, each of its longer words, and each pair of neighbours."""
    found: dict[str, None] = {}
    for text in texts:
        found[text] = None
        places = list(_WORD.finditer(text))
        for place in places:
            if len(place.group().encode()) >= WORD_BYTES_MIN:
                found[place.group()] = None
        for first, second in pairwise(places):
            pair = text[first.start() : second.end()]
            if len(pair.encode()) >= WORD_BYTES_MIN:
                found[pair] = None
    return list(found)


def word_needles(what: str) -> Iterator[Needle]:
    """Give the guises of a text as it is, in lower and in upper case."""
    for spelling in dict.fromkeys((what, what.lower(), what.upper())):
        yield from text_needles(what, spelling)
        yield Needle(what, "hexadecimal", spelling.encode().hex().upper().encode())


def envelope_needles(what: str, envelope: bytes) -> Iterator[Needle]:
    """Give an envelope's own bytes, piece by piece, and its beginning as text."""
    for start in range(0, len(envelope) - PIECE_BYTES + 1, PIECE_BYTES):
        yield Needle(what, "raw bytes", envelope[start : start + PIECE_BYTES])
    yield from byte_needles(what, envelope[:PIECE_BYTES])


def scan(folders: Iterable[Path], needles: Iterable[Needle]) -> Report:
    """Read every file under the folders and look for every needle; the first place of each.

    Raises `NotADirectoryError` for a folder that is not there: looking nowhere finds nothing.
    """
    wanted: dict[bytes, list[Needle]] = {}
    for needle in dict.fromkeys(needles):
        wanted.setdefault(needle.pattern, []).append(needle)
    index = GramIndex(wanted)
    findings: list[Finding] = []
    files = bytes_read = 0
    for path in sorted(path for folder in folders for path in _inside(folder)):
        content = _read(path)
        if content is None:
            continue
        files += 1
        bytes_read += len(content)
        for pattern, offset in index.search(content).items():
            owners = {needle.what: needle for needle in wanted[pattern]}
            for needle in owners.values():
                findings.append(Finding(path.name, needle.what, needle.encoding, offset))
    findings.sort(key=lambda finding: (finding.file, finding.offset))
    return Report(files, bytes_read, tuple(findings))


def _inside(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is no folder to scan")
    return folder.rglob("*")


def _read(path: Path) -> bytes | None:
    """Give a file's bytes; None for a folder, or for a file that ended since it was listed."""
    try:
        return path.read_bytes() if path.is_file() else None
    except FileNotFoundError:
        return None


def main() -> None:
    """Scan as a process of its own: the order is JSON on standard input, the report on output.

    Apart for two reasons: a process that searches its own memory's files holds what it looks for,
    and closing a database file that this process has open elsewhere would drop SQLite's locks.
    """
    order = json.load(sys.stdin)
    needles = [Needle(what, how, base64.b64decode(raw)) for what, how, raw in order["needles"]]
    report = scan([Path(folder) for folder in order["folders"]], needles)
    findings = [[f.file, f.what, f.encoding, f.offset] for f in report.findings]
    json.dump([report.files, report.bytes_read, findings], sys.stdout)


if __name__ == "__main__":
    main()
