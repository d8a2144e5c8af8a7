"""The relay as the operator's command runs it, behind a wall: its first try to get out is its end.

    python -m hushpost_proof.harness.walled_relay serve ...      arguments of `hushpost-relay`

A relay that keeps its mail in Redis has to connect to it: that one is run without.
"""

import sys

from hushpost_proof.harness.wall import build_wall


def main(arguments: list[str] | None = None) -> int:
    """Build the wall, and only then load and run the relay."""
    build_wall()
    from hushpost_server import command  # noqa: PLC0415 - what loading does counts too

    return command.script() if arguments is None else command.main(arguments)


if __name__ == "__main__":
    sys.exit(main())
