"""What is hunted: people nobody could take for anyone else, and where they connect from.

Made from a seed, so that nothing an earlier run left behind is found in this one.
"""

import random
import re
import socket
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from hushpost_demo.guises import Needle, byte_needles, digest_needles, plainer_forms, text_needles

# Eight given bytes, case ignored, stand by chance once in 2**56 places: a thousand such words in
# a gigabyte raise a false alarm once in 2**16 runs.
WORD_BYTES_MIN = 8
_WORD = re.compile(r"\w+")
_SYLLABLES = (
    *("brix", "quol", "vand", "zerph", "umlo", "hask", "jyrr", "pemb", "twil", "dorv", "fenk"),
    *("grau", "wexl", "ösk", "ümb", "ñar", "plon", "kreg", "sibb", "mauk", "yolv", "throg"),
    *("nuxl", "catz"),
)
# Twenty-four syllables, five a word: of a few hundred words no two are alike.
_SYLLABLES_PER_WORD = 5


class Kind(StrEnum):
    """What a canary is to the relay."""

    TOLD_NOBODY = "a person's own"
    ADDRESS = "a client's address"
    SHOWN = "sent to the relay in clear by a bad client"
    SECRET = "a secret that the relay must use and not keep"


@dataclass(frozen=True, slots=True)
class Canary:
    """One text or some bytes to hunt, and what they are to the relay."""

    what: str
    kind: Kind
    text: str = ""
    data: bytes = b""

    def needles(self) -> Iterator[Needle]:
        """Give every guise; `what` of each is this canary's."""
        for needle in self._all():
            yield Needle(self.what, needle.encoding, needle.pattern)

    def _all(self) -> Iterator[Needle]:
        if self.data:
            yield Needle(self.what, "raw", self.data)
            yield from byte_needles(self.what, self.data)
            return
        for form in (*plainer_forms(self.text), *self._words(), *self._numbers()):
            yield from text_needles(form)
        yield from digest_needles(self.text)
        for number in self._numbers():
            yield from digest_needles(number)
        if self.kind is Kind.ADDRESS:
            yield from _packed(self.text)

    def _words(self) -> Iterator[str]:
        for word in _WORD.findall(self.text):
            if len(word.encode()) >= WORD_BYTES_MIN:
                yield word

    def _numbers(self) -> Iterator[str]:
        digits = re.sub(r"\D", "", self.text)
        if self.text.startswith("+"):
            yield from ("+" + digits, digits, "00" + digits, digits[2:])


@dataclass(frozen=True, slots=True)
class Character:
    """A person: what they are called, how they are reached elsewhere, and what they say."""

    name: str
    phone: str
    email: str
    sayings: tuple[str, ...]

    def canaries(self) -> list[Canary]:
        """Give all that belongs to the person alone."""
        told = {"name": self.name, "phone": self.phone, "email": self.email}
        given = self.name.split()[0]
        found = [Canary(f"{given}'s {what}", Kind.TOLD_NOBODY, text) for what, text in told.items()]
        for number, saying in enumerate(self.sayings, start=1):
            found.append(Canary(f"{given}'s saying {number}", Kind.TOLD_NOBODY, saying))
        return found


def make_character(chance: random.Random, sayings: int = 4) -> Character:
    """Invent a person."""
    first, last = _word(chance).capitalize(), _word(chance).capitalize()
    digits = "".join(chance.choice("0123456789") for _ in range(9))
    phone = f"+49 {digits[:3]} {digits[3:6]}-{digits[6:]}"
    box = f"{_ascii(first)}.{_ascii(last)}{chance.randrange(100, 999)}"
    email = f"{box}@{_ascii(_word(chance))}.example"
    name = f"{first} {last}"
    spoken = tuple(
        f"{name}: {_word(chance)} {_word(chance)}? {phone} / {email}"
        if number == 0
        else f"{_word(chance)}-{_word(chance)} “{_word(chance)}” {number}"
        for number in range(sayings)
    )
    return Character(name, phone, email, spoken)


def make_address(chance: random.Random) -> str:
    """Give an unusual address of this machine, of three digits in each place."""
    return "127." + ".".join(str(chance.randrange(130, 250)) for _ in range(3))


def make_mark(chance: random.Random) -> str:
    """Give a word that a bad client sends: letters, so that it passes wherever text does."""
    return f"{_ascii(_word(chance))}-{_ascii(_word(chance))}"


def needles_of(canaries: Iterable[Canary]) -> list[Needle]:
    """Give the needles of all, each pattern once."""
    by_pattern: dict[tuple[str, bytes], Needle] = {}
    for canary in canaries:
        for needle in canary.needles():
            by_pattern.setdefault((needle.what, needle.pattern.lower()), needle)
    return list(by_pattern.values())


def _packed(address: str) -> Iterator[Needle]:
    """Give forms that programs keep an address in and that do not stand anywhere by chance."""
    packed = socket.inet_aton(address)
    number = int.from_bytes(packed)
    yield Needle(address, "int in memory", struct.pack("<II", number & 0x3FFFFFFF, number >> 30))
    yield Needle(address, "IPv6-mapped", bytes(10) + b"\xff\xff" + packed)


def sockaddr(address: str, port: int) -> bytes:
    """Give an address and port as the kernel hands them to a program."""
    return struct.pack("<H", socket.AF_INET) + struct.pack(">H", port) + socket.inet_aton(address)


def _word(chance: random.Random) -> str:
    return "".join(chance.choice(_SYLLABLES) for _ in range(_SYLLABLES_PER_WORD))


def _ascii(word: str) -> str:
    return word.translate(str.maketrans("öüñ", "oun")).lower()
