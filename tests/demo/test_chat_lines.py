"""Tests of what a typed line means."""

from pathlib import Path

import pytest
from hushpost_demo.chat_lines import ORDERS, Order, Say, help_lines, understand


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("", None),
        ("   ", None),
        ("  hello  ", Say("hello")),
        ("//etc/passwd", Say("/etc/passwd")),
        ("/QUIT", Order("quit", "")),
        ("/to  Bob Kowalczyk ", Order("to", "Bob Kowalczyk")),
        ("/", Order("", "")),
    ],
)
def test_a_line_is_text_or_an_order(line: str, meant: Say | Order | None) -> None:
    """One slash makes an order, two make text, nothing is nothing."""
    assert understand(line) == meant


def test_help_lists_every_order() -> None:
    """The list is made from the table of orders."""
    text = "\n".join(help_lines())
    for name, argument, words in ORDERS:
        assert f"{name} {argument}".strip() in text
        assert words in text


def test_the_page_explains_every_order() -> None:
    """docs/cli.md and the table of orders agree."""
    page = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")
    for name, _, _ in ORDERS:
        assert f"`{name}" in page
