"""Commands about messages: send and listen (docs/cli.md)."""

import asyncio
import sys

import click
from hushpost import (
    Client,
    Connection,
    Contact,
    ContactStage,
    Event,
    KnockReceived,
    Message,
    MessageReceived,
    MessageState,
)

from hushpost_demo.errors import NotInTime
from hushpost_demo.place import Place, command_options
from hushpost_demo.telling import contact_json, tell
from hushpost_demo.who import find_contact, shown_name

# A relay that answers does so within a second; a receipt follows after at most five more.
SEND_SECONDS_MAX = 15.0
# Receipts leave one to five seconds after what they are for; then the command may end.
RECEIPTS_SECONDS_MAX = 10.0
WAITED_FOR = ("sealed", "accepted", "delivered", "read")


@click.command()
@click.argument("who")
@click.argument("text")
@click.option(
    "--wait",
    type=click.Choice(WAITED_FOR),
    default="accepted",
    show_default=True,
    help="How far the message must have come before the command ends.",
)
@click.option(
    "--timeout", type=click.FloatRange(min=0), default=SEND_SECONDS_MAX, show_default=True
)
@command_options
def send(place: Place, who: str, text: str, wait: str, timeout: float) -> None:
    """Send a message.

    WHO is a name, an address, or the beginning of an id. TEXT "-" reads standard input.
    """
    place.run(_send(place, who, text, MessageState(wait), timeout))


async def _send(place: Place, who: str, text: str, wanted: MessageState, seconds: float) -> None:
    words = sys.stdin.read() if text == "-" else text
    async with await place.open() as client:
        contact = find_contact(client, who)
        message = await client.send(contact, words)
        line = None
        try:
            await _reached(client, contact, message, wanted, seconds)
            line = f"{message.state} by {shown_name(contact)}'s relay"
            if message.state is not MessageState.ACCEPTED:
                line = str(message.state)
        finally:
            place.output.say(
                "sent",
                line,
                message_id=message.message_id,
                state=str(message.state),
                contact=contact_json(contact),
            )


@click.command("send-again")
@click.argument("who")
@click.option(
    "--timeout", type=click.FloatRange(min=0), default=SEND_SECONDS_MAX, show_default=True
)
@command_options
def send_again(place: Place, who: str, timeout: float) -> None:
    """Send once more what got no receipt in time; nobody sees a message twice.

    WHO is a name, an address, or the beginning of an id.
    """
    place.run(_send_again(place, who, timeout))


async def _send_again(place: Place, who: str, seconds: float) -> None:
    async with await place.open() as client:
        contact = find_contact(client, who)
        messages = await client.send_all_again(contact)
        if not messages:
            place.output.remark(f"Nothing to {shown_name(contact)} is unconfirmed.")
        ends = asyncio.get_running_loop().time() + seconds
        for message in messages:
            left = max(0.0, ends - asyncio.get_running_loop().time())
            await _reached(client, contact, message, MessageState.ACCEPTED, left)
            place.output.say(
                "sent",
                f"{message.message_id[:8]} {message.state} once more",
                message_id=message.message_id,
                state=str(message.state),
                contact=contact_json(contact),
            )


async def _reached(
    client: Client, contact: Contact, message: Message, wanted: MessageState, seconds: float
) -> None:
    try:
        await message.reached(wanted, timeout=seconds)
    except TimeoutError:
        raise NotInTime(_why(client, contact, message, wanted)) from None


def _why(client: Client, contact: Contact, message: Message, wanted: MessageState) -> str:
    later = "it goes on at your next command; `hushpost listen` keeps trying"
    if message.state is MessageState.WAITING:
        they = (
            "their app has not heard yet that you let them in"
            if contact.stage is ContactStage.ACCEPTED
            else "they have not accepted you yet"
        )
        return f"the message is kept: {they}; {later}"
    if message.state is MessageState.SEALED:
        own = (
            "" if client.connection is Connection.ONLINE else f" ({client.connection_explanation})"
        )
        return f"the message is kept and not sent: their relay cannot be reached{own}; {later}"
    return f"the message is {message.state} and not yet {wanted}; nothing is lost"


@click.command()
@click.option(
    "--count", type=click.IntRange(min=1), default=None, help="End after so many messages."
)
@click.option("--seconds", type=click.FloatRange(min=0), default=None, help="End after this time.")
@click.option("--accept-all", is_flag=True, help="Let in everybody who knocks.")
@click.option("--no-read-receipts", is_flag=True, help="Do not tell senders that it was shown.")
@command_options
def listen(
    place: Place,
    count: int | None,
    seconds: float | None,
    accept_all: bool,
    no_read_receipts: bool,
) -> None:
    """Print messages and events as they come, until Ctrl-C."""
    ear = Ear(place, count=count, accept_all=accept_all, receipts=not no_read_receipts)
    place.run(ear.listen(seconds))


class Ear:
    """Prints events until enough messages came."""

    def __init__(
        self, place: Place, *, count: int | None, accept_all: bool, receipts: bool
    ) -> None:
        self._place = place
        self._left = count
        self._accept_all = accept_all
        self._receipts = receipts

    async def listen(self, seconds: float | None) -> None:
        """Listen; raises `NotInTime` when the time is over and a count was asked for."""
        async with await self._place.open() as client:
            await client.set_read_receipts(allowed=self._receipts)
            try:
                async with asyncio.timeout(seconds):
                    await self._read(client)
            except TimeoutError:
                if self._left is not None:
                    raise NotInTime(f"{self._left} messages did not come in time") from None
            await client.settled(timeout=RECEIPTS_SECONDS_MAX)

    async def _read(self, client: Client) -> None:
        async for event in client.events():
            await self._heard(client, event)
            if self._left == 0:
                await client.consume(event)
                return

    async def _heard(self, client: Client, event: Event) -> None:
        if isinstance(event, KnockReceived) and event.knock not in client.knocks():
            return  # answered meanwhile, by `hushpost accept` for instance
        told = tell(event)
        self._place.output.say(told.kind, told.line, **told.facts)
        if isinstance(event, MessageReceived):
            await client.mark_read(event)
            if self._left is not None:
                self._left -= 1
        elif isinstance(event, KnockReceived) and self._accept_all:
            await client.accept(event.knock)
