"""Tests of hushpost_server.published_schema."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
from hushpost_server.published_schema import as_json, from_json, schema_of


@dataclass(frozen=True, slots=True)
class Thing:
    """What the tests publish."""

    name: str
    counts: tuple[int, ...]


def test_what_is_written_can_be_read_again() -> None:
    """A dataclass survives JSON."""
    thing = Thing("x", (1, 2))
    assert from_json(Thing, as_json(thing)) == thing


@pytest.mark.parametrize(
    "text",
    ['{"name": "x"}', '{"name": 1, "counts": []}', '{"name": "x", "counts": [], "more": 1}', "["],
)
def test_what_the_schema_does_not_describe_is_refused(text: str) -> None:
    """A field too few, of another type, or too many."""
    with pytest.raises(ValueError, match=r"Thing|JSON"):
        from_json(Thing, text)


def test_the_schema_names_draft_title_and_every_field() -> None:
    """What is published says what it is."""
    schema = json.loads(schema_of(Thing, "a thing"))
    assert schema["$schema"].endswith("2020-12/schema")
    assert schema["title"] == "a thing"
    assert set(schema["required"]) == {"name", "counts"}
