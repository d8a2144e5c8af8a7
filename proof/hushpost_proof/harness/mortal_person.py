"""A person of the conversation, made to die where the harness says, and busy with more than texts.

    HUSHPOST_PROOF_DOOM=POINT|PASS python -m hushpost_proof.harness.mortal_person FOLDER NAME ...

It takes the arguments of `harness.person`.
"""

import asyncio
import random
import sys
from contextlib import suppress
from pathlib import Path

from hushpost.contacts import Contact
from hushpost.errors import VaultFull
from hushpost.events import MessageReceived

from hushpost_proof.harness import defects, impatience, person
from hushpost_proof.harness.mortality import Mortality
from hushpost_proof.harness.wrong_clock import clock_in_force
from hushpost_proof.kill_points import CLIENT_CALLS

# Of the messages a person reads and sends, one in so many comes with another act.
_ACT_EVERY = 4
_AGAIN_SECONDS = 0.1
# A file in the people's folder once the disk of any of them has refused something.
DISK_REFUSED = "disk-refused"


class BusyPerson(person.Person):
    """Sends read receipts and typing notices, verifies, and changes settings, all the time."""

    async def read(self) -> None:
        """Read on when the disk has room again: what was shown last is shown as before."""
        while True:
            try:
                return await super().read()
            except VaultFull:
                await self._wait_for_room()

    async def send(
        self, contact: Contact, chance: random.Random, *, size: int | None = None, ending: str = ""
    ) -> None:
        """Send, or write something new when the disk has room again: nothing was stored."""
        while True:
            try:
                return await super().send(contact, chance, size=size, ending=ending)
            except VaultFull:
                await self._wait_for_room()

    async def _wait_for_room(self) -> None:
        (self.place.folder / DISK_REFUSED).touch()
        await asyncio.sleep(_AGAIN_SECONDS)

    async def write(self, chance: random.Random) -> None:
        """Do chores beside the writing."""
        chores = asyncio.create_task(self._chores(chance))
        try:
            await super().write(chance)
        finally:
            chores.cancel()
            await asyncio.gather(chores, return_exceptions=True)

    async def _chores(self, chance: random.Random) -> None:
        while True:
            await asyncio.sleep(chance.expovariate(_ACT_EVERY))
            if self.is_open():
                # A full disk: the choice is not stored, and the next one is another.
                with suppress(VaultFull):
                    await self._act(self.client.contacts()[0], chance)

    async def _act(self, contact: Contact, chance: random.Random) -> None:
        client, yes = self.client, chance.random() < 0.5
        in_hand = self.in_hand
        match chance.randrange(5):
            case 0:
                await client.send_typing(contact, began=yes)
            case 1:
                await client.mark_verified(contact, verified=yes)
            case 2:
                await client.set_read_receipts(allowed=yes)
            case 3:
                await client.allow_read_receipts(contact, allowed=None if yes else True)
            case _:
                if isinstance(in_hand, MessageReceived):
                    await client.mark_read(in_hand)


def prepare() -> None:
    """Plant what is to be planted and watch every point; before anything of the library runs."""
    defects.plant()
    impatience.shorten_if_told()
    mortality = Mortality.from_environment()
    mortality.watch_system()
    mortality.watch_steps()
    for target in CLIENT_CALLS:
        mortality.watch_call(target)


def main(arguments: list[str]) -> None:
    """Run from the command line."""
    prepare()
    person.hurry()
    folder, name, peer, relay, seed = arguments
    place = person.Place(Path(folder))
    asyncio.run(
        person.live(place, name, peer, relay, seed, kind=BusyPerson, clock=clock_in_force())
    )


if __name__ == "__main__":
    main(sys.argv[1:])
