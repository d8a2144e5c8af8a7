"""A person with an app: a client, and everything that its events said, in order."""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self, TypeVar

from hushpost import Client, Contact, KnockReceived, MessageReceived
from hushpost.events import Event, ResendRequested
from hushpost.running import Running

from hushpost_proof.expiry.calendar import Calendar
from hushpost_proof.harness.waiting import until

KEY = bytes(range(32))
# A busy machine gets this long before something counts as not having come.
PATIENCE_SECONDS = 30.0
_Kind = TypeVar("_Kind")


class Reader:
    """Reads all events as they come. `leave` closes the client, `come_back` opens it again."""

    def __init__(self, path: Path, calendar: Calendar, client: Client) -> None:
        self.client = client
        self.events: list[Event] = []
        self.patience = PATIENCE_SECONDS
        self._path = path
        self._calendar = calendar
        self._task = asyncio.create_task(self._read())

    @classmethod
    async def arrive(cls, folder: Path, name: str, url: str, calendar: Calendar) -> Self:
        """Make an account."""
        path = folder / f"{name}.vault"
        client = await Client.create(path, relay=url, key=KEY, name=name, clock=calendar.now)
        return cls(path, calendar, client)

    async def leave(self) -> None:
        """Close the client; what was read stays."""
        await self.client.close()
        with suppress(asyncio.CancelledError):
            await self._task

    async def come_back(self) -> None:
        """Open the vault again."""
        self.client = await Client.open(self._path, key=KEY, clock=self._calendar.now)
        self._task = asyncio.create_task(self._read())

    def contact(self, other: "Reader") -> Contact:
        """Give a contact as it is now."""
        return self.client.contact(other.client.address)

    def told(self, kind: type[_Kind]) -> list[_Kind]:
        """Give the events of a kind."""
        return [event for event in self.events if isinstance(event, kind)]

    def texts(self) -> Counter[str]:
        """Count what was shown."""
        return Counter(event.text for event in self.told(MessageReceived))

    def asked_for(self) -> list[str]:
        """Give the ids of messages that contacts asked for."""
        return [name for event in self.told(ResendRequested) for name in event.message_ids]

    async def stir(self) -> None:
        """Have the client look at the clock, which was turned while it dozed."""
        await self.client.set_read_receipts(allowed=True)

    async def sees(self, what: Callable[[], bool]) -> None:
        """Wait until something is so; raises `TimeoutError`."""
        await until(what, self.patience)

    async def is_told(self, kind: type[_Kind], count: int = 1) -> None:
        """Wait until so many events of a kind came; raises `TimeoutError`."""
        await self.sees(lambda: len(self.told(kind)) >= count)

    async def _read(self) -> None:
        async for event in self.client.events():
            self.events.append(event)


def inside(client: Client) -> Running:
    """Give what runs behind a client, for an experiment that plays its thief."""
    return client._running  # pyright: ignore[reportPrivateUsage]  # no app may, a thief can


async def befriend(one: Reader, other: Reader) -> None:
    """Bring two people through first contact."""
    contact = await one.client.add_contact(other.client.address)
    await one.client.send(contact, "hello")
    address = str(one.client.address)
    await other.sees(lambda: any(e.knock.address == address for e in other.told(KnockReceived)))
    await other.client.accept(
        next(e.knock for e in other.told(KnockReceived) if e.knock.address == address)
    )
    await one.sees(lambda: one.contact(other).stage == "open")
    await other.sees(lambda: other.contact(one).stage == "open")
