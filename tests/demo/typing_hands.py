"""The command as tests type it: in this process through click, or in processes and terminals."""

import asyncio
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from click.testing import CliRunner, Result
from hushpost import Client, ContactStage, KnockReceived, MessageReceived
from hushpost_demo.command import cli

PASSPHRASE = "correct horse"
COMMAND = (sys.executable, "-m", "hushpost_demo.command")
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")

Fact = dict[str, Any]


@dataclass(frozen=True)
class Vaults:
    """A folder of vaults, and the relay they live at."""

    folder: Path
    relay: str

    def path(self, name: str) -> Path:
        """Give the path of somebody's vault."""
        return self.folder / f"{name}.vault"

    def environment(self, name: str) -> dict[str, str]:
        """Give what a process needs to use that vault without being asked."""
        own = {"HUSHPOST_VAULT": str(self.path(name)), "HUSHPOST_PASSPHRASE": PASSPHRASE}
        return {**os.environ, **own}

    def init(self, name: str) -> str:
        """Make an account; gives its address."""
        facts = self.facts(name, "init", "--relay", self.relay, "--name", name)
        address: str = facts[0]["address"]
        return address

    def run(self, name: str, *arguments: str, typed: str | None = None) -> Result:
        """Run a command in this process."""
        runner = CliRunner(env=self.environment(name))
        return runner.invoke(cli, list(arguments), input=typed)

    def facts(self, name: str, *arguments: str) -> list[Fact]:
        """Run a command that succeeds with --json; gives what it said."""
        result = self.run(name, *arguments, "--json")
        assert result.exit_code == 0, result.output
        return facts_of(result.stdout)

    def fails(self, name: str, *arguments: str) -> tuple[int, str]:
        """Run a command that fails; gives its status and its one line of error."""
        result = self.run(name, *arguments)
        assert result.exit_code != 0, result.output
        lines = result.stderr.splitlines()
        assert len(lines) == 1, result.stderr
        assert "Traceback" not in result.output
        return result.exit_code, lines[0]


@dataclass(frozen=True)
class Hands:
    """Alice and Bob with their vaults."""

    vaults: Vaults
    addresses: dict[str, str] = field(default_factory=dict)

    def meet(self) -> None:
        """Make accounts; Alice knocks, Bob accepts, both know."""
        asyncio.run(self._meet())

    async def _meet(self) -> None:
        async with (
            await self._create("alice") as alice,
            await self._create("bob") as bob,
        ):
            self.addresses.update(alice=str(alice.address), bob=str(bob.address))
            await bob.online()
            await bob.settled(timeout=60)
            await alice.send(await alice.add_contact(bob.address), "hello bob")
            await self._consume(bob, KnockReceived)
            await bob.accept(bob.knocks()[0])
            await self._consume(bob, MessageReceived)
            while {c.stage for c in alice.contacts() + bob.contacts()} != {ContactStage.OPEN}:  # noqa: ASYNC110  two clients, no event that tells of both
                await asyncio.sleep(0.02)
            await asyncio.gather(alice.settled(timeout=60), bob.settled(timeout=60))

    async def _create(self, name: str) -> Client:
        path, relay = self.vaults.path(name), self.vaults.relay
        return await Client.create(path, relay=relay, passphrase=PASSPHRASE, name=name)

    async def _consume(self, client: Client, kind: type[KnockReceived | MessageReceived]) -> None:
        async for event in client.events():
            await client.consume(event)
            if isinstance(event, kind):
                return


def facts_of(output: str) -> list[Fact]:
    """Read JSON lines."""
    return [json.loads(line) for line in output.splitlines()]


class PseudoTerminal:
    """A process on a pseudo-terminal; ``with`` ends it."""

    def __init__(self, arguments: Sequence[str], environment: dict[str, str]) -> None:
        self.screen = ""
        self._seen = 0
        self._master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [*COMMAND, *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**environment, "TERM": "xterm", "COLUMNS": "80", "LINES": "24"},
            start_new_session=True,
        )
        os.close(slave)

    def press(self, text: str) -> None:
        """Press keys."""
        os.write(self._master, text.encode())

    def expect(self, words: str, seconds: float = 60) -> str:
        """Wait until the words come up behind what was expected before; gives all between."""
        deadline = time.monotonic() + seconds
        while (found := self.screen.find(words, self._seen)) < 0:
            left = deadline - time.monotonic()
            assert self._read(max(0.0, left)), f"no {words!r} in:\n{self.screen}"
        between = self.screen[self._seen : found]
        self._seen = found + len(words)
        return between

    def expect_each(self, *words: str, seconds: float = 60) -> None:
        """Wait until all of the words are there behind what was expected before, in any order."""
        ends: list[int] = []
        begin = self._seen
        for one in words:
            self._seen = begin
            self.expect(one, seconds)
            ends.append(self._seen)
        self._seen = max(ends)

    def ended(self, seconds: float = 60) -> int:
        """Wait for the end; gives the exit status."""
        deadline = time.monotonic() + seconds
        while self._read(max(0.0, deadline - time.monotonic())):
            pass
        return self.process.wait(seconds)

    def _read(self, seconds: float) -> bool:
        if not select.select([self._master], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self._master, 65536)
        except OSError:
            return False
        self.screen += _CONTROL.sub("", data.decode(errors="replace"))
        return bool(data)

    def __enter__(self) -> "PseudoTerminal":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        os.close(self._master)
