"""One connection to one server: commands go out together, answers come back in their order.

All that was given within one turn of the event loop is written at once, and nothing waits for an
answer before more is written. A command in flight is never cancelled: its answer would be taken
for the next one's. What does not answer in time ends the connection, and with it every command
that waits (`ConnectionLost`).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from hushpost_store.redis.barrier import Barrier
from hushpost_store.redis.command import Answer, Command, ConnectionLost, Redirected
from hushpost_store.redis.connection import ServerConnection
from hushpost_store.redis.scripts import all_scripts


class NodeLink:
    """A connection to one server. Usable once: a lost one is closed and replaced by a new one."""

    def __init__(
        self,
        connection: ServerConnection,
        answer_seconds_max: float,
        on_lost: Callable[[NodeLink], None],
        barrier: Barrier | None = None,
    ) -> None:
        self._connection = connection
        self._answer_seconds_max = answer_seconds_max
        self._on_lost = on_lost
        self._barrier = barrier
        self._to_write: list[Command] = []
        self._waiting: deque[Command] = deque()
        self._something_to_write = asyncio.Event()
        self._something_waits = asyncio.Event()
        self._tasks: tuple[asyncio.Task[None], ...] = ()
        self.is_open = False

    async def open(self) -> None:
        """Connect. Raises ConnectionLost."""
        await self._connection.open()
        self.is_open = True
        self._tasks = (asyncio.create_task(self._write()), asyncio.create_task(self._read()))

    def teach(self) -> None:
        """Give the server our scripts; what is sent after this can name them."""
        for script in all_scripts().values():
            self.send(Command((b"SCRIPT", b"LOAD", script.text), None, lambda _: None))

    def send(self, command: Command) -> None:
        """Write a command at the end of this turn of the loop, and answer it in time."""
        if not self.is_open:
            command.on_answer(ConnectionLost("the connection to Redis is closed"))
            return
        self._to_write.append(command)
        self._something_to_write.set()

    async def close(self) -> None:
        """End the connection; what waits for an answer is told that it is lost."""
        self._lose()
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        await self._connection.close()

    async def _write(self) -> None:
        while self.is_open:
            await self._something_to_write.wait()
            self._something_to_write.clear()
            commands, self._to_write = self._to_write, []
            if self._barrier is not None:
                commands += self._barrier.after(commands)
            self._waiting.extend(commands)
            self._something_waits.set()
            try:
                await self._connection.write(_arguments(commands), self._answer_seconds_max)
            except ConnectionLost:
                self._lose()

    async def _read(self) -> None:
        while self.is_open:
            if not self._waiting:
                self._something_waits.clear()
                await self._something_waits.wait()
                continue
            try:
                answer = await self._connection.read(self._answer_seconds_max)
            except ConnectionLost:
                self._lose()
                return
            if not self._waiting:
                return  # lost meanwhile: who waited has been told
            command = self._waiting.popleft()
            if command.ask is not None:
                # The answer to ASKING itself comes first and says nothing.
                command.ask = None
                self._waiting.appendleft(command)
                continue
            command.is_answered = not isinstance(answer, Redirected)
            self._tell(command, answer)

    def _tell(self, command: Command, answer: Answer) -> None:
        """Hand an answer on; whoever fails over it must not keep the others from theirs."""
        try:
            command.on_answer(answer)
        except Exception as error:  # noqa: BLE001 - the edge of this task: reported, and gone on
            loop = asyncio.get_running_loop()
            loop.call_exception_handler({"message": "an answer was not taken", "exception": error})

    def _lose(self) -> None:
        if not self.is_open:
            return
        self.is_open = False
        self._something_to_write.set()
        self._something_waits.set()
        lost = [*self._waiting, *self._to_write]
        self._waiting.clear()
        self._to_write.clear()
        self._on_lost(self)
        for command in lost:
            self._tell(command, ConnectionLost("the connection to Redis ended before the answer"))


def _arguments(commands: Sequence[Command]) -> list[tuple[bytes | int, ...]]:
    packed: list[tuple[bytes | int, ...]] = []
    for command in commands:
        if command.ask is not None:
            packed.append((b"ASKING",))
        packed.append(command.arguments)
    return packed
