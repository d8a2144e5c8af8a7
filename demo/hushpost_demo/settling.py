"""Waiting, before a short command ends, until what it set going has left this device."""

import asyncio
from typing import Final

from hushpost import Client
from hushpost.engine import errands, outbox

# Two round trips to a relay and a commit, many times over. What is not done by then goes on at the
# next command.
SETTLE_SECONDS_MAX: Final = 10.0
_LOOK_SECONDS: Final = 0.05


async def settled(client: Client, seconds: float = SETTLE_SECONDS_MAX) -> bool:
    """Wait until everything that may leave this device has left; False if it did not in time."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while loop.time() < deadline:
        if not client._running.steps.look(errands.pending) and not client._running.steps.look(
            outbox.whole_outbox
        ):
            return True
        await asyncio.sleep(_LOOK_SECONDS)
    return False
