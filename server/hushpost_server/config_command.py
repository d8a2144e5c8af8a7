"""`hushpost-relay config`: the values in force, and the page that describes them."""

from __future__ import annotations

import json

from hushpost_server.command_arguments import (
    Arguments,
    Commands,
    add_command,
    configuration_of,
    print_cautions,
)
from hushpost_server.configuration_reference import render_reference
from hushpost_server.default_folders import default_file


def add(commands: Commands) -> None:
    """Add the command."""
    config = add_command(commands, "config", "show the configuration in force", _config)
    config.add_argument("--reference", action="store_true", help="print docs/configuration.md")


def _config(arguments: Arguments) -> int:
    if arguments.reference:
        print(render_reference(), end="")
        return 0
    configuration = configuration_of(arguments)
    file = arguments.config or default_file()
    print(f"# from {file}{'' if file.is_file() else ' (not there)'} and the environment")
    for key, value in configuration.model_dump(mode="json").items():
        print(f"{key} = {json.dumps(value)}" if value is not None else f"# {key} is not set")
    print_cautions(configuration)
    return 0
