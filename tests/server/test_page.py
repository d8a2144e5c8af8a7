"""Tests of hushpost_server.page."""

from __future__ import annotations

from html.parser import HTMLParser

from hushpost_server.page import TEXT_WIDTH, Page, Section, Table

PAGE = Page(
    "What is kept",
    ("See [the policy](policy.md) and `inventory`.",),
    (
        Section("Rows", ("One a line.",), Table(("name", "why"), (("a|b", "<b>&</b>"), ("c", "")))),
        Section("Nothing else"),
    ),
)


def test_text_is_wrapped_and_each_row_stands_under_its_name() -> None:
    """Links and code show as words; an empty cell is left out."""
    text = Page("T", ("word " * 60,), PAGE.sections).as_text()
    assert max(map(len, text.splitlines())) <= TEXT_WIDTH
    assert "a|b\n    why: <b>&</b>\nc\n" in text
    assert "See the policy and inventory." in PAGE.as_text()


def test_markdown_keeps_its_tables_whole() -> None:
    """A bar within a cell does not end it."""
    assert "| a\\|b | <b>&</b> |" in PAGE.as_markdown()
    assert PAGE.as_markdown().startswith("# What is kept\n\nSee [the policy](policy.md)")


def test_html_stands_alone_and_escapes_what_it_shows() -> None:
    """Nothing is fetched, nothing is run, and no cell becomes markup."""

    class Tags(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.seen: set[str] = set()

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.seen.add(tag)
            assert not {"src", "href", "onload"} & {name for name, _ in attrs}

    tags = Tags()
    tags.feed(PAGE.as_html())
    assert not tags.seen & {"script", "link", "img", "iframe", "b"}
    assert {"html", "title", "table", "th", "td", "h1", "h2", "p"} <= tags.seen
    assert "&lt;b&gt;&amp;&lt;/b&gt;" in PAGE.as_html()
