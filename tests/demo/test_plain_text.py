"""Tests of what strangers write, made safe to print."""

import unicodedata

import pytest
from hushpost_demo.plain_text import REPLACEMENT, printable, printable_lines
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain äöü 漢字 👍", "plain äöü 漢字 👍"),
        ("\x1b[2J\x1b]0;title\x07", f"{REPLACEMENT}[2J{REPLACEMENT}]0;title{REPLACEMENT}"),
        ("\r\x9b1A", f"{REPLACEMENT}{REPLACEMENT}1A"),
        ("abc\u202egnp.exe", f"abc{REPLACEMENT}gnp.exe"),
        ("one\r\ntwo\tthree", "one ⏎ two    three"),
        ("👩\u200d🚀", "👩\u200d🚀"),
    ],
)
def test_what_a_terminal_would_obey_is_replaced(text: str, shown: str) -> None:
    """Escape sequences, overrides of direction and line ends lose their power; scripts live."""
    assert printable(text) == shown


@given(st.text())
def test_no_text_reaches_the_terminal_as_a_command(text: str) -> None:
    """Whatever is written, no control or format character is left but joiners of letters."""
    for line in [printable(text), *printable_lines(text)]:
        left = {c for c in line if unicodedata.category(c) in {"Cc", "Cf", "Zl", "Zp", "Cs"}}
        assert left <= {"\u200c", "\u200d"}


def test_lines_are_kept_apart() -> None:
    """Line by line, so that the caller can show where each begins."""
    assert printable_lines("a\nb\r\n\x07") == ["a", "b", REPLACEMENT]
