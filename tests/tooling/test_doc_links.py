"""A link that leads nowhere and a page that nothing leads to are found."""

from pathlib import Path

import pytest

from tools.doc_links import anchors, tree_violations


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Make a small set of pages in which every link resolves."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "README.md").write_text("# Top\n[docs](docs/README.md#the-index)\n")
    (tmp_path / "docs" / "README.md").write_text("# The index\n[page](page.md)\n")
    (tmp_path / "docs" / "page.md").write_text("# Page\n[top](../README.md#top) [own](#page)\n")
    return tmp_path


def test_whole_links_pass(site: Path) -> None:
    """Links to files, to headings elsewhere and to a page's own headings resolve."""
    assert tree_violations(site) == []


@pytest.mark.parametrize(
    ("planted", "complaint"),
    [
        ("[x](absent.md)", "no such file"),
        ("[x](../README.md#absent)", "no such heading"),
        ("[x](#absent)", "no such heading"),
    ],
)
def test_a_broken_link_is_found(site: Path, planted: str, complaint: str) -> None:
    """A link to an absent file or heading is reported with the page it stands on."""
    with (site / "docs" / "page.md").open("a") as page:
        page.write(planted + "\n")
    (found,) = tree_violations(site)
    assert found.startswith("docs/page.md: ")
    assert complaint in found


def test_an_unreachable_page_is_found(site: Path) -> None:
    """A page under docs that no chain of links from the index reaches is reported."""
    (site / "docs" / "forgotten.md").write_text("# Forgotten\n")
    assert tree_violations(site) == ["docs/forgotten.md: not reachable from docs/README.md"]


@pytest.mark.parametrize(
    "text", ["`[x](absent.md)`", "```\n[x](absent.md)\n```", "[x](https://example.org/absent)"]
)
def test_code_and_other_hosts_are_not_followed(site: Path, text: str) -> None:
    """What stands in code is no link, and other hosts are not asked."""
    with (site / "docs" / "page.md").open("a") as page:
        page.write(text + "\n")
    assert tree_violations(site) == []


def test_anchors_are_named_as_renderers_name_them(tmp_path: Path) -> None:
    """Punctuation goes, blanks become hyphens, and a repeated heading is numbered."""
    page = tmp_path / "page.md"
    page.write_text("# 1. What it is\n## `SUBMIT` frame\n# Same\n# Same\n")
    assert anchors(page) == {"1-what-it-is", "submit-frame", "same", "same-1"}
