"""One connection to one server: commands go out together, answers come back in their order.

All that was given within one turn of the event loop is written at once, and nothing waits for an
answer before more is written, but for that of a barrier: the server carries nothing out behind it
until its replicas have answered, and what is given meanwhile makes one group instead of many.

A command in flight is never cancelled: its answer would be taken for the next one's. What does not
answer in time ends the connection, and with it every command that waits (`ConnectionLost`).

A connection is always read, so that the end of one that nobody used is known before it is; and one
that nobody uses is asked now and then, or servers and networks that end what is idle would do so.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

from hushpost_store.redis.barrier import Barrier
from hushpost_store.redis.command import (
    ANY_LIFE,
    LIFE_BYTES,
    Answer,
    Command,
    ConnectionLost,
    Redirected,
    into,
)
from hushpost_store.redis.connection import ServerConnection
from hushpost_store.redis.replication import life_of
from hushpost_store.redis.resp import packed
from hushpost_store.redis.scripts import all_scripts

_ASKING: Final = packed((b"ASKING",))
_END: Final = b"\r\n"
_LIFE_AT: Final = -LIFE_BYTES - len(_END)
# Less than the 16 KiB that a server reads at once: what is left over grows its buffer.
TAUGHT_BYTES_MAX: Final = 12_000
# An answer may lie here already, unread, when this process itself stood still.
_GRACE_SECONDS: Final = 0.05


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
        self._under_way: Command | None = None
        self._waiting: deque[Command] = deque()
        self._overdue_at = 0.0
        self._is_overdue = False
        self._watch: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self.is_open = False
        self.life: bytes | None = None
        """The life in which the server numbers envelopes; None where it is no primary."""

    async def open(self) -> None:
        """Connect, and learn the server's life. Raises StoreFault; then nothing stays open."""
        await self._connection.open()
        self.is_open = True
        self._task = asyncio.create_task(self._read())
        self._watch_for(self._answer_seconds_max)
        try:
            self.life = life_of(await self.ask(b"INFO", b"replication"))
        except BaseException:
            await self.close()
            raise

    async def ask(self, *arguments: bytes | int) -> Answer:
        """Send a command that concerns no slot, and return its answer. Raises StoreFault."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.send(Command(arguments, None, into(future)))
        return await future

    def teach(self) -> None:
        """Give the server our scripts; what is sent after this can name them."""
        for script in all_scripts().values():
            self.send(Command((b"SCRIPT", b"LOAD", script.text), None, lambda _: None))

    async def teach_calmly(self) -> None:
        """Give the server our scripts a few at a time. Raises ConnectionLost.

        Redis keeps what comes on a connection in a buffer. All at once would grow it so that it is
        shrunk soon, with mail in it; and what is shrunk stays behind in freed memory as it was,
        also where freed memory is overwritten (jemalloc 5.3 leaves out what it moves).
        """
        size, answers = 0, list[asyncio.Future[Answer]]()
        for script in all_scripts().values():
            size += len(script.text)
            if size > TAUGHT_BYTES_MAX:
                await _refused_or_done(answers)
                size, answers = len(script.text), []
            answers.append(asyncio.get_running_loop().create_future())
            self.send(Command((b"SCRIPT", b"LOAD", script.text), None, into(answers[-1])))
        await _refused_or_done(answers)

    def send(self, command: Command) -> None:
        """Write a command at the end of this turn of the loop, and answer it in time."""
        if not self.is_open:
            command.answer(ConnectionLost("the connection to Redis is closed"))
            return
        if not self._to_write:
            asyncio.get_running_loop().call_soon(self._write)
        self._to_write.append(command)

    async def close(self) -> None:
        """End the connection; what waits for an answer is told that it is lost."""
        self.lose()
        task = self._task
        if task is not None and task is not asyncio.current_task():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await self._connection.close()

    def _write(self) -> None:
        if self._under_way is not None:
            return  # the server takes nothing more from here until its replicas have answered
        commands, self._to_write = self._to_write, []
        if not commands:
            return  # lost meanwhile: who waited has been told
        if self._barrier is not None:
            for barrier in self._barrier.after(commands):
                self._under_way = barrier
                commands.append(barrier)
        if not self._waiting:
            self._put_off()
        self._waiting.extend(commands)
        try:
            self._connection.write_soon(b"".join(self._parts(commands)))
        except ConnectionLost:
            self.lose()

    def _parts(self, commands: Iterable[Command]) -> list[bytes | memoryview]:
        parts: list[bytes | memoryview] = []
        for command in commands:
            if command.ask is not None:
                parts.append(_ASKING)
            if command.takes_life:
                parts += (memoryview(command.packed)[:_LIFE_AT], self.life or ANY_LIFE, _END)
            else:
                parts.append(command.packed)
        return parts

    async def _read(self) -> None:
        while self.is_open:
            try:
                answers = await self._connection.read_all()
            except ConnectionLost:
                self.lose()
                return
            if answers:
                self._put_off()
            for answer in answers:
                self._take(answer)

    def _put_off(self) -> None:
        """Note that something was answered, or that only now something waits for an answer."""
        self._overdue_at = asyncio.get_running_loop().time() + self._answer_seconds_max
        self._is_overdue = False

    @property
    def silent_seconds(self) -> float:
        """How long the server has answered nothing while something waits for an answer."""
        if not self._waiting:
            return 0.0
        answered_at = self._overdue_at - self._answer_seconds_max
        return max(0.0, asyncio.get_running_loop().time() - answered_at)

    def _watch_for(self, seconds: float) -> None:
        self._watch = asyncio.get_running_loop().call_later(seconds, self._look)

    def _look(self) -> None:
        """End a connection on which an answer is overdue; use one that nobody uses."""
        left = self._overdue_at - asyncio.get_running_loop().time()
        if not self._waiting:
            self.send(Command((b"PING",), None, lambda _: None))
            self._watch_for(self._answer_seconds_max)
        elif left > 0:
            self._watch_for(left)
        elif not self._is_overdue:
            self._is_overdue = True
            self._watch_for(_GRACE_SECONDS)
        else:
            self.lose()

    def _take(self, answer: Answer) -> None:
        """Hand an answer to the command that it belongs to."""
        if not self._waiting or isinstance(answer, ConnectionLost):
            self.lose()  # nobody asked, or the server says that this connection is of no use
            return
        command = self._waiting.popleft()
        if command.ask is not None:
            # The answer to ASKING itself comes first and says nothing.
            command.ask = None
            self._waiting.appendleft(command)
            return
        command.is_answered = not isinstance(answer, Redirected)
        self._tell(command, answer)
        if command is self._under_way:
            self._under_way = None
            self._write()

    def _tell(self, command: Command, answer: Answer) -> None:
        """Hand an answer on; whoever fails over it must not keep the others from theirs."""
        try:
            command.answer(answer)
        except Exception as error:  # noqa: BLE001 - the edge of this task: reported, and gone on
            loop = asyncio.get_running_loop()
            loop.call_exception_handler({"message": "an answer was not taken", "exception": error})

    def lose(self) -> None:
        """Take the connection for lost; what waits for an answer is told so."""
        if not self.is_open:
            return
        self.is_open = False
        if self._watch is not None:
            self._watch.cancel()
        self._connection.abort()
        lost = [*self._waiting, *self._to_write]
        self._waiting.clear()
        self._to_write.clear()
        self._on_lost(self)
        for command in lost:
            self._tell(command, ConnectionLost("the connection to Redis ended before the answer"))


async def _refused_or_done(answers: list[asyncio.Future[Answer]]) -> None:
    """Return when all have come; what is refused, who wants it is told. Raises ConnectionLost."""
    for answer in await asyncio.gather(*answers, return_exceptions=True):
        if isinstance(answer, ConnectionLost):
            raise answer
