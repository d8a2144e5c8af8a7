"""The line-based chat: one screen, two streams, lines typed and events that arrive.

Whatever goes wrong in the chat is a line in the chat: only the end of the input, or of the vault,
ends it.
"""

import asyncio
from typing import Final

from hushpost import (
    Client,
    Contact,
    ContactAccepted,
    ContactStage,
    Event,
    KnockReceived,
    MessageReceived,
    MessageStateChanged,
    ResendRequested,
)
from hushpost.errors import HushpostError

from hushpost_demo.chat_lines import Say, help_lines, understand
from hushpost_demo.chat_orders import ChatOrders
from hushpost_demo.keyboard import Keyboard
from hushpost_demo.output import Output
from hushpost_demo.plain_text import printable
from hushpost_demo.stage import Json
from hushpost_demo.telling import contact_json, tell
from hushpost_demo.who import find_contact, shown_name

# What a script typed is on its way within moments; a person does not wait longer to leave.
LEAVE_SECONDS_MAX: Final = 5.0


class Chat:
    """One open client and one keyboard."""

    def __init__(self, client: Client, keyboard: Keyboard, output: Output) -> None:
        self.client: Final = client
        self._keyboard = keyboard
        self._output = output
        self._contact: Contact | None = None
        self._numbers: dict[str, int] = {}
        self._orders = ChatOrders(self)

    @property
    def contact(self) -> Contact | None:
        """The contact written to, as it is now."""
        if self._contact is None:
            return None
        return self.client.contact(self._contact.address)

    def say(self, kind: str, line: str | None, **facts: Json) -> None:
        """Print above what is being typed, or as JSON."""
        if self._output.as_json:
            self._output.say(kind, line, **facts)
        elif line is not None:
            self._keyboard.print(line)

    def turn_to(self, contact: Contact) -> None:
        """Write to this contact from here on."""
        self._contact = contact
        verified = "verified" if contact.verified else "not verified: /safety"
        line = f"-- you write to {shown_name(contact)} ({contact.stage}, {verified})"
        self.say("turned_to", line, contact=contact_json(contact))

    async def run(self, who: str | None) -> None:
        """Chat until the input ends or the person quits."""
        self.say(
            "chat",
            f"-- your address: {self.client.address}\n-- /help lists the commands, /quit leaves",
            address=str(self.client.address),
        )
        self._begin_with(who)
        events = asyncio.get_running_loop().create_task(self._read_events())
        try:
            await self._read_lines()
            await self.client.settled(timeout=LEAVE_SECONDS_MAX)
        finally:
            events.cancel()
            await asyncio.gather(events, return_exceptions=True)

    def _begin_with(self, who: str | None) -> None:
        contacts = [c for c in self.client.contacts() if c.stage is not ContactStage.BLOCKED]
        if who is not None:
            self.turn_to(find_contact(self.client, who))
        elif len(contacts) == 1:
            self.turn_to(contacts[0])

    # -- what is typed ---------------------------------------------------------------------------

    async def _read_lines(self) -> None:
        while (line := await self._keyboard.next_line()) is not None:
            try:
                if not await self._typed(line):
                    return
            except HushpostError as error:
                self.complain(error)

    async def _typed(self, line: str) -> bool:
        """Do what a line means; False to leave."""
        meant = understand(line)
        if meant is None:
            return True
        if isinstance(meant, Say):
            await self._send(meant.text)
            return True
        if meant.name == "quit":
            return False
        if meant.name == "help":
            self.say("help", "\n".join(help_lines()))
            return True
        await self._orders.obey(meant)
        return True

    async def _send(self, text: str) -> None:
        contact = self.contact
        if contact is None:
            self.say("nobody", "-- to whom? /to WHO, /add ADDRESS, or /accept who knocks")
            return
        message = await self.client.send(contact, text)
        number = self._numbers[message.message_id] = len(self._numbers) + 1
        self.say(
            "sent",
            f"   you [{number}]: {printable(text)}",
            number=number,
            message_id=message.message_id,
            text=text,
            state=str(message.state),
        )
        if contact.stage is not ContactStage.OPEN and message.state == "waiting":
            does = "accepts you"
            if contact.stage is ContactStage.ACCEPTED:
                does = "hears that you accepted"
            self.say("waits", f"   [{number}] waits until {shown_name(contact)} {does}")

    def complain(self, error: Exception) -> None:
        """Tell what went wrong, in one line."""
        line = " ".join(str(error).split())
        self.say("error", f"!! {line}", error=type(error).__name__, message=line)

    # -- what arrives ----------------------------------------------------------------------------

    async def _read_events(self) -> None:
        async for event in self.client.events():
            self._show(event)
            try:
                await self._react(event)
            except HushpostError as error:
                self.complain(error)

    def _show(self, event: Event) -> None:
        told = tell(event)
        line = told.line
        if isinstance(event, MessageStateChanged):
            number = self._numbers.get(event.message_id)
            line = line if number is None else f"   [{number}] {event.state}"
        elif isinstance(event, KnockReceived):
            line = f"{told.line}\n   /accept or /decline"
        elif isinstance(event, ResendRequested):
            line = f"{told.line}; here: /again {shown_name(event.contact)}"
        self.say(told.kind, line, **told.facts)

    async def _react(self, event: Event) -> None:
        if isinstance(event, MessageReceived):
            await self.client.mark_read(event)
            if self._contact is None:
                self.turn_to(event.contact)
        elif isinstance(event, ContactAccepted) and self._contact is None:
            self.turn_to(event.contact)
