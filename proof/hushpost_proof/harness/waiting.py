"""Waiting for what other processes bring about, which no event of ours announces."""

import asyncio
from collections.abc import Callable

_LOOK_AGAIN_SECONDS = 0.02


async def until(come_true: Callable[[], bool], seconds_max: float) -> None:
    """Wait until something is true; raises `TimeoutError`."""
    async with asyncio.timeout(seconds_max):
        while not come_true():  # noqa: ASYNC110 - files and processes set no event
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
