"""`hushpost-relay subpoena ACCOUNT`: all that could be produced about an account, and what not."""

from __future__ import annotations

import sys
import time

from hushpost_store.sqlite.migration_mark import MoveState

from hushpost_server.account_reference import AccountReference, read_reference
from hushpost_server.cautions import moved_away
from hushpost_server.clock import day_of
from hushpost_server.command_arguments import (
    Arguments,
    Commands,
    add_command,
    configuration_of,
    print_cautions,
)
from hushpost_server.configuration import Configuration
from hushpost_server.data_folder import DATABASE_FILE
from hushpost_server.errors import AccountUnclear, ProductionFailed
from hushpost_server.published_schema import as_json, schema_of
from hushpost_server.redis_place import require_packages
from hushpost_server.subpoena import Subpoena, produce
from hushpost_server.subpoena_page import page_of

SCHEMA_TITLE = "hushpost-relay subpoena ACCOUNT --format json"
UNKNOWN_ACCOUNT = 3
"""Exit status where nothing is stored about the account; the answer is printed all the same."""


def add(commands: Commands) -> None:
    """Add the command."""
    subpoena = add_command(
        commands, "subpoena", "print all that could be produced about an account", _run
    )
    subpoena.add_argument("account", nargs="?", help="address, or account id in hexadecimal")
    subpoena.add_argument("--format", choices=("text", "json", "html"), default="text")
    subpoena.add_argument(
        "--schema", action="store_true", help="print docs/subpoena.schema.json instead"
    )


def _run(arguments: Arguments) -> int:
    if arguments.schema:
        print(schema_of(Subpoena, SCHEMA_TITLE), end="")
        return 0
    if arguments.account is None:
        raise AccountUnclear("subpoena needs an ACCOUNT: an address, or an account id")
    reference = read_reference(arguments.account)
    configuration = configuration_of(arguments)
    _require_present(configuration)
    subpoena = _produced(configuration, reference)
    print(_rendered(subpoena, arguments.format), end="")
    if subpoena.is_known:
        return 0
    print(
        f"hushpost-relay: nothing is stored about {subpoena.account_id}: it was never made here,"
        " or was deleted; the relay cannot tell which",
        file=sys.stderr,
    )
    return UNKNOWN_ACCOUNT


def _require_present(configuration: Configuration) -> None:
    """Warn of an answer that has a part only; raise ProductionFailed where it would be empty."""
    print_cautions(configuration)
    state = moved_away(configuration)
    if state is MoveState.ERASED:
        raise ProductionFailed(
            f"what {configuration.data_folder} had was moved to Redis: name the configuration with"
            ' store = "redis" and redis_url (--config), and the answer comes from there'
        )
    if state is MoveState.DONE:
        print(
            "hushpost-relay: warning: this is the state in which the database was when it was moved"
            ' to Redis: ask again with store = "redis" and redis_url (--config) for what is there',
            file=sys.stderr,
        )


def _produced(configuration: Configuration, reference: AccountReference) -> Subpoena:
    host, today = _host(configuration), day_of(time.time())
    if configuration.store == "redis":
        require_packages()
        from hushpost_server import redis_looks  # noqa: PLC0415 - of an extra, see there

        return redis_looks.produce(configuration, reference, host=host, today=today)
    database = (
        configuration.data_folder / DATABASE_FILE if configuration.store == "sqlite" else None
    )
    return produce(reference, database=database, host=host, today=today)


def _rendered(subpoena: Subpoena, form: str) -> str:
    if form == "json":
        return as_json(subpoena)
    page = page_of(subpoena)
    return page.as_html() if form == "html" else page.as_text()


def _host(configuration: Configuration) -> str:
    return configuration.public_host or f"{configuration.listen_host}:{configuration.listen_port}"
