"""The stream of events an app reads (docs/embedding.md, "Events").

An event counts as consumed when the loop asks for the next one, and is then deleted from the vault
before the next is shown. What was shown and not consumed comes again after a crash or a restart.
"""

import asyncio
import weakref
from collections import deque
from typing import Final

from hushpost.engine import event_log
from hushpost.errors import MisuseError
from hushpost.events import ConnectionChanged, Event, StorageChanged, TransientEvent, TypingReceived
from hushpost.steps import Steps

# Nobody reads: the newest notices of the moment are enough.
TRANSIENT_MAX: Final = 100


class EventLoop:
    """One ``async for`` over the events of a client."""

    def __init__(self, stream: "EventStream") -> None:
        self._stream = stream
        self._task: weakref.ref[asyncio.Task[object]] | None = None

    def __aiter__(self) -> "EventLoop":
        return self

    async def __anext__(self) -> Event:
        self._stream.claim(self)
        task = asyncio.current_task()
        self._task = None if task is None else weakref.ref(task)
        return await self._stream.next_event()

    def is_running_elsewhere(self) -> bool:
        """Whether a task other than the present one is in this loop, or in its body."""
        task = None if self._task is None else self._task()
        return task is not None and not task.done() and task is not asyncio.current_task()


class EventStream:
    """The events of a client, for one loop at a time; they end when the client is closed."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._transient: deque[TransientEvent] = deque(maxlen=TRANSIENT_MAX)
        self._woken = asyncio.Event()
        self._shown: tuple[Event, bytes, bytes] | None = None
        self._waiting = False
        self._closed = False
        # The loop that was served last, as long as somebody holds it: a loop that was left is gone.
        self._loop: weakref.ref[EventLoop] | None = None
        # For who asks without a loop: ``await anext(client.events())``.
        self._single = EventLoop(self)

    def __aiter__(self) -> EventLoop:
        return EventLoop(self)

    async def __anext__(self) -> Event:
        return await anext(self._single)

    def claim(self, loop: EventLoop) -> None:
        """Serve this loop from here on; raises `MisuseError` while another task runs another.

        Both would get a part of the events, and each would consume what the other is handling.
        """
        last = None if self._loop is None else self._loop()
        if self._waiting or (last is not None and last is not loop and last.is_running_elsewhere()):
            raise MisuseError(
                "another loop reads the events already; one at a time: hand them on from that one"
            )
        self._loop = weakref.ref(loop)

    async def next_event(self) -> Event:
        """Consume what was shown last and give the next; for a loop that has claimed the stream."""
        if self._closed:
            raise StopAsyncIteration
        self._waiting = True
        try:
            await self._consume_shown()
            return await self._next()
        except MisuseError:
            if self._closed:  # closed while this waited for its turn at the vault
                raise StopAsyncIteration from None
            raise
        finally:
            self._waiting = False

    def show(self, events: list[TransientEvent]) -> None:
        """Put notices of the moment before what is kept."""
        self._transient.extend(events)
        self._woken.set()

    def wake(self) -> None:
        """Look for kept events."""
        self._woken.set()

    def close(self) -> None:
        """End the iteration; what was shown last stays unconsumed."""
        self._closed = True
        self._woken.set()

    async def consume(self, event: Event) -> None:
        """Count the event shown last as consumed, before the next is asked for."""
        if isinstance(event, TypingReceived | ConnectionChanged | StorageChanged):
            return
        if self._shown is None or self._shown[0] is not event:
            raise MisuseError("only the event that was shown last can be consumed, and once")
        await self._consume_shown()

    async def _consume_shown(self) -> None:
        if self._shown is not None:
            _, key, token = self._shown
            await self._steps.run(event_log.consume, key, token)
            self._shown = None

    async def _next(self) -> Event:
        while not self._closed:
            self._woken.clear()
            if self._transient:
                return self._transient.popleft()
            found = self._steps.look(event_log.next_event)
            if found is not None:
                key, token, event = found
                self._shown = (event, key, token)
                return event
            await self._woken.wait()
        raise StopAsyncIteration
