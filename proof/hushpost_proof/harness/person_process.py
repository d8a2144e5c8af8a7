"""One person of the kill test over all the lives of its process."""

import asyncio
import os
import signal
from collections.abc import Mapping
from pathlib import Path

from hushpost_proof.harness.lives import Beginner, Life, plainly
from hushpost_proof.harness.person import Place

PERSON_PROGRAM = "hushpost_proof.harness.person"
# It takes moments on an idle machine.
_END_SECONDS_MAX = 120.0


class PersonDied(Exception):
    """A person's process ended though nobody killed it."""


class PersonProcess:
    """Starts, kills and starts again. `word` waits for what the person says."""

    def __init__(
        self,
        place: Place,
        name: str,
        peer: str,
        relay_url: str,
        seed: int,
        *,
        program: str = PERSON_PROGRAM,
        begin: Beginner = plainly,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.kills = 0
        self._place = place
        self._arguments = (str(place.folder), name, peer, relay_url, str(seed))
        self._program = program
        self._begin = begin
        self._environment = {**os.environ, **(environment or {})}
        self._process: Life | None = None
        self._said: set[str] = set()
        self._news = asyncio.Event()
        self._listening: asyncio.Task[None] | None = None

    @property
    def is_running(self) -> bool:
        """Whether a life is under way."""
        return self._process is not None

    async def start(self, environment: Mapping[str, str] | None = None) -> None:
        """Begin a life; `environment` is for this one alone."""
        assert self._process is None
        self._said.clear()
        with self._log().open("ab") as log:
            self._process = await self._begin(
                self._program,
                self._arguments,
                folder=self._place.folder,
                environment={**self._environment, **(environment or {})},
                errors=log,
            )
        self._listening = asyncio.get_running_loop().create_task(self._listen(self._process))

    async def kill(self) -> None:
        """End the present life by signal 9."""
        process, self._process = self._process, None
        assert process is not None
        if process.returncode is not None:
            raise self._died(process)
        self.kills += 1
        process.send_signal(signal.SIGKILL)
        await self._gone(process)

    async def died(self) -> int:
        """Wait until the present life has ended by itself; return how."""
        process = self._process
        assert process is not None
        await self._gone(process)
        self._process = None
        assert process.returncode is not None
        return process.returncode

    def send(self, number: signal.Signals) -> None:
        """Send a signal that does not end it, such as SIGSTOP."""
        assert self._process is not None
        self._process.send_signal(number)

    @property
    def pid(self) -> int:
        """The present life."""
        assert self._process is not None
        return self._process.pid

    async def word(self, word: str) -> None:
        """Wait until the present life has said `word`; raises `PersonDied` if it ends before."""
        while word not in self._said:
            process = self._process
            if process is not None and process.returncode is not None:
                raise self._died(process)
            self._news.clear()
            await self._news.wait()

    async def end(self) -> None:
        """Wait for the end that the person makes when told."""
        process, self._process = self._process, None
        assert process is not None
        async with asyncio.timeout(_END_SECONDS_MAX):
            await self._gone(process)
        if process.returncode != 0:
            raise self._died(process)

    async def clear_away(self) -> None:
        """Leave no process behind, whatever happened."""
        process, self._process = self._process, None
        if process is not None:
            if process.returncode is None:
                process.send_signal(signal.SIGKILL)
            await self._gone(process)

    async def _listen(self, process: Life) -> None:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            if process is self._process:
                self._said.add(line.decode().strip())
                self._news.set()
        await process.wait()
        self._news.set()

    async def _gone(self, process: Life) -> None:
        await process.wait()
        if self._listening is not None:
            # Whoever waits may be cancelled; what the life said last is still taken.
            await asyncio.shield(self._listening)

    def _log(self) -> Path:
        return self._place.folder / f"{self.name}.log"

    def _died(self, process: Life) -> PersonDied:
        tail = self._log().read_text()[-3_000:]
        return PersonDied(f"{self.name} ended by itself ({process.returncode}):\n{tail}")
