"""`hushpost-relay check`: whether database and identity are what was written (docs/operating.md).

It reads, and changes nothing; with `--repair` it takes out what clients bring again by themselves.
"""

from __future__ import annotations

import sys
from pathlib import Path

from hushpost_store.errors import LookTooLong, StoreDamaged, StoreError
from hushpost_store.sqlite.examination import examine, prepare
from hushpost_store.sqlite.log_inspection import LogState, inspect_log
from hushpost_store.sqlite.onlooker import look_into
from hushpost_store.sqlite.repair import repair

from hushpost_server.cautions import moved_away
from hushpost_server.command_arguments import (
    Arguments,
    Commands,
    add_command,
    configuration_of,
    print_cautions,
)
from hushpost_server.configuration import Configuration
from hushpost_server.data_folder import DATABASE_FILE
from hushpost_server.errors import CheckFailed, IdentityUnusable
from hushpost_server.identity import load_identity
from hushpost_server.redis_place import require_packages

# Below the deletion bound: while somebody reads, a running relay cannot cut its log.
CHECK_SECONDS_MAX = 20.0
_LOG = {
    LogState.DAMAGED: "its log is damaged in the middle: committed mail stands behind the damage",
    LogState.CUT: "its log ends in a commit that is not whole: usual after a power loss alone",
}


def add(commands: Commands) -> None:
    """Add the command."""
    check = add_command(commands, "check", "look for damage in database and identity", _check)
    check.add_argument(
        "--repair",
        action="store_true",
        help="with the relay stopped: take out damaged rows that clients bring again",
    )


def _check(arguments: Arguments) -> int:
    configuration = configuration_of(arguments)
    print_cautions(configuration)
    if configuration.store == "redis":
        return _check_redis(configuration, repairs=arguments.repair)
    database = _database(configuration)
    if moved_away(configuration) is not None:
        print(
            f"hushpost-relay: warning: what {database} had was moved to Redis: check it there, with"
            ' store = "redis" and redis_url (--config)',
            file=sys.stderr,
        )
    if arguments.repair:
        _repair(database)
    problems = [*_identity(configuration.data_folder), *_look(database)]
    for problem in problems:
        print(problem)
    if not problems:
        print(f"{database}: every row is what was written")
        return 0
    print(_ADVICE, file=sys.stderr)
    return 1


def _check_redis(configuration: Configuration, *, repairs: bool) -> int:
    if repairs:
        raise CheckFailed(
            "--repair takes rows out of a database; Redis repairs its own files"
            " (redis-check-aof), and a relay serves nothing that does not fit"
        )
    require_packages()
    from hushpost_server import redis_looks  # noqa: PLC0415 - of an extra, see there

    damaged = redis_looks.damage(configuration)
    problems = [*_identity(configuration.data_folder), *damaged.sentences]
    for problem in problems:
        print(problem)
    if not problems:
        print(f"Redis: {damaged.looked_at} accounts with their mailboxes, all as written")
        return 0
    print(
        f"{damaged.accounts} accounts and {damaged.mailboxes} mailboxes are not as written:"
        " docs/operating.md, 'What an operator keeps of Redis'",
        file=sys.stderr,
    )
    return 1


_ADVICE = (
    "First copy the data folder away, and look after the disk. Rows of envelopes, drops, notices"
    " and prekeys: stop the relay and run `hushpost-relay check --repair`; owners are told what was"
    " lost, and their clients bring the rest again. Anything else: move the database away and run"
    " `hushpost-relay restore`"
)


def _database(configuration: Configuration) -> Path:
    if configuration.store != "sqlite":
        raise CheckFailed('there is nothing on disk to check unless store = "sqlite"')
    database = configuration.data_folder / DATABASE_FILE
    if not database.is_file():
        raise CheckFailed(f"there is no database in {configuration.data_folder}")
    return database


def _identity(folder: Path) -> list[str]:
    try:
        return [] if load_identity(folder) else [f"{folder}: the identity key is missing"]
    except IdentityUnusable as error:
        return [str(error)]


def _look(database: Path) -> list[str]:
    log = inspect_log(database)
    problems = [f"{database}: {_LOG[log]}"] if log in _LOG else []
    try:
        with look_into(database, CHECK_SECONDS_MAX) as look:
            if look.relay_runs:
                # The log of a running relay is written at this moment.
                problems = []
            prepare(look.connection)
            findings = examine(look.connection)
    except LookTooLong as error:
        raise CheckFailed(f"{error}: stop the relay for as long as the check takes") from None
    except StoreError as error:
        return [*problems, f"{database}: {error}"]
    for finding in findings:
        count = f" {finding.rows}" if finding.rows else ""
        problems.append(f"{finding.table or database}:{count} {finding.sentence}")
    return problems


def _repair(database: Path) -> None:
    try:
        repaired = repair(database)
    except StoreDamaged as error:
        raise CheckFailed(str(error)) from None
    except StoreError as error:
        raise CheckFailed(f"{error}; nothing was changed") from None
    for table, count in repaired.removed.items():
        print(f"{table}: {count} damaged rows removed")
    print(f"owners are told of {repaired.told} lost envelopes")
