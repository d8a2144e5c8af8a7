"""What every command of `hushpost-relay` takes, and the configuration that follows from it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hushpost_server.cautions import cautions
from hushpost_server.configuration import Configuration
from hushpost_server.configuration_loading import load_configuration
from hushpost_server.default_folders import default_file

Arguments = argparse.Namespace
Commands = Any
"""What `argparse.ArgumentParser.add_subparsers` returns; its class is private."""


def add_command(
    commands: Commands, name: str, sentence: str, run: Callable[[Arguments], int]
) -> argparse.ArgumentParser:
    """Add a command that runs `run`, with the arguments that all have."""
    command: argparse.ArgumentParser = commands.add_parser(
        name, help=sentence, description=sentence
    )
    command.set_defaults(run=run)
    command.add_argument("--config", type=Path, help=f"TOML file; otherwise {default_file()}")
    # Not a Path yet: of "" it would make the folder in which we are.
    command.add_argument("--data-folder", help="folder of database and identity")
    return command


def configuration_of(arguments: Arguments) -> Configuration:
    """Read the configuration, with what was given on the command line above all else."""
    given = {
        key: value for key, value in vars(arguments).items() if key in Configuration.model_fields
    }
    return load_configuration(arguments.config, **given)


def print_cautions(configuration: Configuration) -> None:
    """Say on standard error what is allowed and probably not meant."""
    for caution in cautions(configuration):
        print(f"hushpost-relay: warning: {caution.sentence}", file=sys.stderr)
