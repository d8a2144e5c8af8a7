"""Text of other people, made safe to print (docs/cli.md, "What strangers write").

A name or a message is whatever its author chose. Printed as it is, it could move the cursor, set
the window's title, or forge a line that looks like the program's own.
"""

import unicodedata
from typing import Final

# Control, format (bidirectional overrides among them), surrogate, private use, line, paragraph.
_UNSAFE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Joins emoji and the letters of several scripts; harmless on a line of its own.
_JOINERS: Final = frozenset("\u200c\u200d")
REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"


def printable(text: str) -> str:
    """Give the text on one line, with everything that a terminal would obey replaced."""
    return "".join(map(_printable, text.replace("\r\n", "\n")))


def printable_lines(text: str) -> list[str]:
    """Give the text line by line, each made printable; at least one."""
    return [printable(line) for line in text.replace("\r\n", "\n").split("\n")]


def _printable(character: str) -> str:
    if character in _JOINERS or character == " ":
        return character
    if character == "\n":
        return " ⏎ "
    if character == "\t":
        return "    "
    return REPLACEMENT if unicodedata.category(character) in _UNSAFE else character
