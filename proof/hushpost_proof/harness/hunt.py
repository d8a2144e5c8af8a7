"""Hunts through the raw bytes of files: for pieces of ciphertext, and for words in any guise.

It opens files as a thief of the disk would and knows nothing of their formats. What it can find is
shown by the tests that use it: each hunts for what must be there, or is planted, as well.
"""

from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

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
    found: set[bytes] = set()
    for path in _files(folder):
        data = path.read_bytes()
        # One look-up for each position costs the same however many envelopes are hunted for.
        for start in range(len(data) - PIECE_BYTES + 1):
            owner = owners.get(data[start : start + PIECE_BYTES])
            if owner is not None:
                found.add(owner)
    return found


def hunt_words(place: Path, words: Iterable[bytes]) -> set[Trace]:
    """Return every word that lies in a file, or in any file of a folder, in any of `guises`."""
    found: set[Trace] = set()
    hunted = [(word, guise) for word in words for guise in guises(word)]
    for path in _files(place):
        data = path.read_bytes()
        lowered = data.lower()
        for word, guise in hunted:
            if guise in data or guise.lower() in lowered:
                found.add(Trace(word.decode("utf-8", "backslashreplace"), path.name))
    return found


def guises(word: bytes) -> set[bytes]:
    """Return the forms in which a word may lie about: plain, hexadecimal, Base64, UTF-16."""
    forms = {word, word.hex().encode()}
    for offset in range(3):
        # Base64 of a word within something longer: what its neighbours decide is cut off.
        encoded = b64encode(bytes(offset) + word)
        start = -(-offset * 8 // 6)
        inner = encoded[start : (offset + len(word)) * 8 // 6]
        forms |= {inner, inner.translate(bytes.maketrans(b"+/", b"-_"))}
    try:
        text = word.decode()
    except UnicodeDecodeError:
        return forms
    return forms | {text.encode("utf-16-le"), text.encode("utf-16-be")}


def _files(place: Path) -> list[Path]:
    if place.is_file():
        return [place]
    return sorted(path for path in place.rglob("*") if path.is_file())
