"""Commands about one's own account: init, address, passphrase (docs/cli.md)."""

from pathlib import Path
from typing import Final

import click
from hushpost import Client, terminal_qr
from hushpost.errors import VaultExists

from hushpost_demo.passphrases import NEW_PASSPHRASE_VARIABLE, check_new, read_passphrase
from hushpost_demo.place import Place, command_options, in_time
from hushpost_demo.plain_text import printable

DEFAULT_RELAY: Final = "ws://127.0.0.1:8440"
# An invitation needs the relay once; longer than this, and the relay is not there.
INVITATION_SECONDS_MAX: Final = 15.0
_WORDS_A_LINE: Final = 6


@click.command()
@click.option("--relay", default=DEFAULT_RELAY, show_default=True, help="The relay to live at.")
@click.option("--name", default="", help="What to call yourself towards contacts; may be empty.")
@click.option("--token", default=None, help="A registration token, if the relay wants one.")
@click.option("--no-knocks", is_flag=True, help="Only people with an invitation may write first.")
@command_options
def init(place: Place, relay: str, name: str, token: str | None, no_knocks: bool) -> None:
    """Make an account at a relay, and the vault that holds it."""
    place.run(_init(place, relay, name=name, token=token, knocks=not no_knocks))


async def _init(place: Place, relay: str, *, name: str, token: str | None, knocks: bool) -> None:
    # A file that is there already may be an account half made, which gives way: `create` knows.
    passphrase = place.passphrase("New passphrase", confirm=True)
    advice = check_new(passphrase)
    place.vault.parent.mkdir(parents=True, exist_ok=True)
    try:
        made = await Client.create(
            place.vault,
            relay=relay,
            passphrase=passphrase,
            name=name,
            registration_token=token,
            knocks=knocks,
        )
    except VaultExists:
        raise VaultExists(
            f"there is a file at {place.vault}: name another one with --vault"
        ) from None
    async with made as client:
        words = client.recovery_words
        lines = [f"Your address:    {client.address}", f"Your vault:      {place.vault}"]
        lines += ["", "Your recovery words. Write them on paper now; they are stored nowhere and"]
        lines += ["shown never again, and only they can replace your account key:", ""]
        for start in range(0, len(words), _WORDS_A_LINE):
            lines.append("   " + " ".join(words[start : start + _WORDS_A_LINE]))
        place.output.say(
            "account",
            "\n".join(lines),
            address=str(client.address),
            vault=str(place.vault),
            recovery_words=list(words),
        )
        if advice is not None:
            place.output.remark(advice)


@click.command()
@click.option("--qr", is_flag=True, help="Draw it as a QR code, too.")
@click.option("--invite", is_flag=True, help="Make an invitation: for one person, used up once.")
@command_options
def address(place: Place, qr: bool, invite: bool) -> None:
    """Print the address to hand to people, or a new invitation."""
    place.run(_address(place, qr=qr, invite=invite))


async def _address(place: Place, *, qr: bool, invite: bool) -> None:
    async with await place.open() as client:
        text = str(client.address)
        if invite:
            text = await in_time(
                client.create_invitation(), INVITATION_SECONDS_MAX, _no_invitation(client)
            )
        kind = "invitation" if invite else "address"
        code = terminal_qr(text) if qr else ""
        place.output.say(kind, text, address=text, qr=code if qr else None)
        if qr:
            place.output.say_to_people(code)
        if invite:
            place.output.remark("For one person, and for one first message. Hand it over secretly.")


def _no_invitation(client: Client) -> str:
    return (
        f"no invitation was made: {client.address.host} has to register it and did not answer;"
        " check that the relay runs, and try again"
    )


@click.command()
@click.option(
    "--new-passphrase-file",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help="Read the new passphrase from the first line of this file.",
)
@command_options
def passphrase(place: Place, new_passphrase_file: Path | None) -> None:
    """Change the passphrase of the vault."""
    place.run(_passphrase(place, new_passphrase_file))


async def _passphrase(place: Place, new_file: Path | None) -> None:
    place.check_exists()
    old = place.passphrase("Present passphrase")
    async with await Client.open(place.vault, passphrase=old) as client:
        new = read_passphrase(
            new_file, prompt="New passphrase", variable=NEW_PASSPHRASE_VARIABLE, confirm=True
        )
        advice = check_new(new)
        await client.change_passphrase(old, new)
    done = f"The passphrase of {printable(str(place.vault))} is changed."
    place.output.say("passphrase_changed", done, vault=str(place.vault))
    if advice is not None:
        place.output.remark(advice)
    place.output.remark("Copies of the vault made before still open with the old one.")
