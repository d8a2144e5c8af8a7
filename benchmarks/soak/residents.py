"""People who stay: `hushpost.Client`s with vaults on disk, writing to each other all the time.

    python -m benchmarks.soak.residents FOLDER RELAY-URL CLOCK [--leak database,memory]

One process, which is measured. Of each pair the first stays open; the second is closed and opened
again all the time, and is written to while it is away. Ends at the end of its input.
"""

import argparse
import asyncio
import random
import sys
from contextlib import AsyncExitStack, suppress
from hashlib import sha256
from pathlib import Path

from hushpost import Client, Contact, ContactStage
from hushpost.events import KnockReceived, MessageReceived
from hushpost.messages import Message

from benchmarks.soak.counted import Tally
from benchmarks.soak.stepping_clock import SteppingClock

PAIRS = 2
# Enough that a leak of a kilobyte a message shows within minutes, and little for a processor.
MESSAGE_SECONDS = 0.8
OPEN_SECONDS = 10.0
AWAY_SECONDS = 2.0
SAVE_SECONDS = 1.0
_MEET_SECONDS_MAX = 120.0


class Resident:
    """A person with a vault, a peer, and a loop that reads."""

    def __init__(self, name: str, folder: Path, url: str, clock: SteppingClock, tally: Tally):
        self.name = name
        self.client: Client | None = None
        self._path = folder / f"{name}.vault"
        self._url = url
        self._clock = clock
        self._tally = tally
        self._reading: asyncio.Task[None] | None = None

    async def arrive(self) -> Client:
        """Open the vault, the first time making it and the account; read from then on."""
        # A key instead of a passphrase: 64 MiB of Argon2 at each opening would hide any leak.
        key, clock = sha256(self.name.encode()).digest(), self._clock.now
        if self._path.exists():
            self.client = await Client.open(self._path, key=key, clock=clock)
        else:
            self.client = await Client.create(
                self._path, relay=self._url, key=key, name=self.name, clock=clock
            )
        self._reading = asyncio.get_running_loop().create_task(self._read(self.client))
        self._tally.add("openings of a vault")
        return self.client

    async def leave(self) -> None:
        """Close the vault."""
        client, self.client = self.client, None
        if client is not None:
            await client.close()
        if self._reading is not None:
            await self._reading

    async def write(self, contact: Contact, number: int) -> Message:
        """Write something to the peer."""
        assert self.client is not None
        self._tally.add("messages written")
        return await self.client.send(contact, f"{self.name}, {number}: {'so it goes ' * 12}")

    async def _read(self, client: Client) -> None:
        async for event in client.events():
            if isinstance(event, KnockReceived) and event.knock in client.knocks():
                await client.accept(event.knock)
            self._tally.add(
                "messages read" if isinstance(event, MessageReceived) else type(event).__name__
            )


class Pair:
    """Two residents: `home` stays, `guest` comes and goes."""

    def __init__(self, home: Resident, guest: Resident) -> None:
        self._home = home
        self._guest = guest
        self._number = 0

    async def live(self) -> None:
        """Meet, and write to each other for ever."""
        async with AsyncExitStack() as leaving:
            leaving.push_async_callback(self._home.leave)
            leaving.push_async_callback(self._guest.leave)
            await self._home.arrive()
            await self._guest.arrive()
            await self._meet()
            while True:
                await self._write_for(OPEN_SECONDS)
                await self._guest.leave()
                await self._write_for(AWAY_SECONDS)
                await self._guest.arrive()

    async def _meet(self) -> None:
        home, guest = self._home.client, self._guest.client
        assert home is not None
        assert guest is not None
        contact = await home.add_contact(await guest.create_invitation())
        await self._home.write(contact, 0)
        async with asyncio.timeout(_MEET_SECONDS_MAX):
            while not all(_is_open(client) for client in (home, guest)):  # noqa: ASYNC110 - a contact's stage sets no event of ours
                await asyncio.sleep(0.05)

    async def _write_for(self, seconds: float) -> None:
        until = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < until:
            for person in (self._home, self._guest):
                if person.client is not None:
                    self._number += 1
                    await person.write(person.client.contacts()[0], self._number)
            await asyncio.sleep(MESSAGE_SECONDS)


def _is_open(client: Client) -> bool:
    return [contact.stage for contact in client.contacts()] == [ContactStage.OPEN]


async def _leak_database(folder: Path) -> None:
    """Write a copy of something into the vaults' folder at every moment: history nobody erases."""
    while True:
        with (folder / "forgotten").open("ab") as file:
            file.write(bytes(100_000))
        await asyncio.sleep(0.5)


async def _leak_memory(kept: list[bytes]) -> None:
    """Hold on to a buffer at every moment."""
    while True:
        kept.append(random.randbytes(250_000))
        await asyncio.sleep(0.5)


async def main() -> None:
    """Live until the input ends."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak.residents")
    parser.add_argument("folder", type=Path)
    parser.add_argument("url")
    parser.add_argument("clock", type=SteppingClock.from_text)
    parser.add_argument("--leak", default="")
    given = parser.parse_args()
    vaults = given.folder / "vaults"
    vaults.mkdir(parents=True, exist_ok=True)
    tally = Tally(given.folder / "residents.json")
    people = [
        [Resident(f"{who}{n}", vaults, given.url, given.clock, tally) for who in ("home", "guest")]
        for n in range(PAIRS)
    ]
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    kept: list[bytes] = []
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(Pair(home, guest).live()) for home, guest in people]
        tasks.append(group.create_task(_keep_saving(tally)))
        if "database" in given.leak:
            tasks.append(group.create_task(_leak_database(vaults)))
        if "memory" in given.leak:
            tasks.append(group.create_task(_leak_memory(kept)))
        await reader.read()
        for task in tasks:
            task.cancel()
    tally.save()


async def _keep_saving(tally: Tally) -> None:
    while True:
        tally.save()
        await asyncio.sleep(SAVE_SECONDS)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main())
