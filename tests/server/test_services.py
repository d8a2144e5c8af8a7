"""Tests of hushpost_server.services on a live relay."""

from __future__ import annotations

import asyncio
import gc

import pytest
from hushpost_proof.harness.device import TestDevice
from hushpost_server.relay import RelayServer
from hushpost_wire.close_codes import CloseCode

from tests.waiting import until


async def test_work_that_fails_closes_its_session_alone(relay: RelayServer) -> None:
    """An exception in a session's task reaches the guard and nobody else."""

    async def fail() -> None:
        raise ZeroDivisionError

    one, two = TestDevice(relay.url), TestDevice(relay.url)
    async with one.inbox(create=True) as first, two.inbox(create=True) as second:
        session = relay.services.presence.by_route(one.route)
        assert session is not None
        relay.services.spawn(fail(), session)
        assert await first.ended() == CloseCode.GOING_AWAY
        await two.open_drop(second)


async def test_finished_work_is_not_held(relay: RelayServer) -> None:
    """Tasks leave the set when they are done."""
    device = TestDevice(relay.url)
    async with device.inbox(create=True) as inbox:
        await device.open_drop(inbox)
        await until(lambda: relay.services.tasks == set())


async def test_work_that_is_cancelled_before_it_began_is_dropped_quietly(
    relay: RelayServer, recwarn: pytest.WarningsRecorder
) -> None:
    """A relay that stops in the moment of a request leaves no coroutine that nobody awaited."""

    async def work() -> None:
        raise AssertionError("it began")

    device = TestDevice(relay.url)
    async with device.inbox(create=True):
        session = relay.services.presence.by_route(device.route)
        assert session is not None
        before = set(relay.services.tasks)
        relay.services.spawn(work(), session)
        (task,) = relay.services.tasks - before
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        del task
        gc.collect()
    assert not [warning for warning in recwarn if "never awaited" in str(warning.message)]
