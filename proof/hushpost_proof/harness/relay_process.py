"""The relay as an operator runs it: `hushpost-relay serve` in a process of its own, to be killed.

It is started again on the same port and the same folder, so that clients find it where it was.
"""

import asyncio
import json
import os
import random
import signal
import socket
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from hushpost_proof.harness.lives import Beginner, Life, plainly

# It takes half a second on an idle machine; a busy one gets a hundred times that.
START_SECONDS_MAX = 60.0
# Outside the range from which the system takes ports for outgoing connections: otherwise a client
# that dials a dead relay may be given the relay's own port, and then it is connected to itself.
_PORTS = range(20_000, 32_000)
# A test loads one relay from one address with many accounts: the limits that an operator sets
# against strangers are off, and nothing else is changed.
NO_RATE_LIMITS = {
    f"HUSHPOST_RELAY_{name}": "0"
    for name in (
        "CONNECTION_SUBMITS_PER_SECOND",
        "PREFIX_SUBMITS_PER_SECOND",
        "CONNECTION_CONTROLS_PER_SECOND",
        "PREFIX_CONNECTS_PER_SECOND",
        "PREFIX_ACCOUNTS_PER_HOUR",
        "PREFIX_LOGINS_PER_SECOND",
        "PREFIX_TAKES_PER_MINUTE",
        "ACCOUNT_TAKES_PER_HOUR",
        "PREFIX_CONNECTIONS_MAX",
        "CONNECTS_PER_SECOND",
        "ACCOUNTS_PER_SECOND",
    )
}


# The same command behind a wall: a relay of the suite that tried to get out would die of it.
RELAY_PROGRAM = "hushpost_proof.harness.walled_relay"


class RelayDidNotStart(Exception):
    """The relay ended or kept silent instead of saying where it listens."""


class RelayTriedToGetOut(Exception):
    """The relay made a connection, or looked up a name, and died of it."""


def free_port() -> int:
    """Find a port on which nothing listens and which no outgoing connection is given."""
    for port in random.sample(_PORTS, k=200):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RelayDidNotStart("none of 200 ports is free")


class RelayProcess:
    """One relay over all its lives. `folder` keeps its database, its identity and its log."""

    def __init__(
        self,
        folder: Path,
        *,
        public_host: str | None = None,
        arguments: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        program: str = RELAY_PROGRAM,
        begin: Beginner = plainly,
    ) -> None:
        self.folder = folder
        self.data_folder = folder / "relay"
        self.log_path = folder / "relay.log"
        self.port = free_port()
        self.host = f"127.0.0.1:{self.port}"
        self.url = f"ws://{self.host}"
        self.kills = 0
        self._public_host = public_host or self.host
        self._arguments = tuple(arguments)
        self._environment = {**os.environ, **NO_RATE_LIMITS, **(environment or {})}
        self._program = program
        self._begin = begin
        self._process: Life | None = None

    @property
    def pid(self) -> int | None:
        """The process, if one runs."""
        return None if self._process is None else self._process.pid

    async def start(self, environment: Mapping[str, str] | None = None) -> None:
        """Start the relay and return when it listens; `environment` is for this life alone."""
        process = await self.begin(environment)
        assert process.stdout is not None
        try:
            line = await asyncio.wait_for(process.stdout.readline(), START_SECONDS_MAX)
            self.metrics_url: str = json.loads(line)["metrics"]
        except (TimeoutError, ValueError) as error:
            await self.kill()
            log_text = self.log_path.read_text()[-2_000:]
            raise RelayDidNotStart(f"the relay did not start:\n{log_text}") from error

    async def begin(self, environment: Mapping[str, str] | None = None) -> Life:
        """Start the relay and do not wait until it listens: it may be meant to die before."""
        assert self._process is None
        with self.log_path.open("ab") as log:
            self._process = await self._begin(
                self._program,
                (
                    "serve",
                    *("--listen-port", str(self.port)),
                    *("--public-host", self._public_host),
                    *("--metrics-port", "0"),
                    *("--data-folder", str(self.data_folder)),
                    "--json",
                    *self._arguments,
                ),
                folder=self.folder,
                environment={**self._environment, **(environment or {})},
                errors=log,
            )
        return self._process

    async def kill(self) -> None:
        """End it by signal 9, wherever it stands; return when the system has taken it away."""
        self.kills += 1
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        """End it as an operator does, by SIGTERM: it drains and closes its files."""
        await self._end(signal.SIGTERM)

    async def died(self) -> int:
        """Wait until it has ended by itself; return how."""
        assert self._process is not None
        status = await self._process.wait()
        self._process = None
        return status

    def send(self, number: signal.Signals) -> None:
        """Send a signal that does not end it, such as SIGSTOP."""
        assert self._process is not None
        self._process.send_signal(number)

    async def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            process.send_signal(number)
        if await process.wait() == -signal.SIGSYS:
            raise RelayTriedToGetOut(f"the wall ended the relay; see {self.log_path}")


@asynccontextmanager
async def relay_process(
    folder: Path,
    *,
    public_host: str | None = None,
    arguments: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    program: str = RELAY_PROGRAM,
    begin: Beginner = plainly,
) -> AsyncGenerator[RelayProcess]:
    """Run a relay for the time of a test; whatever happens, no process is left."""
    relay = RelayProcess(
        folder,
        public_host=public_host,
        arguments=arguments,
        environment=environment,
        program=program,
        begin=begin,
    )
    await relay.start()
    try:
        yield relay
    finally:
        await relay.stop()
