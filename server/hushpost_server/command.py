"""`hushpost-relay`: what an operator types. argparse, since a relay installs without click.

Every failure that an operator can mend is one line on standard error and exit status 1; a wrong
argument is argparse's own status 2.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import secrets
import signal
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from hushpost_server import backup
from hushpost_server.clock import day_of
from hushpost_server.configuration import Configuration
from hushpost_server.configuration_loading import load_configuration
from hushpost_server.configuration_reference import render_reference
from hushpost_server.default_folders import default_file
from hushpost_server.errors import IdentityUnusable, OperatorError
from hushpost_server.identity import load_identity, new_identity, rotated, save_identity
from hushpost_server.logging import set_up_logging
from hushpost_server.relay import RelayServer

Arguments = argparse.Namespace


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status."""
    parsed = _parser().parse_args(arguments)
    run: Callable[[Arguments], int] = parsed.run
    try:
        return run(parsed)
    except OperatorError as error:
        print(f"hushpost-relay: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hushpost-relay", description="Run and look after a hushpost relay."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    serve = _command(commands, "serve", "run the relay until SIGTERM or SIGINT", _serve)
    serve.add_argument("--listen-host", help="address to listen on")
    serve.add_argument("--listen-port", type=int, help="port to listen on; 0 for a free one")
    serve.add_argument("--public-host", help="host[:port] as it stands in addresses")
    serve.add_argument("--metrics-port", type=int, help="loopback port of health and metrics")
    serve.add_argument("--store", help="sqlite or memory")
    serve.add_argument("--registration", help="open, token or closed")
    serve.add_argument("--log-level", help="debug, info, warning or error")
    serve.add_argument("--behind-proxy", action="store_const", const=True, help="see the docs")
    serve.add_argument(
        "--unsafe-no-bucket-enforcement",
        action="store_const",
        const=True,
        help="for benchmarks only: let envelope sizes tell messages apart",
    )
    serve.add_argument("--json", action="store_true", help="print where it listens as JSON")

    config = _command(commands, "config", "show the configuration in force", _config)
    config.add_argument("--reference", action="store_true", help="print docs/configuration.md")

    identity = commands.add_parser("identity", help="show or change the relay's identity key")
    actions = identity.add_subparsers(required=True, metavar="ACTION")
    _command(actions, "show", "print the public key and its handovers", _identity_show)
    _command(actions, "rotate", "make a new key, signed over by the old one", _rotate)
    renew = _command(actions, "renew", "start anew after the key was lost", _renew)
    renew.add_argument("--lost", action="store_true", required=True, help="yes, it is lost")

    make = _command(commands, "backup", "write a backup that brings no mail back", _backup)
    make.add_argument("target", type=Path, help="folder to make; it must not exist")
    restore = _command(commands, "restore", "put a backup into an empty data folder", _restore)
    restore.add_argument("source", type=Path, help="folder that `backup` wrote")
    return parser


def _command(
    commands: Any,
    name: str,
    sentence: str,
    run: Callable[[Arguments], int],
) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        name, help=sentence, description=sentence
    )
    command.set_defaults(run=run)
    command.add_argument("--config", type=Path, help=f"TOML file; otherwise {default_file()}")
    command.add_argument("--data-folder", type=Path, help="folder of database and identity")
    return command


_SETTINGS = (
    "listen_host",
    "listen_port",
    "public_host",
    "metrics_port",
    "store",
    "registration",
    "log_level",
    "behind_proxy",
    "unsafe_no_bucket_enforcement",
    "data_folder",
)


def _configuration(arguments: Arguments) -> Configuration:
    given = {key: getattr(arguments, key, None) for key in _SETTINGS}
    return load_configuration(arguments.config, **given)


# -- serve ---------------------------------------------------------------------------------------


def _serve(arguments: Arguments) -> int:
    configuration = _configuration(arguments)
    log = set_up_logging(configuration.log_level)
    relay = RelayServer(configuration, log=log)
    _runner(configuration)(_serve_until_told(relay, as_json=arguments.json))
    return 0


def _runner(configuration: Configuration) -> Callable[[Any], Any]:
    if configuration.uvloop:
        try:
            import uvloop  # noqa: PLC0415 - it is not there on every system
        except ImportError:
            return asyncio.run
        return uvloop.run
    return asyncio.run


def _settle_memory() -> None:
    """Spare the collector what was made at start, and most of its rounds.

    The hot path makes tuples by the dozen an envelope and no cycles; by default a round would come
    every few envelopes and find nothing (measured: a twentieth of the relay's processor time).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)


async def _serve_until_told(relay: RelayServer, *, as_json: bool) -> None:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(number, told.set)
        except RuntimeError:  # Windows has no signal handlers on a loop
            signal.signal(number, partial(_tell, loop, told))
    async with relay:
        _settle_memory()
        _print_start(relay, as_json=as_json)
        await told.wait()


def _tell(
    loop: asyncio.AbstractEventLoop, told: asyncio.Event, _number: int, _frame: object
) -> None:
    loop.call_soon_threadsafe(told.set)


def _print_start(relay: RelayServer, *, as_json: bool) -> None:
    if as_json:
        where = {"url": relay.url, "host": relay.host, "metrics": relay.metrics_url}
        print(json.dumps(where), flush=True)
        return
    configuration = relay.configuration
    kept = configuration.data_folder if configuration.store == "sqlite" else "memory only"
    lines = [
        f"hushpost relay: listening on {relay.url}",
        f"  people's addresses begin with  hushpost://{relay.host}/",
        f"  database and identity key in   {kept}",
    ]
    if relay.metrics_url:
        lines.append(f"  health and metrics at          {relay.metrics_url}/health, /metrics")
    if not configuration.public_host and not (
        configuration.listens_on_loopback and not configuration.behind_proxy
    ):
        lines.append("  WARNING: set public_host to the name people dial, or nobody can log in")
    if configuration.unsafe_no_bucket_enforcement:
        lines.append("  UNSAFE: envelope sizes are not enforced; for benchmarks only")
    lines += [
        "",
        "Next: make an account with it, in another terminal:",
        f"  hushpost init --relay {relay.url}",
        "To serve other machines, set public_host and TLS or a proxy: docs/operating.md.",
        "Stop with Ctrl-C.",
    ]
    print("\n".join(lines), flush=True)


# -- config --------------------------------------------------------------------------------------


def _config(arguments: Arguments) -> int:
    if arguments.reference:
        print(render_reference(), end="")
        return 0
    configuration = _configuration(arguments)
    file = arguments.config or default_file()
    print(f"# from {file}{'' if file.is_file() else ' (not there)'} and the environment")
    for key, value in configuration.model_dump(mode="json").items():
        print(f"{key} = {json.dumps(value)}" if value is not None else f"# {key} is not set")
    return 0


# -- identity ------------------------------------------------------------------------------------


def _identity_show(arguments: Arguments) -> int:
    configuration = _configuration(arguments)
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
    configuration = _configuration(arguments)
    folder = configuration.data_folder
    identity = load_identity(folder)
    if identity is None:
        raise IdentityUnusable(f"there is no identity in {folder} to rotate")
    successor = rotated(identity, day_of(time.time()), secrets.token_bytes)
    save_identity(folder, successor)
    print(successor.public_key.hex())
    print(
        "restart the relay to use it; clients follow the handover. Make a backup now: older ones"
        " hold the old key, and clients that have followed will refuse a relay that shows it",
        file=sys.stderr,
    )
    return 0


def _renew(arguments: Arguments) -> int:
    configuration = _configuration(arguments)
    folder = configuration.data_folder
    if load_identity(folder) is not None:
        raise IdentityUnusable(
            f"there is an identity in {folder}: use `identity rotate`, which clients can follow"
        )
    identity = new_identity(secrets.token_bytes)
    save_identity(folder, identity)
    print(identity.public_key.hex())
    print(
        "every client will report that this relay's identity changed; tell people the new key",
        file=sys.stderr,
    )
    return 0


# -- backup --------------------------------------------------------------------------------------


def _backup(arguments: Arguments) -> int:
    backup.make_backup(_configuration(arguments), arguments.target)
    print(f"{arguments.target}: database and identity key; keep it as safe as the relay")
    return 0


def _restore(arguments: Arguments) -> int:
    configuration = _configuration(arguments)
    key_of_backup = backup.restore_backup(configuration, arguments.source)
    print(f"restored into {configuration.data_folder}; start the relay")
    hint = "kept the identity in the data folder, which was rotated since the backup was made"
    if key_of_backup:
        hint = (
            "if the identity was rotated after this backup was made, put the newer identity.json"
            " into the data folder first: clients that followed the rotation refuse the old key"
        )
    print(hint, file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
