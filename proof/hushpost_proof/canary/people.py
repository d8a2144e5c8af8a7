"""People who use everything there is, each of them a canary from name to last word.

Real clients of the library, with vaults on disk, in this process; the relay is another one. What
they do is in the order of `Company`'s methods; the claim puts disasters of the relay between.
"""

import asyncio
import random
import shutil
from contextlib import AsyncExitStack, suppress
from hashlib import sha256
from pathlib import Path

from hushpost import Client, Contact, KnockReceived, MessageReceived
from hushpost.contacts import ContactStage
from hushpost.events import Connection
from hushpost.messages import Message

from hushpost_proof.canary.canaries import Canary, Character, make_character
from hushpost_proof.harness.waiting import until

WAIT_SECONDS_MAX = 60.0
_REVOKE_SECONDS = 2.0
# A step of the post-quantum ratchet is due at the first change of direction after so many.
KEM_STEP_MESSAGES = 55
NAMES = ("writer", "friend", "stranger", "pest")


class Company:
    """Four people: a writer, a friend by invitation, a stranger who knocks, and an unwanted one."""

    def __init__(self, folder: Path, relay_url: str, chance: random.Random) -> None:
        self._folder = folder
        self._url = relay_url
        self.characters: dict[str, Character] = {name: make_character(chance) for name in NAMES}
        self.clients: dict[str, Client] = {}
        self.said = 0
        self._readers: dict[str, asyncio.Task[None]] = {}
        self._received: dict[str, list[str]] = {name: [] for name in NAMES}

    def canaries(self) -> list[Canary]:
        """Return all that is theirs alone."""
        return [one for person in self.characters.values() for one in person.canaries()]

    def vault(self, name: str) -> Path:
        """Return where a person's vault lies."""
        return self._folder / f"{name}.vault"

    async def arrive(self, *names: str) -> None:
        """Make or open the clients of people, and let them read."""
        for name in names:
            path, key = self.vault(name), _key(name)
            if path.exists():
                client = await Client.open(path, key=key)
            else:
                called = self.characters[name].name
                client = await Client.create(path, relay=self._url, key=key, name=called)
            self.clients[name] = client
            self._readers[name] = asyncio.create_task(self._read(name, client))

    async def leave(self, *names: str) -> None:
        """Close the clients of people."""
        for name in names:
            reader = self._readers.pop(name)
            reader.cancel()
            with suppress(asyncio.CancelledError):
                await reader
            await self.clients.pop(name).close()

    async def leave_all(self) -> None:
        """Close all."""
        await self.leave(*tuple(self.clients))

    # ---- what they do

    async def befriend(self) -> None:
        """Invite by a link, accept, say the first things."""
        writer, friend = self.clients["writer"], self.clients["friend"]
        contact = await writer.add_contact(await friend.create_invitation())
        first = await self._say("writer", contact)
        await first.reached("delivered", timeout=WAIT_SECONDS_MAX)
        await until(lambda: _stages(writer) == [ContactStage.OPEN], WAIT_SECONDS_MAX)

    async def knock(self) -> None:
        """Come as a stranger twice: one is let in, one is not."""
        address = str(self.clients["writer"].address)
        stranger = self.clients["stranger"]
        await self._say("stranger", await stranger.add_contact(address))
        # The first to be let in is the one whose knock comes first.
        await until(lambda: _stages(stranger) == [ContactStage.OPEN], WAIT_SECONDS_MAX)
        await self._say("pest", await self.clients["pest"].add_contact(address))

    async def chat(self) -> None:
        """Write both ways while online, short and long, with typing and receipts."""
        pairs = (("writer", "friend"), ("friend", "writer"), ("stranger", "writer"))
        sent: list[Message] = []
        for sayer, hearer in pairs:
            contact = self._contact(sayer, hearer)
            await self.clients[sayer].send_typing(contact)
            sent.append(await self._say(sayer, contact))
            sent.append(await self._say(sayer, contact, times=300))
            await self.clients[sayer].send_typing(contact, began=False)
        for message in sent:
            await message.reached("delivered", timeout=WAIT_SECONDS_MAX)

    async def converse(self) -> None:
        """Write both ways, short and long, and past a post-quantum step; all is delivered."""
        there, back = self._contact("writer", "friend"), self._contact("friend", "writer")
        for _ in range(2):
            sent = [await self._say("writer", there) for _ in range(8)]
            sent.append(await self._say("writer", there, times=300))
            sent += [await self._say("friend", back) for _ in range(4)]
            for message in sent:
                await message.reached("delivered", timeout=WAIT_SECONDS_MAX)
        await self.step_ratchets()
        await self.settle()

    async def settle(self) -> None:
        """Wait until nothing is left to do for anybody."""
        for client in self.clients.values():
            await client.settled(timeout=WAIT_SECONDS_MAX)

    async def write_once(self) -> Message:
        """Write one message; on return it is durable, and an older state was overwritten."""
        return await self._say("writer", self._contact("writer", "friend"))

    async def chat_a_little(self) -> None:
        """Write one way without waiting, until cancelled."""
        contact = self._contact("writer", "friend")
        while True:
            await self._say("writer", contact)
            await asyncio.sleep(0.05)

    async def step_ratchets(self) -> None:
        """Write so much that the direction's next change is a post-quantum step."""
        there, back = self._contact("writer", "friend"), self._contact("friend", "writer")
        sent = [await self._say("writer", there) for _ in range(KEM_STEP_MESSAGES)]
        await sent[-1].reached("delivered", timeout=WAIT_SECONDS_MAX)
        answer = await self._say("friend", back)
        await answer.reached("delivered", timeout=WAIT_SECONDS_MAX)

    async def write_to_nobody_there(self, messages: int) -> list[Message]:
        """Write to the friend, who is away; return when the relay has them, or is full."""
        contact = self._contact("writer", "friend")
        sent = [await self._say("writer", contact) for _ in range(messages)]
        await sent[0].reached("accepted", timeout=WAIT_SECONDS_MAX)
        return sent

    async def displace(self) -> None:
        """Log the friend in twice, from a copy of the vault: the first is displaced."""
        copied = self.vault("friend").with_name("copy.vault")
        await self.leave("friend")
        shutil.copyfile(self.vault("friend"), copied)
        await self.arrive("friend")
        await self.clients["friend"].online()
        async with AsyncExitStack() as stack:
            twin = await stack.enter_async_context(await Client.open(copied, key=_key("friend")))
            await until(lambda: _is_displaced(twin, self.clients["friend"]), WAIT_SECONDS_MAX)
        copied.unlink()
        await self.leave("friend")

    async def fall_out(self) -> None:
        """Block, turn knocks off by removing, and delete an account."""
        writer = self.clients["writer"]
        await writer.block(self._contact("writer", "stranger"))
        # Not all will be settled: the friend's drop is full.
        await writer.settled(timeout=_REVOKE_SECONDS)
        reader = self._readers.pop("pest")
        reader.cancel()
        with suppress(asyncio.CancelledError):
            await reader
        await self.clients.pop("pest").delete_account()

    # ---- within

    async def _say(self, name: str, contact: Contact, times: int = 1) -> Message:
        sayings = self.characters[name].sayings
        self.said += 1
        text = " ".join([sayings[self.said % len(sayings)]] * times)
        return await self.clients[name].send(contact, text)

    def _contact(self, name: str, other: str) -> Contact:
        address = Path(f"{self.vault(other)}.address")
        if not address.exists():
            address.write_text(str(self.clients[other].address))
        return self.clients[name].contact(address.read_text())

    async def _read(self, name: str, client: Client) -> None:
        async for event in client.events():
            if isinstance(event, MessageReceived):
                await client.mark_read(event)
                self._received[name].append(event.message_id)
            elif isinstance(event, KnockReceived) and event.knock in client.knocks():
                # The second stranger is not wanted, the first and everybody invited is.
                if name == "writer" and _stages(client).count(ContactStage.OPEN) > 1:
                    await client.decline(event.knock)
                else:
                    await client.accept(event.knock)

    def received(self, name: str) -> int:
        """Return how many messages a person has been given."""
        return len(self._received[name])


def _key(name: str) -> bytes:
    return sha256(name.encode()).digest()


def _stages(client: Client) -> list[ContactStage]:
    return [contact.stage for contact in client.contacts()]


def _is_displaced(*clients: Client) -> bool:
    return any(client.connection is Connection.DISPLACED for client in clients)
