"""`hushpost-relay migrate`: all that a relay keeps, from SQLite into Redis (docs/operating.md)."""

from __future__ import annotations

import argparse
import asyncio
import secrets
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hushpost_store.errors import StorageFull, StoreError, StoreMisuse
from hushpost_store.redis.options import Durability, RedisOptions
from hushpost_store.redis.url import RedisUrl
from hushpost_store.sqlite.erasure import erase
from hushpost_store.sqlite.migration_mark import read_mark
from hushpost_store.sqlite.onlooker import read_purpose
from hushpost_store.sqlite.schema import APPLICATION_ID

from hushpost_server.command_arguments import Arguments, Commands, add_command, configuration_of
from hushpost_server.configuration import Configuration
from hushpost_server.data_folder import DATABASE_FILE
from hushpost_server.errors import MigrationFailed, StoreUnfit

if TYPE_CHECKING:
    from hushpost_server.migration import Migration, Moved

_SQLITE: Final = "sqlite:"
_REDIS: Final = ("redis://", "rediss://")
# With what every file of SQLite begins.
_FORM: Final = b"SQLite format 3\0"


def add(commands: Commands) -> None:
    """Add the command."""
    migrate = add_command(
        commands, "migrate", "move accounts and mail from SQLite into Redis; may be killed", _run
    )
    migrate.add_argument(
        "--from",
        dest="source",
        metavar="sqlite:PATH",
        help="database, or its data folder; otherwise that of the configuration",
    )
    migrate.add_argument(
        "--to",
        dest="target",
        metavar="redis://HOST:PORT",
        help="an empty Redis; otherwise redis_url, which keeps a password out of the process list",
    )
    migrate.add_argument(
        "--skip-damaged",
        action="store_true",
        help="take damaged rows out, and leave accounts behind that cannot be read",
    )
    _add_ways(migrate)


def _add_ways(migrate: argparse.ArgumentParser) -> None:
    ways = migrate.add_mutually_exclusive_group()
    ways.add_argument(
        "--undo",
        action="store_true",
        help="empty the Redis again and let the old relay start; until one runs on the Redis",
    )
    ways.add_argument(
        "--erase",
        action="store_true",
        help="overwrite and remove the database that was moved; the identity stays",
    )


def _run(arguments: Arguments) -> int:
    configuration = configuration_of(arguments)
    try:
        return _run_on(database_at(arguments.source, configuration), arguments, configuration)
    except OSError as error:
        place = error.filename or "the database and its folder"
        raise MigrationFailed(
            f"{place} cannot be read and written ({error.strerror}): run it as the user whose relay"
            " it is"
        ) from None


def _run_on(database: Path, arguments: Arguments, configuration: Configuration) -> int:
    _require_ours(database)
    if arguments.erase:
        return _erase(database)
    options = _options(arguments.target, configuration)
    migration = _migration()(
        database,
        options,
        now=time.time,
        random=secrets.token_bytes,
        tell=lambda line: print(line, flush=True),
        skip_damaged=arguments.skip_damaged,
    )
    try:
        return asyncio.run(_undo(migration) if arguments.undo else _move(migration, database))
    except StorageFull:
        reason = f"the disk of {database} is full: free space"
        raise MigrationFailed(f"{reason}. {_what_next(database)}") from None
    except StoreError as error:
        raise MigrationFailed(f"{error}. {_what_next(database)}") from None


def _what_next(database: Path) -> str:
    try:
        has_begun = read_mark(database) is not None
    except StoreError:  # it cannot be read; no relay can open it either
        has_begun = True
    return _AGAIN if has_begun else _NOT_BEGUN


_AGAIN: Final = (
    "Run the same command again when that is mended: it goes on where it was, and no relay accepts"
    " mail in either place meanwhile"
)
_NOT_BEGUN: Final = (
    "Nothing was changed, and the old relay may be started meanwhile: run the same command again"
    " when that is mended"
)


async def _move(migration: Migration, database: Path) -> int:
    moved = await migration.run()
    print(f"moved: {_figures(moved)}")
    print(f"read back whole from Redis and equal: BLAKE2b {moved.digest.hex()}")
    if moved.left_behind:
        print(
            f"left behind, since their own rows are damaged: {moved.left_behind} accounts",
            file=sys.stderr,
        )
    print(
        f'next: set store = "redis" and redis_url, and start the relay with the same'
        f" {database.parent} (its identity.json; every further relay needs a copy). When it serves,"
        " erase the old database: `hushpost-relay migrate --erase`",
        file=sys.stderr,
    )
    return 0


async def _undo(migration: Migration) -> int:
    removed = await migration.undo()
    print(f"undone: {removed} keys removed from Redis; the relay may be started on SQLite again")
    return 0


def _erase(database: Path) -> int:
    try:
        gone = erase(database)
    except StoreError as error:
        raise MigrationFailed(str(error)) from None
    print(
        f"{database}: {gone} bytes overwritten and removed. What is left says that the mail moved,"
        " so that no relay starts there by mistake; the identity stays"
    )
    return 0


def _figures(moved: Moved) -> str:
    seconds = max(moved.seconds, 0.001)
    return (
        f"{moved.accounts} accounts, {moved.envelopes} envelopes in {seconds:.1f} s"
        f" ({moved.accounts / seconds:.0f} accounts/s, {moved.envelopes / seconds:.0f} envelopes/s)"
    )


def database_at(given: str | None, configuration: Configuration) -> Path:
    """Return the database that `--from` names, by file or folder. Raises MigrationFailed."""
    if given is None:
        path = configuration.data_folder
    elif given.startswith(_SQLITE) and len(given) > len(_SQLITE):
        place = given.removeprefix(_SQLITE)
        # sqlite:///var/lib is written as often as sqlite:/var/lib.
        path = Path(f"/{place.lstrip('/')}" if place.startswith("//") else place)
    else:
        raise MigrationFailed("write --from as sqlite:PATH, the database or its data folder")
    database = path / DATABASE_FILE if path.is_dir() else path
    if not database.is_file():
        raise MigrationFailed(f"there is no database {database}: name it with --from sqlite:PATH")
    return database


def _require_ours(database: Path) -> None:
    """Raise MigrationFailed before anything is made beside a file that is none of a relay's."""
    with database.open("rb") as file:
        begins = file.read(len(_FORM))
    try:
        is_ours = begins == _FORM and read_purpose(database) == APPLICATION_ID
    except StoreError as error:
        raise MigrationFailed(f"{database}: {error}; nothing was changed") from None
    if not is_ours:
        raise MigrationFailed(
            f"{database} is no database of a relay, and was left as it is: name another with --from"
            " sqlite:PATH"
        )


def _migration() -> type[Migration]:
    try:
        # Imported here: it belongs to an extra that a relay on one machine does without.
        from hushpost_server.migration import Migration  # noqa: PLC0415
    except ImportError:
        raise StoreUnfit(
            'moving into Redis needs more packages: pip install "hushpost[redis]"'
        ) from None
    return Migration


def _options(given: str | None, configuration: Configuration) -> RedisOptions:
    known = configuration.redis_url
    url = given if given is not None else known.get_secret_value() if known is not None else ""
    if not url.startswith(_REDIS):
        raise MigrationFailed(
            "write --to as redis://host:port or rediss://host:port, or set redis_url"
        )
    try:
        RedisUrl.parse(url)
    except StoreMisuse as error:
        raise MigrationFailed(str(error)) from None
    return RedisOptions(url, Durability(configuration.redis_durability))
