"""Tests of the table of guises: each one is found where it is planted, and nothing where not."""

import json
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hushpost_demo.gram_search import GramIndex
from hushpost_demo.guises import (
    DIGESTS,
    byte_needles,
    digest_needles,
    plainer_forms,
    text_needles,
    unescaped,
)
from hypothesis import given, settings
from hypothesis import strategies as st

NAME = "Jürgen Öztwil-Quandt"
WRITTEN: dict[str, Callable[[str], bytes]] = {
    "UTF-8": lambda text: text.encode(),
    "reversed": lambda text: text.encode()[::-1],
    "UTF-16 little": lambda text: text.encode("utf-16-le"),
    "UTF-16 big": lambda text: text.encode("utf-16-be"),
    "UTF-32 little": lambda text: text.encode("utf-32-le"),
    "UTF-32 big": lambda text: text.encode("utf-32-be"),
    "Latin-1": lambda text: text.encode("latin-1"),
    "URL": lambda text: quote(text).encode(),
    "URL, each byte": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()).encode(),
    "JSON": lambda text: json.dumps(text).encode(),
    "hexadecimal": lambda text: text.encode().hex().upper().encode(),
    "hexadecimal, spaced": lambda text: text.encode().hex(" ").encode(),
    "hexadecimal of UTF-16": lambda text: text.encode("utf-16-le").hex().encode(),
}


@pytest.mark.parametrize("guise", WRITTEN)
def test_each_guise_of_a_text_is_found(guise: str) -> None:
    """A text planted in one guise, in capitals or not, is found by the needles of that text."""
    index = GramIndex((needle.pattern for needle in text_needles(NAME)), fold=True)
    written = WRITTEN[guise](NAME)
    assert index.search(b"\x00.." + written + b"\xff")
    assert index.search(b"\x00.." + written.upper() + b"\xff")
    assert not index.search(b"\x00.." + WRITTEN[guise]("Somebody Else Entirely") + b"\xff")


@pytest.mark.parametrize("digest", DIGESTS)
@pytest.mark.parametrize("form", plainer_forms(NAME))
def test_each_digest_of_each_form_is_found(digest: str, form: str) -> None:
    """A digest of a text or of its plainer form is found raw, in hexadecimal, and cut short."""
    index = GramIndex((needle.pattern for needle in digest_needles(NAME)), fold=True)
    value = DIGESTS[digest](form.encode())
    for written in (value, value.hex().encode(), value[:16], value[:16].hex().upper().encode()):
        assert index.search(b"=" + written)


def test_the_plainer_forms() -> None:
    """A number and a name are known without their punctuation, and in small letters."""
    assert "4930123456" in plainer_forms("+49 30 123-456")
    assert {"jürgenöztwilquandt", NAME.lower()} <= set(plainer_forms(NAME))


@settings(max_examples=30)
@given(st.lists(st.booleans(), min_size=30, max_size=30), st.booleans())
def test_a_text_escaped_in_part_is_found(escaped: list[bool], twice: bool) -> None:
    """Whichever bytes are written as %XX and whichever plainly, even twice: it is found."""
    text = "Ümbrix Kolvand 0170-5550"
    written = "".join(
        f"%{byte:02x}" if choice or byte > 127 else chr(byte)
        for byte, choice in zip(text.encode(), escaped, strict=False)
    ).encode()
    if twice:
        written = written.replace(b"%", b"%25")
    hidden = b"GET /?q=" + written + b" HTTP/1.1"
    index = GramIndex([text.encode()])
    assert b"%" not in hidden or index.search(unescaped(hidden))


def test_backslashes_are_resolved() -> None:
    """Python's and JSON's escapes become the text they stand for; other data gives nothing."""
    assert "Ümbrix".encode() in unescaped(rb'{"who": "\u00dcmbrix"}')
    assert "Ümbrix".encode() in unescaped(rb"b'\xc3\x9cmbrix'")
    assert unescaped(b"nothing is escaped here") == b""


def test_bytes_have_guises_too() -> None:
    """A secret of 32 bytes is found in hexadecimal and in Base64, wherever it begins."""
    secret = bytes(range(200, 232))
    encodings = {needle.encoding for needle in byte_needles("secret", secret)}
    assert {"hexadecimal", "Base64 at 0", "Base64 at 1", "Base64 at 2"} <= encodings
