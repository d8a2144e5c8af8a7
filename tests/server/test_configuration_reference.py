"""Tests of hushpost_server.configuration_reference."""

from __future__ import annotations

from pathlib import Path

from hushpost_server.configuration import Configuration
from hushpost_server.configuration_reference import render_reference

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_the_page_in_docs_is_the_one_the_code_renders() -> None:
    """docs/configuration.md is `hushpost-relay config --reference`, to the byte."""
    assert PAGE.read_text() == render_reference()


def test_every_key_has_its_row() -> None:
    """Each key stands in the table once."""
    page = render_reference()
    for key in Configuration.model_fields:
        assert page.count(f"| `{key}` |") == 1
