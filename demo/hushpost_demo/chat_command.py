"""`hushpost chat`: write to and fro, line by line (docs/cli.md, "Chat")."""

import click

from hushpost_demo.chat import Chat
from hushpost_demo.keyboard import open_keyboard
from hushpost_demo.place import Place, command_options


@click.command()
@click.argument("who", required=False)
@command_options
def chat(place: Place, who: str | None) -> None:
    """Chat line by line. WHO is a name, an address, or the beginning of an id."""
    place.run(_chat(place, who))


async def _chat(place: Place, who: str | None) -> None:
    async with await place.open() as client:
        with open_keyboard() as keyboard:
            await Chat(client, keyboard, place.output).run(who)
