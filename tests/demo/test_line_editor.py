"""Tests of the line being typed: keys in, lines out."""

import pytest
from hushpost_demo.line_editor import LINE_CHARACTERS_MAX, LineEditor
from hypothesis import example, given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        (b"hello\r", "hello"),
        (b"hellp\x7fo\n", "hello"),
        (b"wrong\x15right\r", "right"),
        (b"two words\x17\x17one\r", "one"),
        (b"keep this word\x17\r", "keep this "),
        ("smörgås\r".encode(), "smörgås"),
        (b"no\x1b[D\x1b[3~\x1bOA arrows\r", "no arrows"),
        (b"a\tb\x01\x02\r", "a\tb"),
        (b"x\x1b\x1b[1;5Dy\r", "xy"),
        (b"escape, then enter\x1b\r", "escape, then enter"),
        (b"\xffoops\r", "\N{REPLACEMENT CHARACTER}oops"),
    ],
)
def test_keys_make_a_line(keys: bytes, line: str) -> None:
    """Editing keys edit, letters of any script are kept, everything else is dropped."""
    assert LineEditor().feed(keys) == [line]


def test_pasted_lines_end_once_each() -> None:
    """Both ways to end a line, and their pair, end one line."""
    assert LineEditor().feed(b"a\r\nb\nc\rd") == ["a", "b", "c"]


@given(st.text(max_size=30) | st.text("\x1b[O1;? D\r", max_size=40), st.integers(1, 5))
@example("\x1b", 1)
@example("\x1b[" + "1" * 13 + "D", 3)
def test_cuts_between_bytes_change_nothing(text: str, size: int) -> None:
    """Bytes that arrive piece by piece give the same lines as all at once."""
    keys = f"x{text}\x1b[1;5Dy\r".encode()
    whole, pieces = LineEditor(), LineEditor()
    lines = [line for i in range(0, len(keys), size) for line in pieces.feed(keys[i : i + size])]
    assert lines == whole.feed(keys)
    assert pieces.text == whole.text


def test_the_end_is_ctrl_d_on_an_empty_line() -> None:
    """Ctrl-D within a line is a slip and changes nothing."""
    editor = LineEditor()
    editor.feed(b"text\x04")
    assert not editor.ended
    editor.feed(b"\r\x04")
    assert editor.ended


def test_only_the_end_of_a_long_line_is_shown() -> None:
    """What does not fit is cut in front, by the width of what it looks like."""
    editor = LineEditor(text="abc漢字")
    assert editor.shown(80) == "abc漢字"
    assert editor.shown(5) == "c漢字"
    assert editor.shown(3) == "字"


def test_a_line_is_bounded() -> None:
    """Endless input does not fill the memory."""
    editor = LineEditor()
    editor.feed(b"x" * (LINE_CHARACTERS_MAX + 10))
    assert len(editor.text) == LINE_CHARACTERS_MAX
