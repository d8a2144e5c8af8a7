"""Fixtures of the relay's tests: a running relay on loopback with a clock that stands still."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from hushpost_proof.harness.device import NOW
from hushpost_server.clock import ManualClock
from hushpost_server.configuration import Configuration
from hushpost_server.relay import RelayServer


def quiet(**changes: object) -> Configuration:
    """Return a configuration for tests: free port, memory, no metrics port."""
    values: dict[str, object] = {"listen_port": 0, "store": "memory", "metrics": False, **changes}
    return Configuration.model_validate(values)


@pytest.fixture
def clock() -> ManualClock:
    """Give a clock that moves only when told to."""
    return ManualClock(NOW)


@pytest.fixture
async def relay(clock: ManualClock) -> AsyncIterator[RelayServer]:
    """Give a running relay that keeps everything in memory."""
    async with RelayServer(quiet(), clock=clock) as running:
        yield running
