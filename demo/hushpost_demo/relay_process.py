"""The demo's relay: a process of its own on a loopback port, that can be killed and started again.

All it writes goes into one folder: database and key in ``data``, its log, its temporary files. So
that folder is everything a scan has to read.
"""

import asyncio
import contextlib
import json
import os
import random
import signal
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hushpost_demo.bound_processes import bound
from hushpost_demo.errors import RelayNotStarted

# Half a second on an idle machine; a busy one gets a hundred times that.
START_SECONDS_MAX: Final = 60.0
STOP_SECONDS_MAX: Final = 10.0
# Outside the range from which systems take ports for outgoing connections: a client that dials the
# dead relay could otherwise be given the relay's own port, and be connected to itself.
_PORTS: Final = range(20_000, 32_000)
_PORTS_TRIED_MAX: Final = 100
# The person's own settings for a relay of theirs have no business in the demo's.
_FOREIGN_SETTINGS: Final = "HUSHPOST_"
_SETTING: Final = "HUSHPOST_RELAY_"
_TO_THE_OPERATOR: Final = "hushpost-relay: "


@dataclass(frozen=True, slots=True)
class RelayAddress:
    """Where a started relay listens."""

    url: str
    host: str
    metrics: str

    @property
    def port(self) -> int:
        """The port on which it listens, which clients dial unless something stands in front."""
        return int(self.url.rpartition(":")[2])


class RelayProcess:
    """Start, kill, start again: always the same folder and port. ``async with`` stops it.

    ``settings`` are keys of docs/configuration.md, in capitals.
    """

    def __init__(self, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        self.folder: Final = folder
        self.data_folder: Final = folder / "data"
        self.database: Final = self.data_folder / "relay.db"
        self.log: Final = folder / "relay.log"
        self._temporary: Final = folder / "temporary"
        self._configuration: Final = folder / "relay.toml"
        self._settings: Final = {
            f"{_SETTING}{key}": value for key, value in (settings or {}).items()
        }
        self._process: asyncio.subprocess.Process | None = None
        self._address: RelayAddress | None = None

    @property
    def address(self) -> RelayAddress:
        """Where it listens; raises `RelayNotStarted` before the first start."""
        if self._address is None:
            raise RelayNotStarted("the relay was not started yet")
        return self._address

    @property
    def pid(self) -> int | None:
        """The number of the running process, or None."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def start(self) -> None:
        """Start it and wait until it listens; raises `RelayNotStarted` with what it said.

        Interrupted on the way, it leaves no process.
        """
        self._temporary.mkdir(parents=True, exist_ok=True)
        # Empty, in place of the one that an operator on this machine may have.
        self._configuration.touch()
        port = _free_port() if self._address is None else self._address.port
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *bound(),
                *self._arguments(port),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env=self._environment(),
                # Ctrl-C belongs to the demo, which stops its relay itself.
                start_new_session=True,
            )
        try:
            self._address = await self._first_line(self._process)
        except asyncio.CancelledError:  # nobody who could end it knows of it yet
            self.kill()
            raise

    def kill(self) -> None:
        """End it by signal 9: no goodbye, nothing flushed."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)

    async def ended(self) -> int | None:
        """Wait until it is gone and give its exit status; minus nine after `kill`."""
        return None if self._process is None else await self._process.wait()

    async def stop(self) -> None:
        """Ask it to stop, and insist if it does not."""
        if self.pid is None or self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS_MAX):
                await self._process.wait()
        except TimeoutError:
            self.kill()
            await self._process.wait()

    async def __aenter__(self) -> "RelayProcess":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def _arguments(self, port: int) -> list[str]:
        command = [sys.executable, "-m", "hushpost_server.command", "serve", "--json"]
        command += ["--config", str(self._configuration)]
        command += ["--data-folder", str(self.data_folder), "--listen-port", str(port)]
        # The most talkative log there is: what it does not say, no other level says.
        return [*command, "--metrics-port", "0", "--log-level", "debug"]

    def _environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(_FOREIGN_SETTINGS)}
        places = {"TMPDIR": str(self._temporary), "SQLITE_TMPDIR": str(self._temporary)}
        return {**kept, **places, **self._settings}

    async def _first_line(self, process: asyncio.subprocess.Process) -> RelayAddress:
        assert process.stdout is not None
        try:
            async with asyncio.timeout(START_SECONDS_MAX):
                line = await process.stdout.readline()
            return RelayAddress(**json.loads(line))
        except (TimeoutError, ValueError, TypeError):
            await self.stop()
            raise RelayNotStarted(f"the relay did not start: {self._last_words()}") from None

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()
        # What it says to its operator; an event of the log may follow as it ends.
        told = [line for line in lines if line.startswith(_TO_THE_OPERATOR)]
        return (told or lines or ["it said nothing"])[-1]


def _free_port() -> int:
    for port in random.sample(_PORTS, k=_PORTS_TRIED_MAX):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port
    raise RelayNotStarted("none of a hundred ports on this machine is free")
