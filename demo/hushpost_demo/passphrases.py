"""Where the passphrase comes from: a file, the environment, or the person at the terminal.

Never an argument: other users of a machine can read those.
"""

import os
import sys
from pathlib import Path
from typing import Final

import click

from hushpost_demo.errors import PassphraseFileUnusable, PassphraseMissing

PASSPHRASE_VARIABLE: Final = "HUSHPOST_PASSPHRASE"  # noqa: S105  a variable's name
NEW_PASSPHRASE_VARIABLE: Final = "HUSHPOST_NEW_PASSPHRASE"  # noqa: S105  a variable's name


def read_passphrase(
    file: Path | None, *, prompt: str, variable: str = PASSPHRASE_VARIABLE, confirm: bool = False
) -> str:
    """Give the passphrase from the first source there is; ``confirm`` asks a person twice.

    Raises `PassphraseFileUnusable`, and `PassphraseMissing` where nobody can be asked.
    """
    if file is not None:
        return _from_file(file)
    given = os.environ.get(variable)
    if given is not None:
        return given
    if not sys.stdin.isatty():
        raise PassphraseMissing(
            f"there is no terminal to ask for the passphrase: use --passphrase-file or {variable}"
        )
    typed: str = click.prompt(prompt, hide_input=True, confirmation_prompt=confirm, err=True)
    return typed


def _from_file(file: Path) -> str:
    try:
        first_line = file.read_text(encoding="utf-8").partition("\n")[0].removesuffix("\r")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise PassphraseFileUnusable(
            f"the passphrase file {file} cannot be read: {reason}"
        ) from None
    if not first_line:
        raise PassphraseFileUnusable(f"the first line of the passphrase file {file} is empty")
    return first_line
