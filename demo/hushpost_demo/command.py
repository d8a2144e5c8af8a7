"""`hushpost`: what a person or a script types (docs/cli.md)."""

import asyncio
import os
import sys
from collections.abc import Sequence
from typing import Final

import click

from hushpost_demo import account_commands, chat_command, contact_commands, message_commands
from hushpost_demo.demo_command import demo
from hushpost_demo.exit_statuses import ExitStatus
from hushpost_demo.inventory_command import inventory

COMMANDS: Final = (
    demo,
    account_commands.init,
    account_commands.address,
    contact_commands.add,
    contact_commands.contacts,
    contact_commands.accept,
    contact_commands.decline,
    message_commands.send,
    message_commands.send_again,
    message_commands.listen,
    chat_command.chat,
    contact_commands.safety,
    contact_commands.verify,
    contact_commands.block,
    account_commands.passphrase,
    inventory,
)


class InOrder(click.Group):
    """Lists the commands in the order in which a newcomer needs them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Give the names in order of `COMMANDS`."""
        return list(self.commands)


@click.group(cls=InOrder, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="hushpost")
def cli() -> None:
    """Write sealed letters through a relay that cannot read them.

    Begin with `hushpost demo`. Then, with a relay running (`hushpost-relay serve`), make an account
    with `hushpost init`, hand out your `hushpost address`, and write with `hushpost chat`.
    """


for _command in COMMANDS:
    cli.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit with its status; nothing a person does shows a traceback."""
    try:
        status = cli.main(
            args=None if arguments is None else list(arguments),
            prog_name="hushpost",
            standalone_mode=False,
        )
    except click.ClickException as error:
        error.show()
        status = error.exit_code
    except (click.Abort, KeyboardInterrupt, asyncio.CancelledError):
        status = ExitStatus.INTERRUPTED
    except BrokenPipeError:
        # Whoever read along has gone, `head` for instance. What is still buffered goes nowhere,
        # or the interpreter would complain about it at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = ExitStatus.FAILED
    sys.exit(int(status or 0))


if __name__ == "__main__":
    main()
