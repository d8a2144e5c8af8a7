"""Hunts through the raw bytes of files: for pieces of ciphertext, and for words in any guise.

It opens files as a thief of the disk would and knows nothing of their formats. What it can find is
shown by the tests that use it: each hunts for what must be there, or is planted, as well. The
guises and the search are the demo's (`hushpost_demo.guises`, `hushpost_demo.gram_search`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from hushpost_demo.gram_search import GramIndex
from hushpost_demo.guises import byte_needles, text_needles

# Freed pages were seen to keep 80 bytes and more of a deleted row; a remnant of 63 holds a piece.
PIECE_BYTES = 24
_PIECE_EVERY_BYTES = 40


@dataclass(frozen=True, slots=True)
class Trace:
    """Something that was found: what, and in which file."""

    what: str
    file: str


def hunt_ciphertext(folder: Path, envelopes: Iterable[bytes]) -> set[bytes]:
    """Return those envelopes of which a piece lies anywhere in the files of a folder."""
    owners: dict[bytes, bytes] = {}
    for envelope in envelopes:
        for start in range(0, len(envelope) - PIECE_BYTES, _PIECE_EVERY_BYTES):
            owners[envelope[start : start + PIECE_BYTES]] = envelope
    index = GramIndex(owners)
    return {owners[piece] for path in files_in(folder) for piece in index.search(path.read_bytes())}


def hunt_words(place: Path, words: Iterable[bytes]) -> set[Trace]:
    """Return every word that lies in a file, or in any file of a folder, in any of `guises`."""
    owners: dict[bytes, set[bytes]] = {}
    for word in words:
        for guise in guises(word):
            owners.setdefault(guise.lower(), set()).add(word)
    index = GramIndex(owners, fold=True)
    return {
        Trace(word.decode("utf-8", "backslashreplace"), path.name)
        for path in files_in(place)
        for guise in index.search(path.read_bytes())
        for word in owners[guise]
    }


def guises(word: bytes) -> set[bytes]:
    """Return the forms in which a word may lie about."""
    try:
        needles = list(text_needles(word.decode()))
    except UnicodeDecodeError:
        needles = list(byte_needles("bytes", word))
    return {word} | {needle.pattern for needle in needles}


def files_in(place: Path) -> list[Path]:
    """Return a file, or every file below a folder."""
    if place.is_file():
        return [place]
    return sorted(path for path in place.rglob("*") if path.is_file())
