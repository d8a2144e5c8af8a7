"""Renders docs/configuration.md from the configuration itself, so that the two cannot differ."""

from __future__ import annotations

from pathlib import Path
from typing import get_args, get_origin

from pydantic.fields import FieldInfo

from hushpost_server.configuration import ENVIRONMENT_PREFIX, Configuration
from hushpost_server.configuration_loading import bounds_of

HEAD = f"""# Configuration of the relay

`hushpost-relay serve` runs without any: on loopback, with SQLite in a per-user data folder. To
change a value, put the key into `relay.toml` (`hushpost-relay config` prints where it is looked
for, and the values in force), or set `{ENVIRONMENT_PREFIX}<KEY>` in the environment; the
environment wins. A key that does not exist or a value outside its bound stops the relay with a
message that names both. Lists are written as JSON in the environment.

This page is rendered by `hushpost-relay config --reference`; a test holds it equal to the code.

| key | default | allowed | what it does |
|---|---|---|---|
"""


def render_reference() -> str:
    """Return the whole page."""
    rows = [_row(key, field) for key, field in Configuration.model_fields.items()]
    return HEAD + "\n".join(rows) + "\n"


def _row(key: str, field: FieldInfo) -> str:
    return f"| `{key}` | {_default(field)} | {_allowed(key, field)} | {field.description} |"


def _default(field: FieldInfo) -> str:
    if field.default_factory is not None:
        return "per-user data folder"
    value = field.default
    if value is None or value in ("", ()):
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f'`"{value}"`' if isinstance(value, str) else f"`{value}`"


def _allowed(key: str, field: FieldInfo) -> str:
    bounds = bounds_of(key)
    if bounds:
        return bounds
    kind = field.annotation
    if kind is bool:
        return "true or false"
    if kind is Path or Path in get_args(kind):
        return "a path"
    return "a list of texts" if get_origin(kind) is tuple else "a text"
