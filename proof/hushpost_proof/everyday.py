"""People who use all that a relay serves, so that whatever it keeps or logs has its occasion.

Real clients: accounts, an invitation, messages of both sizes both ways, typing, receipts, a knock,
a block, another login, a deletion. And raw devices, for what clients never do: drops that nobody
registered, records that do not hold, frames that are none.
"""

import asyncio
import contextlib
import os
import time
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from hushpost import Client
from hushpost.contacts import Contact, ContactStage
from hushpost.events import Event, KnockReceived, MessageReceived
from hushpost.messages import MessageState, has_reached
from hushpost_wire.control import CountPrekeys, Error, PrekeyCount, PublishPrekeys, TakePrekeys
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from hushpost_proof.harness.device import TestDevice, dial, envelope_for
from hushpost_proof.harness.person import hurry
from hushpost_proof.harness.waiting import until

WAIT_SECONDS_MAX = 120.0
LONG_TEXT = "a text that needs the large bucket " * 300


@dataclass(slots=True)
class Somebody:
    """A client that reads all it is sent, and accepts who knocks if it is told to."""

    client: Client
    reading: asyncio.Task[None] | None = None
    received: int = 0

    async def read(self) -> None:
        """Read for as long as the task lives."""
        async for event in self.client.events():
            await self._take(event)

    async def _take(self, event: Event) -> None:
        if isinstance(event, MessageReceived):
            self.received += 1
            await self.client.mark_read(event)
        elif isinstance(event, KnockReceived) and event.knock in self.client.knocks():
            await self.client.accept(event.knock)

    async def say(self, text: str, contact: Contact | None = None) -> None:
        """Send to the only contact, or to the one named, and wait until it is delivered."""
        message = await self.client.send(contact or self.client.contacts()[0], text)
        await until(
            lambda: has_reached(
                self.client.message(message.message_id).state, MessageState.DELIVERED
            ),
            WAIT_SECONDS_MAX,
        )


async def use_everything(url: str, folder: Path) -> None:
    """Do all of it once at the relay; what is queued at the end stays queued."""
    hurry()
    async with contextlib.AsyncExitStack() as stack:
        alice, bob, carol = [
            await _somebody(stack, url, folder, name) for name in ("alice", "bob", "carol")
        ]
        contact = await alice.client.add_contact(await bob.client.create_invitation())
        await alice.say("hello", contact)
        await until(
            lambda: [one.stage for one in bob.client.contacts()] == [ContactStage.OPEN],
            WAIT_SECONDS_MAX,
        )
        await bob.say(LONG_TEXT)
        await bob.client.send_typing(bob.client.contacts()[0])
        await carol.say("may I", await carol.client.add_contact(str(bob.client.address)))
        stranger = next(
            one for one in bob.client.contacts() if str(one.address) == str(carol.client.address)
        )
        await bob.client.block(stranger)
        await carol.client.delete_account()
    await misuse(url)


async def misuse(url: str) -> None:
    """Do what no client does, and leave an envelope that nobody fetches."""
    device, now = TestDevice(url), time.time()
    async with device.inbox(create=True) as wire, dial(url, "/v1/post") as post:
        await wire.ask(CountPrekeys(id=wire.id()), PrekeyCount)
        await wire.ask(PublishPrekeys(id=wire.id(), one_time=(device.prekey(expiry=1),)), Error)
        secret = await device.open_drop(wire)
        await post.submit(envelope_for(device.route, os.urandom(32), now=now))
        await post.submit(envelope_for(os.urandom(16), secret, now=now))
        await post.send(TakePrekeys(id=post.id(), account=device.account_id))
    async with dial(url, "/v1/post") as post:
        await post.submit(envelope_for(device.route, secret, now=now))
        await post.socket.send(b"\xff" * 40)
    for path in ("/v1/inbox", "/elsewhere?name=alice"):
        with contextlib.suppress(WebSocketException, OSError):
            async with connect(url + path, proxy=None) as socket:
                await socket.send("no JSON")
                await socket.recv()


async def _somebody(
    stack: contextlib.AsyncExitStack, url: str, folder: Path, name: str
) -> Somebody:
    key = sha256(name.encode()).digest()
    client = await Client.create(folder / f"{name}.vault", relay=url, key=key, name=name)
    person = Somebody(await stack.enter_async_context(client))
    person.reading = asyncio.create_task(person.read())
    stack.callback(person.reading.cancel)
    return person
