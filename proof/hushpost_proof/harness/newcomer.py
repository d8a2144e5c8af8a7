"""A person who does what people do rarely, once each, and is killed over it again and again.

    HUSHPOST_PROOF_DOOM=POINT|PASS python -m hushpost_proof.harness.newcomer FOLDER NAME HOST URL -

Makes an account, asks a steady person for contact, changes settings, begins a new session, invites,
blocks, forgets, declines a stranger, changes the passphrase, and deletes the account. What is done
is marked in a file; a fresh process goes on from there and from what the vault holds. An act that
was cut off is done again: it must be possible, however the one before ended. Tells its harness
`stranger` when somebody should knock, and `gone` in the end.
"""

# ruff: noqa: ASYNC240 - nothing else runs on these loops

import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from hushpost import Client
from hushpost.contacts import Contact, ContactStage
from hushpost.errors import MisuseError, RelayError, VaultLocked, VaultUnfinished
from hushpost.events import KnockReceived, MessageReceived

from hushpost_proof.harness import mortal_person, person
from hushpost_proof.harness.key_log import log_keys
from hushpost_proof.harness.person import Place, leave, say
from hushpost_proof.harness.waiting import until

# The old passphrase and the new one. A vault that opens with neither is in the way of a new one.
PASSPHRASES: Final = ("a first passphrase", "a second passphrase")
WAIT_SECONDS_MAX: Final = 60.0
_AGAIN_SECONDS: Final = 0.1


class Newcomer:
    """One life of the newcomer."""

    def __init__(self, client: Client, place: Place, name: str, steady: str) -> None:
        self._client = client
        self._place = place
        self._name = name
        self._steady = steady
        self._welcome: MessageReceived | None = None

    async def go_on(self) -> None:
        """Do every act that is not marked as done; return before the account is deleted."""
        reading = asyncio.create_task(self._read())
        acts: tuple[Callable[[], Awaitable[None]], ...] = (
            self._ask,
            self._settle,
            self._renew,
            self._invite,
            self._part,
            self._decline,
            self._rekey,
        )
        try:
            for act in acts:
                if not self.mark(act.__name__).exists():
                    await _until_it_is_done(act)
                    self.mark(act.__name__).touch()
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    def mark(self, act: str) -> Path:
        """Return the file that says that an act is done."""
        return mark_of(self._place, self._name, act)

    async def _read(self) -> None:
        async for event in self._client.events():
            if isinstance(event, MessageReceived):
                self._welcome = event
                self.mark("welcome").touch()
            elif isinstance(event, KnockReceived):
                self.mark("knocked").touch()

    def _contact(self) -> Contact:
        (contact,) = self._client.contacts()
        return contact

    async def _ask(self) -> None:
        if not self._client.contacts():
            await self._client.add_contact(self._steady)
        if self._contact().stage is ContactStage.NEW:
            await self._client.send(self._contact(), f"{self._name} asks")
        await until(lambda: self._contact().stage is ContactStage.OPEN, WAIT_SECONDS_MAX)
        await until(self.mark("welcome").exists, WAIT_SECONDS_MAX)

    async def _settle(self) -> None:
        client, contact = self._client, self._contact()
        await client.mark_verified(contact)
        await client.allow_read_receipts(contact, allowed=True)
        await client.set_read_receipts(allowed=True)
        await client.send_typing(contact)
        if self._welcome is not None:
            await client.mark_read(self._welcome)

    async def _renew(self) -> None:
        try:
            await self._client.restart_session(self._contact())
        except MisuseError:
            return  # begun by the life before; once a day is the most
        await self._client.settled(timeout=WAIT_SECONDS_MAX)

    async def _invite(self) -> None:
        await self._client.create_invitation()

    async def _part(self) -> None:
        for contact in self._client.contacts():
            await self._client.block(contact)
            await self._client.remove_contact(contact)
        await self._client.settled(timeout=WAIT_SECONDS_MAX)

    async def _decline(self) -> None:
        leave(self._place.address(self._name), str(self._client.address))
        say("stranger")
        # Whom a life before this one declined never knocks again, and its event may be consumed.
        knocked = self.mark("knocked")
        await until(lambda: knocked.exists() or bool(self._client.knocks()), WAIT_SECONDS_MAX)
        for knock in self._client.knocks():
            await self._client.decline(knock)

    async def _rekey(self) -> None:
        # Refused where the life before it has changed it already, and was killed behind that.
        with suppress(VaultLocked):
            await self._client.change_passphrase(*PASSPHRASES)


async def _until_it_is_done(act: Callable[[], Awaitable[None]]) -> None:
    """Do an act, again while the relay is dead: the errors say to try again."""
    while True:
        try:
            return await act()
        except RelayError:
            await asyncio.sleep(_AGAIN_SECONDS)


def mark_of(place: Place, name: str, act: str) -> Path:
    """Return the file that says that a newcomer has done an act."""
    return place.folder / "acts" / f"{name}.{act}"


async def live(place: Place, name: str, steady: str, relay: str) -> None:
    """Live until gone, or until killed."""
    leaving, words = mark_of(place, name, "leaving"), mark_of(place, name, "words")
    path = place.vault(name)
    while path.exists() or not leaving.exists():
        try:
            async with await _wake(path, name, relay) as client:
                # Killed in the moment in which the words were handed over, an account is of no use.
                if client.recovery_words or words.exists():
                    words.touch()
                    await Newcomer(client, place, name, steady).go_on()
                    leaving.touch()
                await client.delete_account()
        except RelayError:
            await asyncio.sleep(_AGAIN_SECONDS)
    say("gone")


async def _wake(path: Path, name: str, relay: str) -> Client:
    if path.exists():
        for passphrase in PASSPHRASES:
            with suppress(VaultLocked, VaultUnfinished):
                return await Client.open(path, passphrase=passphrase)
    return await Client.create(path, relay=relay, passphrase=PASSPHRASES[0], name=name)


def main(arguments: list[str]) -> None:
    """Run from the command line."""
    mortal_person.prepare()
    person.hurry()
    folder, name, steady, relay, _ = arguments
    place = Place(Path(folder))
    log = place.keys / f"{name}.{len(list(place.keys.glob(name + '.*'))) + 1}"
    with log_keys(log):
        asyncio.run(live(place, name, steady, relay))


if __name__ == "__main__":
    main(sys.argv[1:])
