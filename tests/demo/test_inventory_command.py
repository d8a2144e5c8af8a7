"""Tests of hushpost_demo.inventory_command."""

from __future__ import annotations

from click.testing import CliRunner
from hushpost_demo.command import cli
from hushpost_demo.vault_page import vault_page


def test_it_prints_text_for_people_and_markdown_for_the_docs() -> None:
    """Needs no vault: it says what any vault keeps."""
    shown = CliRunner().invoke(cli, ["inventory"])
    assert shown.exit_code == 0
    assert shown.output == vault_page().as_text()
    page = CliRunner().invoke(cli, ["inventory", "--markdown"])
    assert page.output == vault_page().as_markdown()
