"""`hushpost-relay identity`: showing, rotating and renewing the relay's key (docs/operating.md)."""

from __future__ import annotations

import asyncio
import secrets
import sys
import time

from hushpost_store.interface import Shared
from hushpost_store.rows import ServiceMark

from hushpost_server.clock import day_of
from hushpost_server.command_arguments import Arguments, Commands, add_command, configuration_of
from hushpost_server.configuration import Configuration
from hushpost_server.data_folder import DataFolder
from hushpost_server.errors import ConfigurationInvalid, IdentityUnusable, StoreUnfit
from hushpost_server.identity import load_identity, new_identity, rotated, save_identity
from hushpost_server.logging import EventLog
from hushpost_server.shared_service import replace


def add(commands: Commands) -> None:
    """Add the command with its actions."""
    identity = commands.add_parser("identity", help="show or change the relay's identity key")
    actions = identity.add_subparsers(required=True, metavar="ACTION")
    add_command(actions, "show", "print the public key and its handovers", _identity_show)
    add_command(actions, "rotate", "make a new key, signed over by the old one", _rotate)
    renew = add_command(actions, "renew", "start anew after the key was lost", _renew)
    renew.add_argument("--lost", action="store_true", required=True, help="yes, it is lost")
    add_command(
        actions,
        "claim",
        "make this identity and public_host those of all relays on one Redis",
        _claim,
    )


def _identity_show(arguments: Arguments) -> int:
    configuration = configuration_of(arguments)
    identity = load_identity(configuration.data_folder)
    if identity is None:
        raise IdentityUnusable(
            f"there is no identity in {configuration.data_folder} yet: `hushpost-relay serve` makes"
            " one, or name the folder with --data-folder"
        )
    print(identity.public_key.hex())
    for handover in identity.handovers:
        print(f"handover of day {handover.issue_day} from {handover.old_key.hex()}")
    return 0


def _rotate(arguments: Arguments) -> int:
    configuration = configuration_of(arguments)
    folder = configuration.data_folder
    identity = load_identity(folder)
    if identity is None:
        raise IdentityUnusable(f"there is no identity in {folder} to rotate")
    successor = rotated(identity, day_of(time.time()), secrets.token_bytes)
    save_identity(folder, successor)
    print(successor.public_key.hex())
    if configuration.store == "redis":
        print(
            "copy identity.json to every relay on this Redis, stop all of them, then start them:"
            " clients that saw the new key refuse a relay that shows the old one",
            file=sys.stderr,
        )
    print(
        "restart the relay to use it; clients follow the handover. Make a backup now: older ones"
        " hold the old key, and clients that have followed will refuse a relay that shows it",
        file=sys.stderr,
    )
    return 0


def _renew(arguments: Arguments) -> int:
    configuration = configuration_of(arguments)
    folder = configuration.data_folder
    if load_identity(folder) is not None:
        raise IdentityUnusable(
            f"there is an identity in {folder}: use `identity rotate`, which clients can follow"
        )
    identity = new_identity(secrets.token_bytes)
    _folder(configuration).prepare()
    save_identity(folder, identity)
    print(identity.public_key.hex())
    print(
        "every client will report that this relay's identity changed; tell people the new key",
        file=sys.stderr,
    )
    return 0


def _claim(arguments: Arguments) -> int:
    configuration = configuration_of(arguments)
    if configuration.store != "redis":
        raise StoreUnfit('relays share an identity with store = "redis" alone: nothing to claim')
    if not configuration.public_host:
        raise ConfigurationInvalid(
            "public_host is not set: the relays of one Redis are known by it"
        )
    identity = load_identity(configuration.data_folder)
    if identity is None:
        raise IdentityUnusable(f"there is no identity in {configuration.data_folder} to claim with")
    mine = ServiceMark(identity.public_key, configuration.public_host)
    before = asyncio.run(_replace_mark(configuration, mine))
    if before is None or before == mine:
        print(f"{mine.host} with {mine.relay_key.hex()}")
    else:
        was = f"{before.host} with {before.relay_key.hex()}"
        print(f"{mine.host} with {mine.relay_key.hex()}, in place of {was}")
    print("start the relays, each with this identity.json and public_host", file=sys.stderr)
    return 0


async def _replace_mark(configuration: Configuration, mine: ServiceMark) -> ServiceMark | None:
    folder = _folder(configuration)
    store = folder.make_store()
    await folder.open_store(store)
    try:
        assert isinstance(store, Shared)
        return await replace(store, mine)
    finally:
        await folder.close()


def _folder(configuration: Configuration) -> DataFolder:
    return DataFolder(configuration, now=time.time, random=secrets.token_bytes, log=EventLog())
