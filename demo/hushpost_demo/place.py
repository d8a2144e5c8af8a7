"""What every command shares: which vault, how to open it, how to answer (docs/cli.md).

`command_options` gives a command its ``--vault``, ``--passphrase-file`` and ``--json``, and hands
the three over as a `Place`; `Place.run` runs the command's coroutine and turns whatever it raises
into one line and an exit status.
"""

import asyncio
import functools
import os
import sys
import traceback
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import click
import platformdirs
from hushpost import Client
from hushpost.errors import HushpostError

from hushpost_demo.errors import NotInTime
from hushpost_demo.exit_statuses import ExitStatus, exit_status
from hushpost_demo.output import Output
from hushpost_demo.passphrases import read_passphrase

T = TypeVar("T")

VAULT_VARIABLE: Final = "HUSHPOST_VAULT"
DEFAULT_VAULT_NAME: Final = "default.vault"
TRACE_VARIABLE: Final = "HUSHPOST_TRACEBACK"


@dataclass(frozen=True, slots=True)
class Place:
    """The vault a command works on, and the way it answers."""

    vault: Path
    passphrase_file: Path | None
    output: Output

    async def open(self) -> Client:
        """Ask for the passphrase and open the vault; it connects in the background."""
        self.check_exists()
        return await Client.open(self.vault, passphrase=self.passphrase())

    def check_exists(self) -> None:
        """Exit with a line of advice if there is no vault, before anybody types a passphrase."""
        if not self.vault.exists():
            message = (
                f"there is no vault at {self.vault}: make one with `hushpost init`, or name yours"
                f" with --vault or {VAULT_VARIABLE}"
            )
            self.output.error("VaultMissing", message, ExitStatus.VAULT)
            raise SystemExit(ExitStatus.VAULT)

    def passphrase(self, prompt: str = "Passphrase", *, confirm: bool = False) -> str:
        """Give the passphrase of the vault, from wherever it comes."""
        return read_passphrase(self.passphrase_file, prompt=prompt, confirm=confirm)

    def run(self, work: Coroutine[object, object, int | None]) -> None:
        """Run a command to its end and exit with its status; errors become one line."""
        try:
            status = asyncio.run(_unraised(work)) or ExitStatus.DONE
        except (KeyboardInterrupt, asyncio.CancelledError, click.Abort):
            status = ExitStatus.INTERRUPTED
        except BrokenPipeError:
            raise  # whoever read along has gone; `command.main` ends quietly
        except (HushpostError, OSError) as error:
            status = exit_status(error)
            self.output.error(type(error).__name__, _words_of(error), status)
        except Exception as error:  # noqa: BLE001  the edge of the process: nobody is shown a trace
            status = ExitStatus.FAULT
            self.output.error(type(error).__name__, _fault(error), status)
        if status:
            raise SystemExit(int(status))


def command_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that all share, and a `Place` as its first argument."""

    @click.option(
        "--vault",
        type=click.Path(path_type=Path, dir_okay=False),
        envvar=VAULT_VARIABLE,
        default=None,
        help=f"The vault's file. Otherwise {VAULT_VARIABLE}, or one in your data folder.",
    )
    @click.option(
        "--passphrase-file",
        type=click.Path(path_type=Path, dir_okay=False),
        default=None,
        help="Read the passphrase from the first line of this file.",
    )
    @click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
    @functools.wraps(command)
    def with_place(
        vault: Path | None, passphrase_file: Path | None, as_json: bool, **rest: object
    ) -> None:
        place = Place(vault or default_vault(), passphrase_file, Output(as_json=as_json))
        command(place, **rest)

    return with_place


def default_vault() -> Path:
    """Give the vault that is used where none is named."""
    return platformdirs.user_data_path("hushpost") / DEFAULT_VAULT_NAME


async def in_time(work: Awaitable[T], seconds: float, otherwise: str) -> T:
    """Wait for something; raises `NotInTime` that says ``otherwise`` when it takes longer."""
    try:
        async with asyncio.timeout(seconds):
            return await work
    except TimeoutError:
        raise NotInTime(otherwise) from None


async def _unraised(work: Coroutine[object, object, int | None]) -> int | None:
    try:
        return await work
    except TimeoutError as error:
        raise NotInTime("it did not happen in the time given; nothing is lost") from error


def _words_of(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error) or (type(error).__doc__ or type(error).__name__)


def _fault(error: Exception) -> str:
    if os.environ.get(TRACE_VARIABLE):
        traceback.print_exception(error, file=sys.stderr)
    return (
        f"a fault of this program ({type(error).__name__}); nothing that was said to be done is"
        f" undone. Set {TRACE_VARIABLE}=1 to see where, and report it"
    )
