"""Events are shown until they are consumed, one loop at a time."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hushpost.engine import event_log
from hushpost.errors import MisuseError
from hushpost.event_stream import TRANSIENT_MAX, EventStream
from hushpost.events import Connection, ConnectionChanged, Event, MessagesExpired

from tests.client_lib.client_world import until
from tests.client_lib.test_steps import a_vault

ONLINE = ConnectionChanged(Connection.ONLINE, "")


async def test_an_event_is_gone_when_the_next_is_asked_for(tmp_path: Path) -> None:
    """Shown and not consumed, it is shown again by another stream; consumed, it is not."""
    async with a_vault(tmp_path) as (_, steps):
        stream = EventStream(steps)
        for count in (1, 2):
            await steps.run(event_log.mail_expired, bytes(count), count)
        assert await anext(stream) == MessagesExpired(None, 1)
        assert await anext(EventStream(steps)) == MessagesExpired(None, 1)
        assert steps.look(event_log.waiting) == 2
        second = await anext(stream)
        assert (second, steps.look(event_log.waiting)) == (MessagesExpired(None, 2), 1)
        await stream.consume(second)
        assert steps.look(event_log.waiting) == 0
        with pytest.raises(MisuseError, match="shown last"):
            await stream.consume(second)
        await stream.consume(ONLINE)


async def test_a_waiting_loop_wakes_and_ends(tmp_path: Path) -> None:
    """A kept event, a notice of the moment and the end of the client each wake the loop."""
    async with a_vault(tmp_path) as (_, steps):
        stream = EventStream(steps)
        seen: list[object] = []

        async def read() -> None:
            async for event in stream:
                seen.append(event)

        reader = asyncio.create_task(read())
        await asyncio.sleep(0)
        with pytest.raises(MisuseError, match="one at a time"):
            await anext(stream)
        await steps.run(event_log.mail_expired, b"", 3)
        stream.wake()
        await until(lambda: len(seen) == 1)
        stream.show([ONLINE])
        await until(lambda: len(seen) == 2)
        stream.close()
        await asyncio.wait_for(reader, 5)
        assert seen == [MessagesExpired(None, 3), ONLINE]


async def test_notices_that_nobody_reads_are_bounded(tmp_path: Path) -> None:
    """Only the newest are kept in memory."""
    async with a_vault(tmp_path) as (_, steps):
        stream = EventStream(steps)
        stream.show([ONLINE] * (TRANSIENT_MAX * 3))
        for _ in range(TRANSIENT_MAX):
            assert await anext(stream) == ONLINE
        stream.close()
        with pytest.raises(StopAsyncIteration):
            await anext(stream)


async def test_a_second_loop_is_told_while_the_first_handles_an_event(tmp_path: Path) -> None:
    """It would consume what the first is handling; when the first is left, it may begin."""
    async with a_vault(tmp_path) as (_, steps):
        stream = EventStream(steps)
        for count in (1, 2, 3):
            await steps.run(event_log.mail_expired, bytes(count), count)
        handling, go_on = asyncio.Event(), asyncio.Event()

        async def first() -> None:
            async for _ in stream:
                handling.set()
                await go_on.wait()
                break
            await asyncio.sleep(60)

        task = asyncio.create_task(first())
        await handling.wait()
        with pytest.raises(MisuseError, match="hand them on"):
            async for _ in stream:
                pass
        assert steps.look(event_log.waiting) == 3
        go_on.set()
        await until(lambda: stream._loop is not None and stream._loop() is None)  # pyright: ignore[reportPrivateUsage]  # left, and the task goes on
        seen = [event async for event in _two(stream)]
        assert seen == [MessagesExpired(None, 2), MessagesExpired(None, 3)]
        task.cancel()


async def _two(stream: EventStream) -> AsyncIterator[Event]:
    for _ in range(2):
        yield await anext(stream)


async def test_one_task_may_leave_a_loop_and_begin_another(tmp_path: Path) -> None:
    """What the first loop showed last is consumed by the second, as by its own next turn."""
    async with a_vault(tmp_path) as (_, steps):
        stream = EventStream(steps)
        for count in (1, 2):
            await steps.run(event_log.mail_expired, bytes(count), count)
        kept = aiter(stream)
        assert await anext(kept) == MessagesExpired(None, 1)
        async for event in stream:
            assert event == MessagesExpired(None, 2)
            break
