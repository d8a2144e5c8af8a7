"""The demo's two people together: what they say to each other, and so what is hunted afterwards."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from hushpost import Contact, Message
from hushpost.errors import HushpostError

from hushpost_demo.errors import FactFailed
from hushpost_demo.guises import Needle, byte_needles
from hushpost_demo.person import WAIT_SECONDS_MAX, Person

SETTLE_LOOK_SECONDS: Final = 0.1


def require(holds: bool, what: str) -> None:
    """Stop the demo unless what it is about to show is so; raises `FactFailed`."""
    if not holds:
        raise FactFailed(f"it is not so that {what}")


@dataclass(slots=True)
class Cast:
    """Alice, who writes first, and Bob. `knock`, then `let_in`, then they are contacts."""

    alice: Person
    bob: Person
    _to_bob: Contact | None = None
    _to_alice: Contact | None = None

    @property
    def people(self) -> tuple[Person, Person]:
        """Give both."""
        return self.alice, self.bob

    async def knock(self, text: str) -> None:
        """Have Alice write to Bob's address, and wait until his app asks him about her."""
        self._to_bob = await self.alice.client.add_contact(str(self.bob.client.address))
        await self.alice.say(self._to_bob, text)
        await self.bob.is_knocked_at()

    async def let_in(self) -> None:
        """Have Bob accept the knock and read what came with it."""
        self._to_alice = await self.bob.accept_knock()
        await self.bob.hears(1)

    def safety_number(self) -> str:
        """Give the number that both apps show; raises `FactFailed` where they differ."""
        numbers = [person.client.safety_number(self.contact(person)) for person in self.people]
        require(numbers[0] == numbers[1], "both apps show the same safety number")
        return numbers[0]

    def contact(self, person: Person) -> Contact:
        """Give the other one, as this person's app knows them."""
        contact = self._to_bob if person is self.alice else self._to_alice
        assert contact is not None, "first contact was made before"
        return contact

    async def say(self, person: Person, text: str) -> Message:
        """Have one write to the other."""
        return await person.say(self.contact(person), text)

    def said_by(self, person: Person) -> list[str]:
        """Give everything that this person wrote, in order."""
        return [line.text for line in person.lines if line.message is not None]

    async def all_delivered(self, is_settled: Callable[[], Awaitable[bool]]) -> None:
        """Wait until each app was told that its messages arrived, and until nothing waits."""
        for person in self.people:
            for line in person.lines:
                if line.message is not None:
                    await _delivered(line.message)
        # The last receipts have arrived; their acknowledgements are on their way.
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            while not await is_settled():  # noqa: ASYNC110  other processes' doing
                await asyncio.sleep(SETTLE_LOOK_SECONDS)

    def check_heard(self) -> int:
        """Give the number of messages, all of which arrived once and in order; or `FactFailed`."""
        for reader, writer in (self.people, self.people[::-1]):
            heard = [event.text for event in reader.heard]
            whole = heard == self.said_by(writer)
            words = f"{reader.name} received all that {writer.name} wrote, once and in order"
            require(whole, words)
        return sum(len(self.said_by(person)) for person in self.people)

    # -- what is hunted --------------------------------------------------------------------------

    def texts(self) -> list[str]:
        """Give all that was said, both full names and both passphrases."""
        said = [text for person in self.people for text in self.said_by(person)]
        names = [person.full_name for person in self.people]
        return [*said, *names, *(person.passphrase for person in self.people)]

    def ids(self, owner: Person) -> list[Needle]:
        """Give what would tell a thief of a vault's file whom its owner writes to."""
        contact = self.contact(owner)
        what = f"the address of {owner.name}'s contact"
        text = contact.address.rpartition("/")[2].encode()
        raw = Needle(what, "raw bytes", contact.account_id)
        return [raw, *byte_needles(what, contact.account_id), Needle(what, "UTF-8", text)]


async def _delivered(message: Message) -> None:
    try:
        await message.reached("delivered", timeout=WAIT_SECONDS_MAX)
    except (HushpostError, TimeoutError) as error:
        raise FactFailed(f"a message did not arrive: it is {message.state}") from error
