"""Two people who are never killed: one lets newcomers in, the other knocks at their doors.

They live in the harness's own process, as apps that embed the library do.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from hushpost import Client
from hushpost.errors import HushpostError
from hushpost.events import KnockReceived

from hushpost_proof.harness.key_log import log_keys
from hushpost_proof.harness.person import Place, hurry

_KEY = bytes(range(32))


class Steady:
    """The host, who accepts whoever knocks and welcomes them, and the stranger."""

    def __init__(self, host: Client | None, stranger: Client | None) -> None:
        self._host = host
        self._stranger = stranger

    @property
    def address(self) -> str:
        """Where the host is reached."""
        return "" if self._host is None else str(self._host.address)

    async def knock(self, address: str) -> None:
        """Have the stranger knock there, until the relay took it."""
        assert self._stranger is not None
        while True:
            try:
                contact = await self._stranger.add_contact(address)
                await self._stranger.send(contact, "a stranger knocks")
            except HushpostError:
                await asyncio.sleep(0.2)  # the relay is dead at this moment
            else:
                return

    async def receive(self) -> None:
        """Let everybody in, for ever."""
        assert self._host is not None
        async for event in self._host.events():
            if isinstance(event, KnockReceived) and event.knock in self._host.knocks():
                contact = await self._host.accept(event.knock)
                await self._host.send(contact, "welcome")


@asynccontextmanager
async def steady_people(place: Place, relay: str, *, newcomers: bool) -> AsyncGenerator[Steady]:
    """Have both for the time of a block, or nobody where no newcomers come."""
    if not newcomers:
        yield Steady(None, None)
        return
    hurry()
    with log_keys(place.keys / "steady.1"):
        async with (
            await Client.create(place.vault("steady"), relay=relay, key=_KEY) as host,
            await Client.create(place.vault("stranger"), relay=relay, key=_KEY) as stranger,
        ):
            steady = Steady(host, stranger)
            receiving = asyncio.create_task(steady.receive())
            try:
                yield steady
            finally:
                receiving.cancel()
                await asyncio.gather(receiving, return_exceptions=True)
