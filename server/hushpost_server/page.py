"""A page of headings, sentences and tables, as text, Markdown or HTML.

What people read of the inventory and of what is held about an account. The HTML stands alone: no
script, no font, nothing is fetched.
"""

from __future__ import annotations

import html
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

TEXT_WIDTH: Final = 100
_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%;margin:1rem 0}"
    "th,td{border:1px solid #8888;padding:.3rem .6rem;text-align:left;vertical-align:top;"
    "overflow-wrap:anywhere}:root{color-scheme:light dark}"
)


# What of Markdown a sentence may hold, beside `code`.
_LINK: Final = re.compile(r"\[([^]]+)\]\([^)]+\)")


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under headings; each row has a cell for every heading."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with sentences and, perhaps, a table."""

    heading: str
    sentences: tuple[str, ...] = ()
    table: Table | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A title, what comes first, and the sections."""

    title: str
    opening: tuple[str, ...]
    sections: tuple[Section, ...]

    def as_text(self) -> str:
        """Return it for a terminal: each row a paragraph under its first cell."""
        parts = [self.title, "=" * len(self.title), *map(_wrapped, self.opening)]
        for section in self.sections:
            parts += ["", section.heading, "-" * len(section.heading)]
            parts += map(_wrapped, section.sentences)
            if section.table is not None:
                parts += [_row_as_text(section.table.headings, row) for row in section.table.rows]
        return "\n".join(parts) + "\n"

    def as_markdown(self) -> str:
        """Return it for docs/."""
        parts = [f"# {self.title}", *self.opening]
        for section in self.sections:
            parts += [f"## {section.heading}", *section.sentences]
            if section.table is not None:
                lines = [section.table.headings, ("---",) * len(section.table.headings)]
                parts.append("\n".join(map(_markdown_row, [*lines, *section.table.rows])))
        return "\n\n".join(parts) + "\n"

    def as_html(self) -> str:
        """Return it as one file for a browser."""
        body = [f"<h1>{html.escape(self.title)}</h1>", *map(_paragraph, self.opening)]
        for section in self.sections:
            body.append(f"<h2>{html.escape(section.heading)}</h2>")
            body += map(_paragraph, section.sentences)
            if section.table is not None:
                body.append(_html_table(section.table))
        return (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f"<title>{html.escape(self.title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
            + "\n".join(body)
            + "\n</body>\n</html>\n"
        )


def _wrapped(sentence: str) -> str:
    return textwrap.fill(_plain(sentence), TEXT_WIDTH)


def _plain(sentence: str) -> str:
    return _LINK.sub(r"\1", sentence).replace("`", "")


def _row_as_text(headings: Sequence[str], row: Sequence[str]) -> str:
    lines = [row[0]]
    for heading, cell in zip(headings[1:], row[1:], strict=True):
        if cell:
            lines.append(
                textwrap.fill(
                    f"{heading}: {cell}",
                    TEXT_WIDTH,
                    initial_indent="    ",
                    subsequent_indent="      ",
                )
            )
    return "\n".join(lines)


def _markdown_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _paragraph(sentence: str) -> str:
    return f"<p>{html.escape(_plain(sentence))}</p>"


def _html_table(table: Table) -> str:
    head = "".join(f"<th>{html.escape(heading)}</th>" for heading in table.headings)
    rows = [
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>"
        for row in table.rows
    ]
    return f"<table>\n<tr>{head}</tr>\n" + "\n".join(rows) + "\n</table>"
