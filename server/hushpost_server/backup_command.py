"""`hushpost-relay backup` and `restore` (docs/operating.md, "Backup and restore")."""

from __future__ import annotations

import sys
from pathlib import Path

from hushpost_server import backup
from hushpost_server.command_arguments import Arguments, Commands, add_command, configuration_of


def add(commands: Commands) -> None:
    """Add both commands."""
    make = add_command(commands, "backup", "write a backup that brings no mail back", _backup)
    make.add_argument("target", type=Path, help="folder to make; it must not exist")
    restore = add_command(commands, "restore", "put a backup into an empty data folder", _restore)
    restore.add_argument("source", type=Path, help="folder that `backup` wrote")


def _backup(arguments: Arguments) -> int:
    backup.make_backup(configuration_of(arguments), arguments.target)
    print(f"{arguments.target}: database and identity key; keep it as safe as the relay")
    return 0


def _restore(arguments: Arguments) -> int:
    configuration = configuration_of(arguments)
    key_of_backup = backup.restore_backup(configuration, arguments.source)
    print(f"restored into {configuration.data_folder}; start the relay")
    hint = "kept the identity in the data folder, which was rotated since the backup was made"
    if key_of_backup:
        hint = (
            "if the identity was rotated after this backup was made, put the newer identity.json"
            " into the data folder first: clients that followed the rotation refuse the old key"
        )
    print(hint, file=sys.stderr)
    return 0
