"""Commands about other people: add, contacts, accept, decline, safety, verify, block."""

from collections.abc import Generator
from contextlib import contextmanager

import click
from hushpost.errors import HostUnconfirmed

from hushpost_demo.errors import HostNotTrusted
from hushpost_demo.knock_arrival import knock_came
from hushpost_demo.place import Place, command_options
from hushpost_demo.telling import contact_json, knock_json
from hushpost_demo.who import find_contact, find_knock, short_id, shown_name

# Two round trips to a relay and a commit, many times over; then it goes on at the next command.
SETTLE_SECONDS_MAX = 10.0
# Mail that waits comes within a blink after the login; a relay far away needs a few.
KNOCK_SECONDS_MAX = 5.0
# Shorter, since mostly nobody knocked: for who has no contact yet and asks for the list.
FIRST_KNOCK_SECONDS_MAX = 2.0
_LATER = "The relay has not answered yet; it goes on at your next command, or with hushpost listen."


@click.command()
@click.argument("address")
@click.option("--text", default=None, help="A greeting of at most 256 bytes: knock with it now.")
@click.option("--trust-host", is_flag=True, help="Their relay is not yours: let it see your IP.")
@command_options
def add(place: Place, address: str, text: str | None, trust_host: bool) -> None:
    """Make a contact of an address or an invitation."""
    place.run(_add(place, address, text=text, trust_host=trust_host))


async def _add(place: Place, address: str, *, text: str | None, trust_host: bool) -> None:
    async with await place.open() as client:
        with _asking_about_hosts():
            contact = await client.add_contact(address, trust_host=trust_host)
        if text is not None:
            await client.send(contact, text)
        done = await client.settled(timeout=SETTLE_SECONDS_MAX)
        contact = client.contact(contact.address)
        next_step = (
            "Nothing is sent before your first message: hushpost send."
            if text is None
            else "They are asked whether they want to hear from you."
        )
        line = f"Added {shown_name(contact)}: their keys fit the address. {next_step}"
        place.output.say("contact_added", line, contact=contact_json(contact))
        if not done:
            place.output.remark(_LATER)


@click.command()
@command_options
def contacts(place: Place) -> None:
    """List contacts, and the knocks that wait for an answer."""
    place.run(_contacts(place))


async def _contacts(place: Place) -> None:
    async with await place.open() as client:
        if not client.contacts():
            # Whoever just handed out an address looks here whether somebody came.
            await knock_came(client, None, FIRST_KNOCK_SECONDS_MAX)
        for contact in client.contacts():
            verified = "verified" if contact.verified else "not verified"
            line = f"{short_id(contact)}  {shown_name(contact)}  ({contact.stage}, {verified})"
            place.output.say("contact", line, contact=contact_json(contact))
        for knock in client.knocks():
            line = f"{short_id(knock)}  {shown_name(knock)}  (knocks: accept or decline)"
            place.output.say("knock", line, knock=knock_json(knock))
        if not client.contacts() and not client.knocks():
            place.output.remark("Nobody yet. Hand out `hushpost address`, or `hushpost add` one.")


@click.command()
@click.argument("who")
@click.option("--trust-host", is_flag=True, help="Their relay is not yours: let it see your IP.")
@command_options
def accept(place: Place, who: str, trust_host: bool) -> None:
    """Let in somebody who knocked. WHO is a name, an address, or the beginning of an id."""
    place.run(_accept(place, who, trust_host=trust_host))


async def _accept(place: Place, who: str, *, trust_host: bool) -> None:
    async with await place.open() as client:
        await knock_came(client, who, KNOCK_SECONDS_MAX)
        with _asking_about_hosts():
            contact = await client.accept(find_knock(client, who), trust_host=trust_host)
        done = await client.settled(timeout=SETTLE_SECONDS_MAX)
        line = f"{shown_name(contact)} is let in."
        place.output.say("contact_accepted", line, contact=contact_json(contact))
        if not done:
            place.output.remark(_LATER)


@click.command()
@click.argument("who")
@command_options
def decline(place: Place, who: str) -> None:
    """Turn away somebody who knocked; they are told nothing."""
    place.run(_decline(place, who))


async def _decline(place: Place, who: str) -> None:
    async with await place.open() as client:
        await knock_came(client, who, KNOCK_SECONDS_MAX)
        knock = find_knock(client, who)
        await client.decline(knock)
        line = f"{shown_name(knock)} is turned away, and told nothing."
        place.output.say("declined", line, knock=knock_json(knock))


@click.command()
@click.argument("who")
@command_options
def safety(place: Place, who: str) -> None:
    """Show the safety number shared with a contact."""
    place.run(_safety(place, who))


async def _safety(place: Place, who: str) -> None:
    async with await place.open() as client:
        contact = find_contact(client, who)
        number = client.safety_number(contact)
        place.output.say(
            "safety_number", number, safety_number=number, contact=contact_json(contact)
        )
        place.output.remark(
            f"Compare it with {shown_name(contact)} by another way, best in person. If it is the"
            " same, nobody stands between you: hushpost verify."
        )


@click.command()
@click.argument("who")
@click.option("--undo", is_flag=True, help="Take the mark away again.")
@command_options
def verify(place: Place, who: str, undo: bool) -> None:
    """Remember that you compared the safety number."""
    place.run(_verify(place, who, verified=not undo))


async def _verify(place: Place, who: str, *, verified: bool) -> None:
    async with await place.open() as client:
        contact = find_contact(client, who)
        await client.mark_verified(contact, verified=verified)
        contact = client.contact(contact.address)
        state = "verified" if verified else "no longer verified"
        line = f"{shown_name(contact)} is {state}."
        place.output.say("verified", line, contact=contact_json(contact))


@click.command()
@click.argument("who")
@command_options
def block(place: Place, who: str) -> None:
    """Take away a contact's way to write to you; they are told nothing."""
    place.run(_block(place, who))


async def _block(place: Place, who: str) -> None:
    async with await place.open() as client:
        contact = find_contact(client, who)
        await client.block(contact)
        done = await client.settled(timeout=SETTLE_SECONDS_MAX)
        contact = client.contact(contact.address)
        line = f"{shown_name(contact)} is blocked, and told nothing."
        place.output.say("blocked", line, contact=contact_json(contact))
        if not done:
            place.output.remark(_LATER)


@contextmanager
def _asking_about_hosts() -> Generator[None]:
    try:
        yield
    except HostUnconfirmed as error:
        raise HostNotTrusted(
            f"they live at the relay {error.host}, which is not yours and would see your IP"
            " address: add --trust-host if you agree"
        ) from None
