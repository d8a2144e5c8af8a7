"""An event loop without sockets, in which time passes only when it is told to.

A relay listens here as everywhere; who calls gets two ends of a pair of buffers instead of a TCP
connection. One thread, one order: what happened once happens again.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from typing import Any, cast

Protocol = asyncio.Protocol | asyncio.BufferedProtocol
# Time goes this much beyond a timer, as it does where it passes by itself: never short of it.
STEP_SECONDS = 1e-6


class _Selector(selectors.DefaultSelector):
    """Never waits: asks the loop what to do instead."""

    loop: StillLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout != 0:
            self.loop.idle(timeout)
        return ready


class _Socket:
    """All that a listening relay asks of its socket."""

    def getsockname(self) -> tuple[str, int]:
        return ("127.0.0.1", 8440)


class Listening:
    """What `create_server` gives."""

    def __init__(self, factory: Callable[[], Protocol]) -> None:
        self.factory = factory
        self.sockets = [_Socket()]
        self.open = False

    async def start_serving(self) -> None:
        """Let callers in."""
        self.open = True

    def close(self) -> None:
        """Let nobody in."""
        self.open = False


class StillLoop(asyncio.SelectorEventLoop):
    """Run by `settle` and `advance`; has at most one listener at a time."""

    def __init__(self) -> None:
        selector = _Selector()
        self._now = 1_000.0
        self._horizon = self._now
        super().__init__(selector)
        selector.loop = self
        self.listening: Listening | None = None
        self.faults: list[dict[str, Any]] = []
        self.set_exception_handler(lambda _, context: self.faults.append(context))

    def time(self) -> float:
        """Give the time of this loop alone."""
        return self._now

    def settle(self) -> None:
        """Run until nothing is left to do at this moment."""
        self.advance(0.0)

    def advance(self, seconds: float) -> None:
        """Run everything that is due within so many seconds."""
        self._horizon = self._now + seconds
        self.run_forever()

    def idle(self, timeout: float | None) -> None:
        """Go to the next timer, or stop where it lies beyond the horizon."""
        if timeout is not None and self._now + timeout <= self._horizon:
            self._now += timeout + STEP_SECONDS
        else:
            self._now = max(self._now, self._horizon)
            self.stop()

    def after_turns(self, turns: int, work: Callable[[], object]) -> None:
        """Do something so many turns of the loop later."""
        if turns:
            self.call_soon(self.after_turns, turns - 1, work)
        else:
            self.call_soon(work)

    async def create_server(self, *arguments: Any, **_: Any) -> asyncio.Server:
        """Give what listens in memory."""
        self.listening = Listening(arguments[0])
        return cast(asyncio.Server, self.listening)


class Pipe(asyncio.Transport):
    """The relay's end of a connection; `sent` collects what it writes until it is read."""

    def __init__(self, loop: StillLoop, protocol: Protocol) -> None:
        super().__init__()
        self._loop = loop
        self._protocol = protocol
        self._arrived: list[bytes] = []
        self._paused = False
        self._high = 1 << 30
        self._writing_paused = False
        self.sent = bytearray()
        self.cut = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Name the peer."""
        return ("127.0.0.1", 1) if name == "peername" else default

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Bound what may wait to be read."""
        self._high = high if high is not None else 1 << 30

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Take what the relay says."""
        if not self.cut:
            self.sent += data
            if len(self.sent) > self._high and not self._writing_paused:
                self._writing_paused = True
                self._protocol.pause_writing()

    def read(self) -> bytes:
        """Read, as the peer, all that waits."""
        data, self.sent = bytes(self.sent), bytearray()
        if self._writing_paused and not self.cut:
            self._writing_paused = False
            self._protocol.resume_writing()
        return data

    def arrive(self, data: bytes) -> None:
        """Say something to the relay, as the peer, within a turn of the loop."""
        if self.cut:
            return
        if self._paused:
            self._arrived.append(data)
        elif isinstance(self._protocol, asyncio.BufferedProtocol):
            self._fill(self._protocol, data)
        else:
            self._protocol.data_received(data)

    def _fill(self, protocol: asyncio.BufferedProtocol, data: bytes) -> None:
        """Put what arrives into the buffer that the protocol keeps, as much as fits at a time."""
        while data and not self.cut:
            buffer = memoryview(protocol.get_buffer(len(data)))
            part, data = data[: len(buffer)], data[len(buffer) :]
            buffer[: len(part)] = part
            protocol.buffer_updated(len(part))
            if self._paused and data:
                self._arrived.append(data)
                return

    def pause_reading(self) -> None:
        """Leave what arrives."""
        self._paused = True

    def resume_reading(self) -> None:
        """Take what was left."""
        self._paused = False
        arrived, self._arrived = self._arrived, []
        for data in arrived:
            self._loop.call_soon(self.arrive, data)

    def can_write_eof(self) -> bool:
        """Say that a half can be closed."""
        return True

    def write_eof(self) -> None:
        """Say nothing more."""

    def is_closing(self) -> bool:
        """Say whether it ended."""
        return self.cut

    def close(self) -> None:
        """End."""
        self.abort()

    def abort(self) -> None:
        """End at once."""
        if not self.cut:
            self.cut = True
            self._loop.call_soon(self._protocol.connection_lost, None)


def call(loop: StillLoop) -> Pipe | None:
    """Connect to whoever listens, within a turn of the loop; None: nobody does."""
    listening = loop.listening
    if listening is None or not listening.open:
        return None
    protocol = listening.factory()
    pipe = Pipe(loop, protocol)
    protocol.connection_made(pipe)
    return pipe
