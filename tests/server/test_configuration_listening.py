"""Tests of hushpost_server.configuration_listening."""

from __future__ import annotations

import pytest
from hushpost_server.configuration import Configuration
from hushpost_server.configuration_listening import ListeningSettings


@pytest.mark.parametrize(
    ("host", "alone"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False)],
)
def test_loopback_is_what_nobody_else_reaches(host: str, alone: bool) -> None:
    """Plain ws:// rests on it."""
    assert Configuration(listen_host=host).listens_on_loopback is alone


def test_they_are_the_first_keys_of_the_configuration() -> None:
    """The page that describes the keys begins with where to listen."""
    names = list(ListeningSettings.model_fields)
    assert list(Configuration.model_fields)[: len(names)] == names
