"""`hushpost-relay subpoena ACCOUNT`: all that could be produced about an account, and what not."""

from __future__ import annotations

import sys
import time

from hushpost_server.account_reference import read_reference
from hushpost_server.clock import day_of
from hushpost_server.command_arguments import (
    Arguments,
    Commands,
    add_command,
    configuration_of,
    refuse_shared_store,
)
from hushpost_server.configuration import Configuration
from hushpost_server.data_folder import DATABASE_FILE
from hushpost_server.errors import AccountUnclear
from hushpost_server.published_schema import as_json, schema_of
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
    refuse_shared_store(configuration, "subpoena")
    database = (
        configuration.data_folder / DATABASE_FILE if configuration.store == "sqlite" else None
    )
    subpoena = produce(
        reference, database=database, host=_host(configuration), today=day_of(time.time())
    )
    print(_rendered(subpoena, arguments.format), end="")
    if subpoena.is_known:
        return 0
    print(
        f"hushpost-relay: nothing is stored about {subpoena.account_id}: it was never made here,"
        " or was deleted; the relay cannot tell which",
        file=sys.stderr,
    )
    return UNKNOWN_ACCOUNT


def _rendered(subpoena: Subpoena, form: str) -> str:
    if form == "json":
        return as_json(subpoena)
    page = page_of(subpoena)
    return page.as_html() if form == "html" else page.as_text()


def _host(configuration: Configuration) -> str:
    return configuration.public_host or f"{configuration.listen_host}:{configuration.listen_port}"
