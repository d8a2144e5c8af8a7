"""Where the `hushpost` script begins: before anything is imported that may be absent or be slow."""

import sys
from importlib import import_module


def main() -> None:
    """Run the command; say in one line what is missing, and take Ctrl-C while still loading."""
    try:
        command = import_module("hushpost_demo.command")
    except ModuleNotFoundError as error:
        # One of ours missing is a fault of the installation, and its traceback says where.
        if (error.name or "").startswith("hushpost"):
            raise
        sys.exit(
            f"hushpost: {error.name} is not installed; the library alone needs none of it, this "
            "command does: install hushpost with its extra, 'hushpost[demo]'"
        )
    except KeyboardInterrupt:
        # What shells have for an interrupted program, as in `exit_statuses`, not loaded yet.
        sys.exit(130)
    command.main()
