"""Waiting a moment for a knock that may still lie at the relay."""

import asyncio
from typing import Final

from hushpost import Client

from hushpost_demo.who import find

# Mail that waits comes within a blink after the login; a relay far away needs a few.
SECONDS_MAX: Final = 5.0
_LOOK_SECONDS: Final = 0.05


async def knock_came(client: Client, who: str) -> None:
    """Return as soon as a knock fits ``who``, or when there was time enough for it to come."""
    # The vault is looked at rather than the events read, which would consume them.
    loop = asyncio.get_running_loop()
    deadline = loop.time() + SECONDS_MAX
    while find(client.knocks(), who) is None and loop.time() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(_LOOK_SECONDS)
