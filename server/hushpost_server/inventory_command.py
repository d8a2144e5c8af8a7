"""`hushpost-relay inventory`: all that a relay keeps, and whether a data folder holds more."""

from __future__ import annotations

import sys

from hushpost_server.command_arguments import Arguments, Commands, add_command, configuration_of
from hushpost_server.configuration import Configuration
from hushpost_server.data_folder import DATABASE_FILE
from hushpost_server.errors import FolderUnusable
from hushpost_server.file_inventory import DATA
from hushpost_server.inventory import Inventory, take_inventory
from hushpost_server.inventory_check import undeclared_in_folder
from hushpost_server.published_schema import as_json, schema_of
from hushpost_server.redis_place import require_packages

SCHEMA_TITLE = "hushpost-relay inventory --json"


def add(commands: Commands) -> None:
    """Add the command."""
    inventory = add_command(
        commands, "inventory", "print all that a relay stores, logs, counts and remembers", _run
    )
    forms = inventory.add_mutually_exclusive_group()
    forms.add_argument("--json", action="store_true", help="as JSON; see --schema")
    forms.add_argument("--markdown", action="store_true", help="print docs/inventory.md")
    forms.add_argument("--schema", action="store_true", help="print docs/inventory.schema.json")
    forms.add_argument(
        "--check",
        action="store_true",
        help="compare the data folder with it; status 1 and a line each for what is undeclared",
    )


def _run(arguments: Arguments) -> int:
    if arguments.check:
        return _check(configuration_of(arguments))
    print(_rendered(arguments), end="")
    return 0


def _rendered(arguments: Arguments) -> str:
    if arguments.schema:
        return schema_of(Inventory, SCHEMA_TITLE)
    inventory = take_inventory()
    if arguments.json:
        return as_json(inventory)
    page = inventory.page()
    return page.as_markdown() if arguments.markdown else page.as_text()


def _check(configuration: Configuration) -> int:
    folder = configuration.data_folder
    if not folder.is_dir():
        raise FolderUnusable(f"there is no data folder {folder}: name it with --data-folder")
    if configuration.store == "redis":
        return _told(
            (*_undeclared_in_redis(configuration), *undeclared_in_folder(folder, DATA)),
            f"{folder} and Redis",
        )
    if not (folder / DATABASE_FILE).is_file():
        raise FolderUnusable(
            f"there is no database in {folder}, so nothing would be looked at: name the folder of a"
            " relay with --data-folder"
        )
    return _told(undeclared_in_folder(folder, DATA), str(folder))


def _told(odd: tuple[str, ...], where: str) -> int:
    for name in odd:
        print(f"undeclared: {name}", file=sys.stderr)
    if not odd:
        print(f"{where}: all that is in it is declared")
    return 1 if odd else 0


def _undeclared_in_redis(configuration: Configuration) -> tuple[str, ...]:
    require_packages()
    from hushpost_server import redis_looks  # noqa: PLC0415 - of an extra, see there

    return redis_looks.undeclared(configuration)
