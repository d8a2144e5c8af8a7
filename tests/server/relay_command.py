"""A relay started by its command in a process of its own, for the tests of the commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

COMMAND = [sys.executable, "-m", "hushpost_server.command"]
Started = tuple[subprocess.Popen[str], dict[str, Any]]


def environment(**more: str) -> dict[str, str]:
    """Return the environment with the packages on the path."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **more}


@contextmanager
def started_relay(
    folder: Path, arguments: Sequence[str] = (), **variables: str
) -> Generator[Started]:
    """Start a relay and say where it listens; it is killed if it still runs."""
    given = ["serve", "--listen-port", "0", "--metrics-port", "0", "--json", *arguments]
    with subprocess.Popen(
        [*COMMAND, *given, "--data-folder", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(**variables),
    ) as process:
        assert process.stdout is not None
        yield process, json.loads(process.stdout.readline())
        process.kill()
