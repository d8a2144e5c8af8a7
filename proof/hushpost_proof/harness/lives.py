"""Starting processes: plainly, or forked from a `nursery` that has loaded everything already.

Both give a `Life`: what reads of it need, signals, and how it ended.
"""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import IO, Protocol

from hushpost_proof.harness.nursery import REQUEST_BYTES_MAX


class Life(Protocol):
    """One process from its start to its end."""

    @property
    def pid(self) -> int:
        """The process."""
        ...

    @property
    def returncode(self) -> int | None:
        """How it ended: the status, or minus the signal; None while it runs."""
        ...

    @property
    def stdout(self) -> asyncio.StreamReader | None:
        """What it says."""
        ...

    def send_signal(self, signal: int) -> None:
        """Send it a signal."""
        ...

    async def wait(self) -> int:
        """Wait until it has ended."""
        ...


class Beginner(Protocol):
    """Starts a life of a program, which is a module with a `main`."""

    async def __call__(
        self,
        program: str,
        arguments: Sequence[str],
        *,
        folder: Path,
        environment: Mapping[str, str],
        errors: IO[bytes],
    ) -> Life:
        """Begin."""
        ...


async def plainly(
    program: str,
    arguments: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    errors: IO[bytes],
) -> Life:
    """Start a program with an interpreter of its own, as a user does."""
    return StartedLife(
        await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", program),
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            env=dict(environment),
            cwd=folder,
        )
    )


class StartedLife:
    """A process with an interpreter of its own.

    Signals go past `Popen`: its `send_signal` first asks whether the process has ended, and so
    takes the status away from the thread of asyncio that waits for it; it is then told as 255.
    """

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """How it ended."""
        return self._process.returncode

    @property
    def stdout(self) -> asyncio.StreamReader | None:
        """What it says."""
        return self._process.stdout

    def send_signal(self, signal: int) -> None:
        """Send it a signal; none is sent to a process that has ended."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, signal)

    async def wait(self) -> int:
        """Wait until it has ended."""
        return await self._process.wait()


class ForkedLife:
    """A process that the nursery forked."""

    def __init__(self, pid: int, stdout: asyncio.StreamReader) -> None:
        self._pid = pid
        self._stdout = stdout
        self.ending: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    @property
    def pid(self) -> int:
        """The process."""
        return self._pid

    @property
    def stdout(self) -> asyncio.StreamReader:
        """What it says."""
        return self._stdout

    @property
    def returncode(self) -> int | None:
        """How it ended."""
        return self.ending.result() if self.ending.done() else None

    def send_signal(self, signal: int) -> None:
        """Send it a signal; none is sent to a process that has ended."""
        if not self.ending.done():
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal)

    async def wait(self) -> int:
        """Wait until it has ended."""
        return await asyncio.shield(self.ending)


class NurseryEnded(Exception):
    """The nursery itself is gone, so nothing can be started."""


class Nursery:
    """The other end of a nursery. Made by `nursery`; call it to begin a life."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._begun: asyncio.Queue[int] = asyncio.Queue()
        self._lives: dict[int, ForkedLife] = {}
        self._ended: dict[int, int] = {}
        self._turn = asyncio.Lock()
        self._listening = asyncio.get_running_loop().create_task(self._listen())

    async def __call__(
        self,
        program: str,
        arguments: Sequence[str],
        *,
        folder: Path,
        environment: Mapping[str, str],
        errors: IO[bytes],
    ) -> Life:
        """Fork a life; whoever is cancelled meanwhile leaves it to the nursery's end."""
        request: dict[str, object] = {
            "program": program,
            "arguments": list(arguments),
            "environment": dict(environment),
            "folder": str(folder),
        }
        # An answer that nobody waited for would be taken for the next one's.
        return await asyncio.shield(asyncio.ensure_future(self._fork(request, errors)))

    async def _fork(self, request: dict[str, object], errors: IO[bytes]) -> Life:
        data = json.dumps(request).encode()
        assert len(data) <= REQUEST_BYTES_MAX
        read, write = os.pipe()
        try:
            async with self._turn:
                socket.send_fds(self._channel, [data], [write, errors.fileno()])
                pid = await self._begun.get()
        finally:
            os.close(write)
        if pid < 0:
            os.close(read)
            raise NurseryEnded
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read, "rb", buffering=0)
        )
        life = ForkedLife(pid, reader)
        self._lives[pid] = life
        if pid in self._ended:
            life.ending.set_result(self._ended.pop(pid))
        return life

    async def close(self) -> None:
        """End the nursery; it kills what still lives."""
        self._listening.cancel()
        await asyncio.gather(self._listening, return_exceptions=True)
        self._channel.close()

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        rest = b""
        while data := await loop.sock_recv(self._channel, 1 << 16):
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                self._take(json.loads(line))
        self._begun.put_nowait(-1)

    def _take(self, answer: dict[str, int]) -> None:
        if "begun" in answer:
            self._ended.pop(answer["begun"], None)
            self._lives.pop(answer["begun"], None)
            self._begun.put_nowait(answer["begun"])
            return
        life = self._lives.get(answer["ended"])
        if life is None or life.ending.done():
            self._ended[answer["ended"]] = answer["status"]
        else:
            life.ending.set_result(answer["status"])


@asynccontextmanager
async def nursery(environment: Mapping[str, str] | None = None) -> AsyncGenerator[Nursery]:
    """Have a nursery for the time of a block; no life of it is left afterwards."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with theirs:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "hushpost_proof.harness.nursery", str(theirs.fileno())),
            pass_fds=[theirs.fileno()],
            env={**os.environ, **(environment or {})},
        )
    ours.setblocking(False)
    made = Nursery(ours)
    try:
        yield made
    finally:
        await made.close()
        try:
            async with asyncio.timeout(10):
                await process.wait()
        except TimeoutError:
            process.send_signal(signal.SIGKILL)
            await process.wait()
