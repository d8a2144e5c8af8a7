"""Tests of hushpost_server.command_arguments."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest
from hushpost_server.command_arguments import Arguments, add_command, configuration_of
from hushpost_server.errors import ConfigurationInvalid


def parsed(*arguments: str) -> Arguments:
    """Parse what an operator typed behind a command of its own."""
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers()
    command = add_command(commands, "try", "try it", lambda _: 7)
    command.add_argument("--listen-port", type=int)
    command.add_argument("--json", action="store_true")
    return parser.parse_args(["try", *arguments])


def test_a_command_runs_what_it_was_given() -> None:
    """Its function is in the arguments."""
    given = parsed()
    assert given.run(given) == 7


def test_what_was_typed_stands_above_file_and_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Argument, environment, file: strongest first; what is no key is left out."""
    file = tmp_path / "relay.toml"
    file.write_text("listen_port = 1\nmetrics_port = 1\nconnections_max = 1\n")
    monkeypatch.setenv("HUSHPOST_RELAY_LISTEN_PORT", "2")
    monkeypatch.setenv("HUSHPOST_RELAY_METRICS_PORT", "2")
    given = parsed("--listen-port", "3", "--json", "--config", str(file), "--data-folder", "d")
    configuration = configuration_of(given)
    ports = (configuration.listen_port, configuration.metrics_port, configuration.connections_max)
    assert ports == (3, 2, 1)
    assert configuration.data_folder == Path("d")


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    """An operator who names a file means it."""
    with pytest.raises(ConfigurationInvalid, match="does not exist"):
        configuration_of(parsed("--config", str(tmp_path / "none.toml")))
