"""Waiting for what a test cannot be told of, with a bound that no honest machine reaches."""

import asyncio
from collections.abc import Callable

# Generous: it ends a test that would fail anyway, and never one on a machine that is merely busy.
SECONDS_MAX = 60.0
_LOOK_AGAIN_SECONDS = 0.01


async def until(come_true: Callable[[], bool], seconds_max: float = SECONDS_MAX) -> None:
    """Wait until something is true; raises `TimeoutError`."""
    async with asyncio.timeout(seconds_max):
        while not come_true():  # noqa: ASYNC110 - whatever it is, nothing announces it
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
