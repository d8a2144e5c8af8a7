"""The processes of a run: servers on one core, the load on another, this one out of the way."""

import json
import os
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.errors import BenchmarkFailure, MachineUnfit
from benchmarks.orders import Order, encode_order
from benchmarks.recording import Figures

SERVER_CORE: Final = 0
LOAD_CORE: Final = 1
STOP_SECONDS_MAX: Final = 30

_UNLIMITED: Final = "1000000000"
# Limits against floods, out of the way of one; what checks them still runs for every message.
RELAY_ENVIRONMENT: Final = {
    f"HUSHPOST_RELAY_{key}": _UNLIMITED
    for key in (
        "CONNECTION_SUBMITS_PER_SECOND",
        "CONNECTION_SUBMITS_BURST",
        "CONNECTION_CONTROLS_PER_SECOND",
        "CONNECTION_CONTROLS_BURST",
        "PREFIX_SUBMITS_PER_SECOND",
        "PREFIX_SUBMITS_BURST",
        "PREFIX_CONNECTS_PER_SECOND",
        "PREFIX_CONNECTS_BURST",
        "PREFIX_ACCOUNTS_PER_HOUR",
        "PREFIX_ACCOUNTS_BURST",
        "PREFIX_LOGINS_PER_SECOND",
        "PREFIX_LOGINS_BURST",
    )
} | {
    f"HUSHPOST_RELAY_{key}": "0"
    for key in ("PREFIX_CONNECTIONS_MAX", "CONNECTS_PER_SECOND", "ACCOUNTS_PER_SECOND")
}


@dataclass(frozen=True, slots=True)
class Server:
    """A server that listens."""

    url: str
    pid: int


class Load:
    """The load process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, order: Order) -> Figures:
        """Give an order and wait for its figures. Raises `BenchmarkFailure`."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it ended; reading its answer says so
            self._process.stdin.write(encode_order(order))
            self._process.stdin.flush()
        answer = _read_line(self._process, "the load")
        if "failure" in answer:
            raise BenchmarkFailure(f"the load stopped at {type(order).__name__}: {answer}")
        return answer


@contextmanager
def load() -> Generator[Load]:
    """Start the load on its core, and stop it."""
    with _running(["-m", "benchmarks.load"], LOAD_CORE, {}) as process:
        yield Load(process)


@contextmanager
def forwarder(*, sansio: bool = False) -> Generator[Server]:
    """Start a forwarder on the servers' core, and stop it."""
    module = "benchmarks.sansio_forwarder" if sansio else "benchmarks.forwarder"
    with _running(["-m", module], SERVER_CORE, {}) as process:
        yield _server(process, "the forwarder")


@contextmanager
def relay(
    folder: Path,
    *,
    enforce_buckets: bool,
    environment: Mapping[str, str] | None = None,
    module: str = "hushpost_server.command",
) -> Generator[Server]:
    """Start a relay with SQLite in `folder` on the servers' core, and stop it with SIGTERM."""
    arguments = ["-m", module, "serve", "--listen-port", "0", "--metrics-port", "0", "--json"]
    arguments += ["--data-folder", str(folder), "--log-level", "error"]
    if not enforce_buckets:
        arguments.append("--unsafe-no-bucket-enforcement")
    settings = {**RELAY_ENVIRONMENT, **(environment or {})}
    with _running(arguments, SERVER_CORE, settings) as process:
        yield _server(process, "the relay")


def check_cores() -> None:
    """Raise `MachineUnfit` unless servers and load can have a core each."""
    if not hasattr(os, "sched_setaffinity"):
        raise MachineUnfit("processes cannot be pinned to cores here: run the benchmarks on Linux")
    allowed = os.sched_getaffinity(0)
    if not {SERVER_CORE, LOAD_CORE} <= allowed:
        raise MachineUnfit(f"cores {SERVER_CORE} and {LOAD_CORE} are needed, {allowed} allowed")


@contextmanager
def _running(
    arguments: list[str], core: int, environment: Mapping[str, str]
) -> Generator[subprocess.Popen[str]]:
    # Not as a context manager: its end would wait for ever for a process that hangs.
    process = subprocess.Popen(
        [sys.executable, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    try:
        # Before it has started a second thread: threads inherit the core.
        os.sched_setaffinity(process.pid, {core})
        yield process
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    with suppress(BrokenPipeError):  # what was still to be written to one that ended
        process.stdin.close()
    process.terminate()
    try:
        process.wait(STOP_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()


def _server(process: subprocess.Popen[str], name: str) -> Server:
    return Server(str(_read_line(process, name)["url"]), process.pid)


def _read_line(process: subprocess.Popen[str], name: str) -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise BenchmarkFailure(f"{name} ended with status {process.wait()}; see its output above")
    answer: dict[str, Any] = json.loads(line)
    return answer
