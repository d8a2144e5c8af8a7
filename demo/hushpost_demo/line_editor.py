"""A line being typed, one character at a time: pure, so that the terminal only shows it.

The kernel's own line editing cannot be used while messages arrive: what was typed so far would
stand in its buffer and no longer on the screen.
"""

import codecs
import re
from dataclasses import dataclass, field
from typing import Final

from rich.cells import cell_len

# A message of at most 64 KiB is refused later with a clear word; this only bounds the memory.
LINE_CHARACTERS_MAX: Final = 70_000

# What arrow and function keys send. Bounded, so that a half of one is not waited for without end;
# an escape key that was pressed by mistake takes the next character with it, but never Enter.
_INTRODUCED: Final = r"\[[0-9;?]{0,12}[ -/]{0,2}"
_ESCAPE_SEQUENCE: Final = re.compile(
    rf"\x1b(?:{_INTRODUCED}[@-~]|O[^\x1b\r\n]|[^\x1b\r\n])?", re.DOTALL
)
_UNFINISHED: Final = re.compile(rf"\x1b(?:{_INTRODUCED}|O)?\Z")
_ENTER: Final = "\r\n"
_BACKSPACE: Final = "\x7f\b"
_CLEAR_LINE: Final = "\x15"
_CLEAR_WORD: Final = "\x17"
_END: Final = "\x04"


def _decoder() -> codecs.IncrementalDecoder:
    return codecs.getincrementaldecoder("utf-8")("replace")


@dataclass(slots=True)
class LineEditor:
    """Feed it what the keyboard sends; it gives finished lines. ``ended`` after Ctrl-D."""

    text: str = ""
    ended: bool = False
    _decode: codecs.IncrementalDecoder = field(default_factory=_decoder, repr=False)
    _pending: str = ""
    _last: str = ""

    def feed(self, data: bytes) -> list[str]:
        """Take in bytes of the keyboard and give the lines that were finished by them."""
        typed = self._pending + self._decode.decode(data)
        unfinished = _UNFINISHED.search(typed)
        self._pending = unfinished.group() if unfinished else ""
        typed = typed[: len(typed) - len(self._pending)]
        lines: list[str] = []
        for character in _ESCAPE_SEQUENCE.sub("", typed):
            self._press(character, lines)
            self._last = character
        return lines

    def shown(self, columns: int) -> str:
        """Give the end of the line that fits into so many columns."""
        text = self.text
        while cell_len(text) > columns:
            text = text[1:]
        return text

    def _press(self, character: str, lines: list[str]) -> None:
        if character in _ENTER:
            # A pasted line may end in both; one end of line is meant.
            if not (character == "\n" and self._last == "\r"):
                lines.append(self.text)
                self.text = ""
        elif character in _BACKSPACE:
            self.text = self.text[:-1]
        elif character == _CLEAR_LINE:
            self.text = ""
        elif character == _CLEAR_WORD:
            self.text = self.text.rstrip().rpartition(" ")[0]
            self.text += " " if self.text else ""
        elif character == _END:
            self.ended = self.ended or not self.text
        elif character == "\t" or character.isprintable():
            self.text = (self.text + character)[:LINE_CHARACTERS_MAX]
