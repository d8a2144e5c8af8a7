"""`hushpost-relay`: what an operator types. argparse, since a relay installs without click.

Every failure that an operator can mend is one line on standard error and exit status 1; a wrong
argument is argparse's own status 2. What fails beyond that is one line with a class and a place.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Final

from hushpost_server import (
    backup_command,
    check_command,
    config_command,
    identity_command,
    inventory_command,
    migrate_command,
    serve_command,
    subpoena_command,
)
from hushpost_server.command_arguments import Arguments
from hushpost_server.errors import OperatorError
from hushpost_server.logging import EventLog
from hushpost_server.process_output import hold_exceptions, print_no_more

# As a shell says of a program that SIGPIPE ended.
BROKEN_PIPE_STATUS: Final = 141
_NOUNS = (
    serve_command,
    config_command,
    identity_command,
    backup_command,
    check_command,
    inventory_command,
    subpoena_command,
    migrate_command,
)


def script() -> int:
    """Run as a process of the relay's own: until its end no traceback is printed."""
    hold_exceptions(EventLog.to_stream(sys.stderr, "warning"))
    return main(own_process=True)


def main(arguments: Sequence[str] | None = None, *, own_process: bool = False) -> int:
    """Run one command and return the exit status.

    Within a program that goes on afterwards `own_process` is False: its output is given back.
    """
    # `serve` withholds what is printed past the log; what it fails with must still be read.
    complaints = sys.stderr
    parsed = _parser().parse_args(arguments)
    parsed.own_process = own_process
    run: Callable[[Arguments], int] = parsed.run
    try:
        status = run(parsed)
        sys.stdout.flush()
    except OperatorError as error:
        print(f"hushpost-relay: {error}", file=complaints)
        return 1
    except PermissionError as error:
        place = error.filename or "a file"
        print(
            f"hushpost-relay: {place} may not be used by this user: run it as the user whose relay"
            " it is",
            file=complaints,
        )
        return 1
    except BrokenPipeError:  # whoever read it, `head` for instance, has enough
        print_no_more()
        return BROKEN_PIPE_STATUS
    except KeyboardInterrupt:
        return 130
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hushpost-relay", description="Run and look after a hushpost relay."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for noun in _NOUNS:
        noun.add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(script())
