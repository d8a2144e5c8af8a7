"""Waiting a moment for a knock that may still lie at the relay."""

import asyncio

from hushpost import Client

from hushpost_demo.who import find

_LOOK_SECONDS = 0.05


async def knock_came(client: Client, who: str | None, seconds: float) -> None:
    """Return as soon as a knock fits ``who``, or when there was time enough for it to come.

    None stands for anybody.
    """
    # The vault is looked at rather than the events read, which would consume them.
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while not _fits(client, who) and loop.time() < deadline:  # noqa: ASYNC110 - nothing announces it
        await asyncio.sleep(_LOOK_SECONDS)


def _fits(client: Client, who: str | None) -> bool:
    knocks = client.knocks()
    return bool(knocks) if who is None else find(knocks, who) is not None
