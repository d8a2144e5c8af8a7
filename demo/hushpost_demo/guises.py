r"""The guises in which a text or some bytes may lie about: the one table of them in the project.

The demo's scan, the hunts of the tests and the canary scan all take their needles from here. Case
is ignored by whoever searches (`gram_search.GramIndex(..., fold=True)`), so capitals are no guise
of their own. Partly escaped text (`%C3%BC`, `\u00fc`, and what is left plain between) cannot be
listed: `unescaped` turns it back into text instead.
"""

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, quote_plus

# A digest cut to half of SHA-256's length is still one; so much of each is looked for.
DIGEST_BYTES_SEEN: Final = 15
# What stands around an escape sequence belongs to it: as far as the longest text that is hunted.
_AROUND_BYTES: Final = 160

DIGESTS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "SHA-256": lambda data: hashlib.sha256(data).digest(),
    "SHA-512": lambda data: hashlib.sha512(data).digest(),
    "SHA-1": lambda data: hashlib.sha1(data, usedforsecurity=False).digest(),
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).digest(),
    "BLAKE2b": lambda data: hashlib.blake2b(data).digest(),
    "BLAKE2b of 32": lambda data: hashlib.blake2b(data, digest_size=32).digest(),
    "BLAKE2s": lambda data: hashlib.blake2s(data).digest(),
}


@dataclass(frozen=True, slots=True)
class Needle:
    """One guise: what it is of, how it is written, and the bytes to look for."""

    what: str
    encoding: str
    pattern: bytes


def text_needles(what: str, spelling: str = "") -> Iterator[Needle]:
    """Give the guises of a text, or of another spelling of it."""
    spelling = spelling or what
    plain = spelling.encode()
    yield Needle(what, "UTF-8", plain)
    yield Needle(what, "UTF-8 reversed", plain[::-1])
    for codec in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"):
        yield Needle(what, codec.upper(), spelling.encode(codec))
    western = spelling.encode("latin-1", "ignore")
    if western != plain and len(western) == len(spelling):
        # Python keeps a text of Western letters in memory as Latin-1.
        yield Needle(what, "Latin-1", western)
    for escaped in dict.fromkeys((quote(spelling, safe=""), quote(spelling), quote_plus(spelling))):
        if escaped != spelling:
            yield Needle(what, "URL", escaped.encode())
    yield Needle(what, "URL, each byte", b"".join(b"%%%02x" % byte for byte in plain))
    in_json = json.dumps(spelling)[1:-1]
    if in_json != spelling:
        yield Needle(what, "JSON", in_json.encode())
    yield from byte_needles(what, plain)
    for needle in byte_needles(what, spelling.encode("utf-16-le")):
        yield Needle(what, f"{needle.encoding} of UTF-16", needle.pattern)


def byte_needles(what: str, plain: bytes) -> Iterator[Needle]:
    """Give the guises of bytes as text: hexadecimal and Base64 at each place within a group."""
    yield Needle(what, "hexadecimal", plain.hex().encode())
    yield Needle(what, "hexadecimal, spaced", plain.hex(" ").encode())
    for offset in range(3):
        standard = _base64_core(plain, offset)
        yield Needle(what, f"Base64 at {offset}", standard)
        urlsafe = standard.translate(bytes.maketrans(b"+/", b"-_"))
        if urlsafe != standard:
            yield Needle(what, f"Base64url at {offset}", urlsafe)


def digest_needles(what: str) -> Iterator[Needle]:
    """Give the digests of a text and of its usual plainer forms: raw, hexadecimal, Base64."""
    for form in plainer_forms(what):
        for name, digest in DIGESTS.items():
            start = digest(form.encode())[:DIGEST_BYTES_SEEN]
            told = f"{name} of {form!r}"
            yield Needle(what, f"{told}, raw", start)
            for needle in byte_needles(what, start):
                yield Needle(what, f"{told}, {needle.encoding}", needle.pattern)


def plainer_forms(text: str) -> tuple[str, ...]:
    """Give a text as it is, in small letters, without what is no letter or digit, and both."""
    bare = re.sub(r"[\W_]+", "", text)
    forms = (text, text.lower(), text.upper(), text.strip(), bare, bare.lower())
    return tuple(dict.fromkeys(form for form in forms if form))


def unescaped(data: bytes) -> bytes:
    """Give the stretches of the data that hold escape sequences, with these resolved.

    Then the same of what came of it, since what was escaped may have been escaped again.
    """
    once = _resolve(data)
    return once + b"\n" + _resolve(once) if once else b""


_ESCAPE: Final = re.compile(rb"%[0-9A-Fa-f]{2}|\\x[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|\\\\")


def _resolve(data: bytes) -> bytes:
    stretches: list[bytes] = []
    start = end = -1
    for match in _ESCAPE.finditer(data):
        if match.start() > end:
            if start >= 0:
                stretches.append(_ESCAPE.sub(_meant, data[start:end]))
            start = max(0, match.start() - _AROUND_BYTES)
        end = match.end() + _AROUND_BYTES
    if start >= 0:
        stretches.append(_ESCAPE.sub(_meant, data[start:end]))
    return b"\n".join(stretches)


def _meant(match: re.Match[bytes]) -> bytes:
    escape = match.group()
    if escape == b"\\\\":
        return b"\\"
    if escape[:2] == b"\\u":
        return chr(int(escape[2:], 16)).encode("utf-8", "replace")
    return bytes([int(escape[-2:], 16)])


def _base64_core(plain: bytes, offset: int) -> bytes:
    """Give the Base64 characters that depend on ``plain`` alone, ``offset`` bytes into a group."""
    encoded = base64.b64encode(b"\0" * offset + plain)
    first = (offset * 8 + 5) // 6
    last = (offset + len(plain)) * 8 // 6
    return encoded[first:last]
