"""Tests of hushpost_server.configuration_kinds: each number and path of the configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hushpost_server.configuration import Configuration
from pydantic import ValidationError

KINDS: dict[str, object] = {n: field.annotation for n, field in Configuration.model_fields.items()}
NUMBERS = [name for name, kind in KINDS.items() if kind is int or kind is float]
PATHS = [name for name, kind in KINDS.items() if kind in (Path, Path | None)]


def test_there_are_numbers_and_paths() -> None:
    """The lists below are of what the configuration has."""
    assert len(NUMBERS) > 40
    assert PATHS == ["tls_certificate", "tls_key", "data_folder"]


@pytest.mark.parametrize("given", [True, False])
def test_a_truth_is_no_number(given: bool) -> None:
    """Of each number, so that none is 1, or without a limit, by a mistake."""
    values: dict[str, Any] = dict.fromkeys(NUMBERS, given)
    with pytest.raises(ValidationError) as caught:
        Configuration(**values)
    refused = {str(fault["loc"][0]) for fault in caught.value.errors()}
    assert refused == set(NUMBERS)


@pytest.mark.parametrize("given", ["", " ", "\0"])
def test_nothing_is_no_path(given: str) -> None:
    """Of each path."""
    values: dict[str, Any] = dict.fromkeys(PATHS, given)
    with pytest.raises(ValidationError) as caught:
        Configuration(**values)
    assert {str(fault["loc"][0]) for fault in caught.value.errors()} == set(PATHS)


def test_what_is_meant_is_taken(tmp_path: Path) -> None:
    """A number as text, as an environment has it, and a path in either form."""
    as_text: dict[str, Any] = {"listen_port": "7", "data_folder": str(tmp_path)}
    configuration = Configuration(**as_text)
    assert (configuration.listen_port, configuration.data_folder) == (7, tmp_path)
    assert Configuration(data_folder=tmp_path).data_folder == tmp_path
