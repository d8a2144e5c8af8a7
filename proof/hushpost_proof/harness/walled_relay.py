"""The relay as the operator's command runs it, behind a wall: its first try to get out is its end.

python -m hushpost_proof.harness.walled_relay serve ...      arguments of `hushpost-relay`
"""

import sys

from hushpost_proof.harness.wall import build_wall


def main() -> int:
    """Build the wall, and only then load and run the relay."""
    build_wall()
    from hushpost_server.command import script  # noqa: PLC0415 - what loading does counts too

    return script()


if __name__ == "__main__":
    sys.exit(main())
