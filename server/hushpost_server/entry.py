"""Where the `hushpost-relay` script begins: before anything is imported that may be absent."""

import sys
from importlib import import_module


def main() -> int:
    """Run the command and return its status; say in one line which package is missing."""
    try:
        command = import_module("hushpost_server.command")
    except ModuleNotFoundError as error:
        # One of ours missing is a fault of the installation, and its traceback says where.
        if (error.name or "").startswith("hushpost"):
            raise
        sys.exit(
            f"hushpost-relay: {error.name} is not installed; the client library needs none of it, "
            "the relay does: install hushpost with its extra, 'hushpost[relay]'"
        )
    except KeyboardInterrupt:
        return 130
    status: int = command.script()
    return status
