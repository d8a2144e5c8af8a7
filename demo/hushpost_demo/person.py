"""One of the two people of the demo: a real client, its vault, and what stands on the screen."""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final

from hushpost import Client, Contact, KnockReceived, Message, MessageReceived

from hushpost_demo.errors import FactFailed

# A receipt comes one to five seconds after delivery, and a machine may be slow.
WAIT_SECONDS_MAX: Final = 30.0
# Typed by nobody: long enough that a scan of megabytes never meets it by chance.
PASSPHRASE_BYTES: Final = 12


@dataclass(slots=True)
class Line:
    """A line on the screen: a message sent or received, or a remark of the app."""

    speaker: str
    text: str
    message: Message | None = None

    @property
    def state(self) -> str:
        """How far a sent message came; empty for anything else."""
        return "" if self.message is None else str(self.message.state)


@dataclass(slots=True)
class Person:
    """Opens and closes the app, writes, and reads what comes in. ``async with`` closes the app."""

    name: str
    full_name: str
    folder: Path
    lines: list[Line] = field(default_factory=list)
    heard: list[MessageReceived] = field(default_factory=list)
    passphrase: str = field(default_factory=lambda: secrets.token_hex(PASSPHRASE_BYTES), repr=False)
    _client: Client | None = None
    _reader: asyncio.Task[None] | None = None
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def vault(self) -> Path:
        """The vault's file."""
        return self.folder / "app.vault"

    @property
    def online(self) -> bool:
        """Whether the app is open."""
        return self._client is not None

    @property
    def client(self) -> Client:
        """The open app; raises `FactFailed` while it is closed."""
        if self._client is None:
            raise FactFailed(f"{self.name}'s app is closed")
        return self._client

    async def create(self, relay: str) -> None:
        """Make an account at the relay, and open the app."""
        self.folder.mkdir(parents=True)
        client = await Client.create(
            self.vault, relay=relay, passphrase=self.passphrase, name=self.full_name
        )
        self._opened(client)

    async def open(self) -> None:
        """Open the app."""
        self._opened(await Client.open(self.vault, passphrase=self.passphrase))

    async def close(self) -> None:
        """Close the app; what it was sending stays in the vault."""
        client, reader = self._client, self._reader
        self._client = self._reader = None
        if client is not None:
            await client.close()
        if reader is not None:
            await reader

    async def say(self, contact: Contact, text: str) -> Message:
        """Write a message; it is durable in the vault on return."""
        message = await self.client.send(contact, text)
        self.lines.append(Line(self.name, text, message))
        return message

    async def hears(self, count: int) -> None:
        """Wait until so many messages were received in all."""
        await self._until(lambda: len(self.heard) >= count, f"{count} messages")

    async def is_knocked_at(self) -> None:
        """Wait for a stranger's knock."""
        await self._until(lambda: bool(self._client and self._client.knocks()), "a knock")

    async def accept_knock(self) -> Contact:
        """Wait for a stranger's knock and let them in."""
        await self.is_knocked_at()
        return await self.client.accept(self.client.knocks()[0])

    async def _until(self, holds: Callable[[], bool], what: str) -> None:
        try:
            async with asyncio.timeout(WAIT_SECONDS_MAX), self._changed:
                await self._changed.wait_for(holds)
        except TimeoutError:
            raise FactFailed(f"{self.name} waited in vain for {what}") from None

    def _opened(self, client: Client) -> None:
        self._client = client
        self._reader = asyncio.get_running_loop().create_task(self._read(client))

    async def _read(self, client: Client) -> None:
        async for event in client.events():
            async with self._changed:
                if isinstance(event, MessageReceived):
                    self.heard.append(event)
                    self.lines.append(Line(event.contact.name or "?", event.text))
                elif isinstance(event, KnockReceived):
                    self.lines.append(Line("", f"{event.knock.name} asks to write to you"))
                self._changed.notify_all()

    async def __aenter__(self) -> "Person":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()
