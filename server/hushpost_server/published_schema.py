"""JSON that a dataclass describes: its schema for others, and the writing of it.

The schema is derived from the very class that is written, so that the two cannot differ.
"""

from __future__ import annotations

import json
from typing import Any, TypeVar

from pydantic import TypeAdapter

T = TypeVar("T")

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def schema_of(kind: type[Any], title: str) -> str:
    """Return the JSON schema of a dataclass, as a file for docs/."""
    schema = TypeAdapter(kind).json_schema(mode="serialization")
    whole = {"$schema": DRAFT, **schema, "title": title}
    return json.dumps(whole, indent=1, sort_keys=True) + "\n"


def as_json(value: Any) -> str:
    """Return a dataclass as JSON that its schema describes."""
    kind: Any = type(value)  # pyright: ignore[reportUnknownVariableType] - whatever it is
    written: bytes = TypeAdapter(kind).dump_json(value, indent=1)
    return written.decode() + "\n"


def from_json(kind: type[T], text: str) -> T:
    """Read what `as_json` wrote; a ValueError for what the schema does not describe."""
    return TypeAdapter(kind).validate_json(text, strict=False, extra="forbid")
