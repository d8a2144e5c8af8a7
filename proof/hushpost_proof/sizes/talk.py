"""Two real clients who do everything that goes over the wire: once each, or often enough.

A stranger's first message, acceptance, texts, typing, receipts of delivery and of reading, and KEM
steps: at the session's start, and at the first change of direction after fifty messages.
"""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from ssl import SSLContext
from typing import TypeVar

from hushpost import Client
from hushpost.events import ContactAccepted, Event, KnockReceived, MessageReceived

Kind = TypeVar("Kind")

_KEY = bytes(range(32))
# One more than a session sends before it takes another KEM step.
_MANY = 51
_WAIT_SECONDS_MAX = 60.0
# Receipts are batched and leave one to five seconds late.
_RECEIPT_SECONDS = 5.5


class Talker:
    """A client and what it was told, in order."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._reading = asyncio.create_task(self._read())

    async def wait_for(self, kind: type[Kind]) -> Kind:
        """Return the next event of a kind, passing over others."""
        async with asyncio.timeout(_WAIT_SECONDS_MAX):
            while True:
                event = await self._events.get()
                if isinstance(event, kind):
                    return event

    async def _read(self) -> None:
        async for event in self.client.events():
            self._events.put_nowait(event)

    async def close(self) -> None:
        """End the client."""
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        await self.client.close()


async def talk(folder: Path, relay_url: str, tls: SSLContext | None) -> None:
    """Have the whole conversation, with vaults in `folder`."""
    async with AsyncExitStack() as stack:
        talkers: list[Talker] = []
        for name in ("alice", "bob"):
            client = await Client.create(
                folder / f"{name}.vault", relay=relay_url, key=_KEY, name=name, tls=tls
            )
            talkers.append(Talker(client))
            stack.push_async_callback(talkers[-1].close)
        await _converse(*talkers)


async def _converse(alice: Talker, bob: Talker) -> None:
    await bob.client.settled(timeout=_WAIT_SECONDS_MAX)
    to_bob = await alice.client.add_contact(bob.client.address)
    await alice.client.send(to_bob, "Is this you? We met on the train.")
    knock = await bob.wait_for(KnockReceived)
    to_alice = await bob.client.accept(knock.knock)
    await alice.wait_for(ContactAccepted)
    for one, other, contact in ((alice, bob, to_bob), (bob, alice, to_alice)):
        await one.client.send_typing(contact)
        await one.client.send(contact, "short")
        await one.client.send(contact, "long enough to need two envelopes. " * 40)
        await one.client.send_typing(contact, began=False)
        received = await other.wait_for(MessageReceived)
        await other.client.mark_read(received)
    for number in range(_MANY):
        await alice.client.send(to_bob, f"number {number}")
    await alice.client.settled(timeout=_WAIT_SECONDS_MAX)
    await bob.client.send(to_alice, "and back")
    await bob.client.settled(timeout=_WAIT_SECONDS_MAX)
    await alice.client.send(to_bob, "and there again")
    await asyncio.sleep(_RECEIPT_SECONDS)
    await alice.client.settled(timeout=_WAIT_SECONDS_MAX)
    await bob.client.settled(timeout=_WAIT_SECONDS_MAX)
