"""A person of the kill test: a small program around `hushpost.Client`, run to be killed.

    python -m hushpost_proof.harness.person FOLDER NAME PEER RELAY-URL SEED

It makes or opens its vault, meets its peer by an invitation, and writes to it at random moments
until the file `quiet` is there; then it sends one last message, waits until all that it sent is
confirmed and the peer's last message has come, says so, and goes on reading until `end` is there.
Whatever it claims, it has written to its journal; a fresh process with the same arguments goes on
where signal 9 ended the last one. It tells its harness, a line each: `open`, `settled`.
"""

import asyncio
import random
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path

from hushpost import Client, couriers, errand_runner, transport_inbox
from hushpost.contacts import Contact, ContactStage
from hushpost.errors import VaultMissing, VaultUnfinished
from hushpost.events import Event, KnockReceived, MessageReceived, MessageStateChanged, SafetyAlarm
from hushpost.messages import MessageState, has_reached
from hushpost.retry import Backoff

from hushpost_proof.harness.journal import Event as Claim
from hushpost_proof.harness.journal import Journal, What, next_incarnation, read_client
from hushpost_proof.harness.key_log import log_keys
from hushpost_proof.harness.waiting import until

# Messages of one person a second: 20 people keep two cores half busy, so that a kill finds work
# under way and the run does not measure the machine instead.
MESSAGES_A_SECOND = 1.5
LAST = " and that was the last one"
# One part, several envelopes of the small bucket's limit, and several of the large one.
TEXT_BYTES = (40, 40, 40, 40, 40, 400, 400, 3_000, 20_000)
WAIT_SECONDS_MAX = 120.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where the people of one run leave things for each other and for the harness."""

    folder: Path

    def make(self) -> None:
        """Make the folders."""
        for name in ("history", "keys", "vaults", "addresses", "invitations"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)

    @property
    def history(self) -> Path:
        """The journals."""
        return self.folder / "history"

    @property
    def keys(self) -> Path:
        """The key logs."""
        return self.folder / "keys"

    def vault(self, name: str) -> Path:
        """Return where a person keeps the vault."""
        return self.folder / "vaults" / f"{name}.vault"

    def invitation(self, name: str) -> Path:
        """Return where the invitation for a person lies."""
        return self.folder / "invitations" / name

    def address(self, name: str) -> Path:
        """Return where a person's address lies."""
        return self.folder / "addresses" / name

    def name_of(self, address: str) -> str:
        """Return whose address this is."""
        for path in (self.folder / "addresses").iterdir():
            if path.read_text() == address:
                return path.name
        return "a stranger"

    def is_told(self, word: str) -> bool:
        """Whether the harness told all people to be `quiet`, or to `end`."""
        return (self.folder / word).exists()

    def tell(self, word: str) -> None:
        """Tell all people."""
        (self.folder / word).touch()


class Person:
    """One life of one person."""

    def __init__(
        self, client: Client, journal: Journal, place: Place, name: str, peer: str
    ) -> None:
        self.client = client
        self._journal = journal
        self.place = place
        self._name = name
        self._peer = peer
        past = [event for life in read_client(place.history, name) for event in life.events]
        self._number = max((e.number for e in past if e.what is What.SENDING), default=0)
        self._unconfirmed = _ids(past, What.SENT) - _ids(past, What.CONFIRMED)
        self._peer_said_last = False
        self.in_hand: MessageReceived | None = None

    # ---- reading

    async def read(self) -> None:
        """Write down all that happens, as it happens."""
        async for event in self.client.events():
            if self.in_hand is not None:
                # The loop asked for this event: the library has forgotten the one before.
                self._claim(What.ACKNOWLEDGED, self.in_hand.message_id)
                self.in_hand = None
            await self._take(event)

    async def _take(self, event: Event) -> None:
        if isinstance(event, MessageReceived):
            self._take_message(event)
        elif isinstance(event, MessageStateChanged):
            self._take_state(event.message_id, event.state)
        elif isinstance(event, KnockReceived):
            if event.knock in self.client.knocks():
                await self.client.accept(event.knock)
        elif isinstance(event, SafetyAlarm):
            self._claim(What.ALARMED, event.kind)
        elif type(event).__name__ in _TROUBLE:
            self._claim(What.ALARMED, type(event).__name__)

    def _take_message(self, event: MessageReceived) -> None:
        peer = self.place.name_of(event.contact.address)
        body = event.text.encode()
        self._journal.write(What.RECEIVED, peer=peer, message_id=event.message_id, body=body)
        self.in_hand = event
        if event.late:
            self._claim(What.ALARMED, "late")
        if event.text.endswith(LAST):
            self._peer_said_last = True

    def _take_state(self, message_id: str, state: MessageState) -> None:
        if state is MessageState.REFUSED:
            self._claim(What.REFUSED, message_id)
        elif has_reached(state, MessageState.ACCEPTED):
            self._claim(What.ACCEPTED, message_id)
        if has_reached(state, MessageState.DELIVERED):
            self._claim(What.CONFIRMED, message_id)
            self._unconfirmed.discard(message_id)

    def _claim(self, what: What, message_id: str) -> None:
        self._journal.write(what, peer=self._peer, message_id=message_id)

    # ---- writing

    async def write(self, chance: random.Random) -> None:
        """Meet the peer, write until told to be quiet, and wait until all is settled."""
        contact = await self._meet(chance)
        say("open")
        while not self.place.is_told("quiet"):
            await self.send(contact, chance)
            await asyncio.sleep(chance.expovariate(MESSAGES_A_SECOND))
        await self.send(contact, chance, ending=LAST)
        await until(lambda: not self._unconfirmed and self._peer_said_last, WAIT_SECONDS_MAX)
        say("settled")
        await until(lambda: self.place.is_told("end"), WAIT_SECONDS_MAX)

    async def _meet(self, chance: random.Random) -> Contact:
        """Be in open contact with the peer: who comes first in the alphabet invites."""
        if self._name < self._peer:
            path = self.place.invitation(self._peer)
            if not path.exists():
                leave(path, await self.client.create_invitation())
        elif not self.client.contacts():
            path = self.place.invitation(self._name)
            await until(path.exists, WAIT_SECONDS_MAX)
            contact = await self.client.add_contact(path.read_text())
            await self.send(contact, chance, size=40)
        await until(self.is_open, WAIT_SECONDS_MAX)
        return self.client.contacts()[0]

    def is_open(self) -> bool:
        """Whether the peer and this person may write to each other."""
        return [one.stage for one in self.client.contacts()] == [ContactStage.OPEN]

    async def send(
        self,
        contact: Contact,
        chance: random.Random,
        *,
        size: int | None = None,
        ending: str = "",
    ) -> None:
        """Write one message to the peer."""
        self._number += 1
        filler = chance.randbytes((size or chance.choice(TEXT_BYTES)) // 2).hex()
        text = f"{self._name} to {self._peer}, {self._number}: {filler}{ending}"
        self._journal.write(What.SENDING, peer=self._peer, number=self._number, body=text.encode())
        message = await self.client.send(contact, text)
        self._unconfirmed.add(message.message_id)
        self._journal.write(
            What.SENT, peer=self._peer, number=self._number, message_id=message.message_id
        )
        if has_reached(message.state, MessageState.DELIVERED):
            self._unconfirmed.discard(message.message_id)


def hurry() -> None:
    """Shorten the waits between attempts, which grow to a minute: by design, but this run has less.

    With a relay that dies every other second, people would otherwise be offline most of the time,
    and no delivery would be cut short.
    """
    quick = partial(Backoff, base_seconds=0.1, cap_seconds=1.0)
    for module in (couriers, errand_runner, transport_inbox):
        setattr(module, Backoff.__name__, quick)


# What no honest relay and no crash of anybody may bring about.
_TROUBLE = {"SessionRestarted", "MessagesMissing", "MessagesExpired", "UndecryptableReceived"}


def _ids(claims: list[Claim], what: What) -> set[str]:
    return {claim.message_id for claim in claims if claim.what is what}


def say(word: str) -> None:
    """Tell the harness."""
    print(word, flush=True)


def leave(path: Path, text: str) -> None:
    """Write a small file that others see whole or not at all."""
    hidden = path.with_name(f".{path.name}")
    hidden.write_text(text)
    hidden.rename(path)


async def live(
    place: Place,
    name: str,
    peer: str,
    relay: str,
    seed: str,
    *,
    kind: type[Person] = Person,
    clock: Callable[[], float] = time.time,
) -> None:
    """Live until told to end, or until killed."""
    number = next_incarnation(place.history, name)
    chance = random.Random(f"{seed} {name} {number}")
    # A key instead of a passphrase: what Argon2 costs is tested with the vault.
    key = sha256(name.encode()).digest()
    path = place.vault(name)
    with Journal(place.history, name, number) as journal, log_keys(place.keys / f"{name}.{number}"):
        try:
            client = await Client.open(path, key=key, clock=clock)
        except (VaultMissing, VaultUnfinished):
            client = await Client.create(path, relay=relay, key=key, name=name, clock=clock)
        async with client:
            if not place.address(name).exists():
                leave(place.address(name), str(client.address))
            person = kind(client, journal, place, name, peer)
            reading = asyncio.create_task(person.read())
            writing = asyncio.create_task(person.write(chance))
            await asyncio.wait([reading, writing], return_when=asyncio.FIRST_COMPLETED)
            reading.cancel()
            with suppress(asyncio.CancelledError):
                await reading
            await writing
        journal.write(What.ENDED)


def main(arguments: list[str]) -> None:
    """Run from the command line."""
    folder, name, peer, relay, seed = arguments
    hurry()
    asyncio.run(live(Place(Path(folder)), name, peer, relay, seed))


if __name__ == "__main__":
    main(sys.argv[1:])
